"""The files that say how to reach a lab, as their readers read them."""

import json
from configparser import ConfigParser
from urllib.parse import urlsplit

from harness.run.environment import load
from tests.conftest import SimulatedLab


def test_our_own_file_can_be_loaded_and_its_secret_is_in_a_file_beside_it(lab: SimulatedLab) -> None:
    environment = load(lab.cloud_file)
    assert environment.secret_key() == lab.secret_key
    assert lab.secret_key not in lab.cloud_file.read_text()
    assert environment.lab is not None
    assert environment.lab.hosts == "simulated"
    assert set(environment.hosts.overrides) == {"kvm1", "kvm2", "kvm3"}


def test_the_cs_commands_file_has_endpoint_and_keys(lab: SimulatedLab) -> None:
    parser = ConfigParser()
    parser.read(lab.cloud_file.with_name("cloudstack.ini"))
    assert dict(parser["cloudstack"]) == {"endpoint": lab.endpoint, "key": lab.api_key, "secret": lab.secret_key}


def test_marvins_file_nests_zones_pods_clusters_and_hosts(lab: SimulatedLab) -> None:
    marvin = json.loads(lab.cloud_file.with_name("marvin.cfg").read_text())
    clusters = marvin["zones"][0]["pods"][0]["clusters"]
    assert [(cluster["clustername"], len(cluster["hosts"])) for cluster in clusters] == [
        ("cluster-a", 2),
        ("cluster-b", 1),
    ]
    assert marvin["mgtSvr"][0]["hypervisor"] == "KVM"
    assert marvin["mgtSvr"][0]["port"] == urlsplit(lab.endpoint).port


def test_only_their_owner_can_read_them(lab: SimulatedLab) -> None:
    for name in ("cloud.toml", "cloudstack.ini", "marvin.cfg", "secret_key", "known_hosts"):
        assert oct(lab.cloud_file.with_name(name).stat().st_mode)[-3:] == "600"
