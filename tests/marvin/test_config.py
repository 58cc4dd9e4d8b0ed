"""Marvin configurations: read as they are, and what is wrong with one said in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.marvin.config import MarvinConfigError, read

SAMPLE = Path(__file__).parents[2] / "configs" / "marvin.cfg"
SMALL = {"zones": [{"name": "z"}], "mgtSvr": [{"mgtSvrIp": "10.0.0.1", "port": 8080}]}


def _file(folder: Path, tree: object) -> Path:
    file = folder / "some.cfg"
    file.write_text(tree if isinstance(tree, str) else json.dumps(tree))
    return file


def test_the_sample_of_the_project_can_be_read() -> None:
    config = read(SAMPLE)
    [cluster] = config.clusters()
    assert [(host.address, host.port, host.username) for host in cluster.hosts] == [
        ("10.1.1.11", None, "root"),
        ("10.1.1.12", 2222, "root"),
    ]
    assert config.hypervisor() == "KVM"
    assert config.management_server.is_integration_port
    assert config.settings[0].name == "enable.dynamic.scale.vm"
    assert config.logger.folder == "marvin-logs"


@given(
    st.lists(st.sampled_from(["# a remark", "  # one that is indented", "#", "# {", '#"zones": []']), max_size=3),
    st.integers(0, 6),
)
def test_lines_that_begin_with_a_hash_do_not_count(
    tmp_path_factory: pytest.TempPathFactory, remarks: list[str], at: int
) -> None:
    lines = json.dumps(SMALL, indent=1).splitlines()
    lines[at:at] = remarks
    config = read(_file(tmp_path_factory.mktemp("cfg"), "\n".join(lines)))
    assert config.tree == SMALL


@pytest.mark.parametrize(
    ("tree", "says"),
    [
        ("[", r"not JSON with #-lines: .*line 1"),
        ("# a\n# b\n{\n!", r"line 4"),
        ({"zones": []}, r"mgtSvr: Field required"),
        ({"mgtSvr": []}, r"mgtSvr: .*at least 1"),
        ({"mgtSvr": [{"port": 80}]}, r"mgtSvr\.0\.mgtSvrIp: Field required"),
        ({"mgtSvr": [{"mgtSvrIp": "a", "port": 99999}]}, r"mgtSvr\.0\.port: .*65535"),
        ({**SMALL, "zones": [{"name": "z", "pods": [{"clusters": [{"hosts": [{}]}]}]}]}, r"hosts\.0\.url: Field req"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, tree: object, says: str) -> None:
    with pytest.raises(MarvinConfigError, match=says) as raised:
        read(_file(tmp_path, tree))
    assert "\n" not in str(raised.value)
    assert "some.cfg" in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MarvinConfigError, match=r"none\.cfg: cannot be read: No such file"):
        read(tmp_path / "none.cfg")


def test_the_first_cluster_with_a_hypervisor_tells_it_else_the_server(tmp_path: Path) -> None:
    pods = [None, {"clusters": [None, {"hypervisor": None}, {"hypervisor": "XenServer"}, {"hypervisor": "KVM"}]}]
    assert read(_file(tmp_path, {**SMALL, "zones": [{"name": "z", "pods": pods}]})).hypervisor() == "XenServer"
    server = {"mgtSvrIp": "a", "hypervisor": "KVM"}
    assert read(_file(tmp_path, {"zones": [{"name": "z"}], "mgtSvr": [server]})).hypervisor() == "KVM"


def test_a_zone_that_is_asked_for_need_not_be_described(tmp_path: Path) -> None:
    config = read(_file(tmp_path, SMALL))
    assert (config.zone(None).name, config.zone("other").name, config.zone("other").pods) == ("z", "other", [])
    with pytest.raises(MarvinConfigError, match="give --zone"):
        read(_file(tmp_path, {"mgtSvr": SMALL["mgtSvr"]})).zone(None)


@pytest.mark.parametrize("said", [True, "True", "true", "yes"])
def test_https_may_be_said_as_marvin_says_it_or_as_json_does(tmp_path: Path, said: object) -> None:
    tree = {**SMALL, "mgtSvr": [{"mgtSvrIp": "a", "useHttps": said}]}
    assert read(_file(tmp_path, tree)).management_server.url(8443) == "https://a:8443/client/api"
