"""Cases in several processes: one record, each case in its own place, nothing left by a worker that dies."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from harness.cloud.client import CloudApi
from harness.lab.control import embedded_lab
from harness.lab.options import DEFAULT_RELEASE, LabOptions
from harness.lab.topology import DEFAULT_LAB, HostSpec, LabSpec
from harness.pytest_plugin.cases import case_id
from tests.conftest import SimulatedLab

MODULE = """
import os
import pytest
from harness.reference.settings import CPU_CEILING, ENABLE_DYNAMIC_SCALE
from harness.verify.domain import is_prepared, seen_domain

@pytest.mark.parametrize("number", [pytest.param(n, marks=pytest.mark.case(f"XML-{n}")) for n in range(10, 14)])
def test_shared(stage, number):
    '''It shares the zone.'''
    assert is_prepared(seen_domain(stage.instance(stage.fixed(1, 500, 256)).verify()))

@pytest.mark.parametrize("number", [pytest.param(n, marks=pytest.mark.case(f"XML-{n}")) for n in range(20, 23)])
@pytest.mark.zone_settings({ENABLE_DYNAMIC_SCALE: "false"})
def test_other_terms(stage, number):
    '''It wants the zone's switch off.'''
    assert not is_prepared(seen_domain(stage.instance(stage.fixed(1, 500, 256)).verify()))

@pytest.mark.parametrize("number", [pytest.param(n, marks=pytest.mark.case(f"LIM-{n}")) for n in range(5, 8)])
@pytest.mark.alone("cluster")
def test_alone(stage, number):
    '''It changes a setting of its cluster.'''
    stage.setting(CPU_CEILING, str(number))
    assert seen_domain(stage.instance(stage.fixed(1, 500, 256)).verify()).max_vcpus == number
"""
SKIPS = """
from harness.reference.offering import Size

@pytest.mark.case("CAP-01")
def test_skips(stage):
    stage.needs_a_neighbour_for(Size(1, 500, 9**9))
"""
DIES = """
import os
import pytest

@pytest.mark.case("XML-01")
def test_dies(stage):
    '''It takes its process along.'''
    stage.instance(stage.fixed(1, 500, 256))
    os._exit(1)

@pytest.mark.case("XML-02")
def test_lives(stage):
    '''It goes well.'''
    stage.instance(stage.fixed(1, 500, 256)).verify()
"""


ORDER = """
import pytest
from harness.reference.settings import ENABLE_DYNAMIC_SCALE

def _cases(section, *marks):
    return [pytest.param(section, n, marks=[pytest.mark.case(f"{section}-0{n}"), *marks]) for n in (1, 2)]

@pytest.mark.parametrize(("section", "n"), [
    *_cases("SWT", pytest.mark.zone_settings({ENABLE_DYNAMIC_SCALE: "false"})),
    *_cases("LS"),
    *_cases("LIM", pytest.mark.alone("cluster")),
    *_cases("MIG", pytest.mark.alone("cluster", hosts=2)),
    *_cases("UPG", pytest.mark.alone("zone")),
])
def test_case(stage, section, n):
    '''It is only collected.'''
"""


@pytest.fixture
def run(pytester: pytest.Pytester, lab: SimulatedLab):
    def run_module(text: str, *options: str, cloud: Path = lab.cloud_file):
        pytester.makepyfile(text)
        result = pytester.runpytest_subprocess(f"--cloud={cloud}", "-n", "3", "-W", "error", *options)
        results = pytester.path / "reports" / "latest" / "results.json"
        return result, json.loads(results.read_text()) if results.exists() else None

    return run_module


def _instances(lab: SimulatedLab) -> list[object]:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    return api.list("listVirtualMachines", "virtualmachine", listall=True)


class Collected:
    """A plugin that keeps the order of what was collected."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.ids = [case_id(item) for item in session.items]


def test_a_cluster_is_left_to_share_beside_each_chain_and_other_settings_come_first(pytester: pytest.Pytester) -> None:
    collected = Collected()
    pytester.makepyfile(ORDER)
    pytester.inline_run("--collect-only", "--select=full", plugins=[collected])
    around_the_smaller_chain = ["LS-01", "LIM-01", "LIM-02", "LS-02"]
    first = ["UPG-01", "UPG-02", "SWT-01", "SWT-02", "MIG-01", "MIG-02"]
    assert collected.ids == [*first, *around_the_smaller_chain]


def test_neighbours_of_a_module_that_may_overlap_come_far_apart(pytester: pytest.Pytester) -> None:
    collected = Collected()
    cases = "".join(f'@pytest.mark.case("TRN-{n}")\ndef test_{n}(stage):\n    """A case."""\n' for n in range(21))
    pytester.makepyfile(f"import pytest\n{cases}")
    pytester.inline_run("--collect-only", "--select=full", plugins=[collected])
    numbers = [int(str(each).removeprefix("TRN-")) for each in collected.ids]
    assert sorted(numbers) == list(range(21))
    assert all(abs(one - other) > 5 for one, other in pairwise(numbers))


def test_where_each_chain_has_a_cluster_and_one_is_left_to_share_all_chains_come_first(
    run, lab, tmp_path: Path
) -> None:
    def first_cases(cloud: Path) -> set[str]:
        _, record = run(ORDER, "--select=full", "-n", "5", cloud=cloud)
        cases = sorted(record["cases"], key=lambda case: case["began"])
        return {next(case["id"] for case in cases if case["worker"] == f"gw{number}") for number in range(5)}

    topology = tmp_path / "topology.json"
    third = HostSpec("kvm4", "cluster-c", 8, 2000, 4096)
    topology.write_text(LabSpec(hosts=(*DEFAULT_LAB.hosts, third)).as_json())
    with embedded_lab(tmp_path / "lab", "simulated", DEFAULT_RELEASE, LabOptions(topology=topology)) as cloud:
        assert first_cases(cloud) == {"UPG-01", "SWT-01", "SWT-02", "MIG-01", "LIM-01"}
    assert first_cases(lab.cloud_file) == {"UPG-01", "SWT-01", "SWT-02", "MIG-01", "LS-01"}


@pytest.mark.parametrize("order", [(), ("--shuffle=1",), ("--shuffle=2",)], ids=str)
def test_cases_with_other_settings_do_not_disturb_each_other_in_any_order(run, lab, order: tuple[str, ...]) -> None:
    result, record = run(MODULE, *order)
    assert {case["outcome"] for case in record["cases"]} == {"passed"}, record["cases"]
    assert len(record["cases"]) == 10
    assert result.ret == 0
    assert record["workers"] == 3
    assert len({case["worker"] for case in record["cases"]}) > 1
    assert record["leftovers"] == []
    assert _instances(lab) == []


def test_a_case_whose_worker_dies_could_not_run_and_leaves_nothing(run, lab) -> None:
    result, record = run(DIES)
    outcomes = {case["id"]: case["outcome"] for case in record["cases"]}
    assert outcomes == {"XML-01": "could not run", "XML-02": "passed"}
    [dead] = [case for case in record["cases"] if case["id"] == "XML-01"]
    assert "crashed while running" in dead["reason"]
    assert result.ret != 0
    assert _instances(lab) == []


def test_a_cloud_that_cannot_be_reached_ends_the_run_in_one_line(run, lab, tmp_path: Path) -> None:
    wrong = tmp_path / "cloud.toml"
    wrong.write_text(lab.cloud_file.read_text().replace(lab.endpoint, "http://127.0.0.1:9/client/api"))
    (tmp_path / "secret_key").write_text("x")
    result, record = run(DIES, cloud=wrong)
    assert result.ret == 2
    assert "no CloudStack API answers" in record["could_not_run"]
    assert record["cases"] == []


def test_what_is_required_and_not_verified_fails_the_run(run) -> None:
    body = MODULE + SKIPS
    result, record = run(body, "--select=XML-1*,CAP")
    assert (result.ret, record["unmet"]) == (2, [])
    result, record = run(body, "--select=XML-1*,CAP", "--allow-unverified=CAP")
    assert result.ret == 0
    result, record = run(body, "--select=XML-1*,CAP", "--allow-unverified=CAP", "--require=guest,CAP-01")
    assert result.ret == 1
    assert record["unmet"][0].startswith("guest: CAP-01: ")
    assert record["unmet"][1] == "CAP-01: CAP-01 not verified"
