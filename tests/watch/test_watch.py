"""A watch hears of each scale and migration once, and tells what is as predicted from what is not."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.audit.inventory import Inventory
from harness.cli import main
from harness.reference.offering import CustomParameters
from harness.reference.settings import CPU_OVERCOMMIT
from harness.run.environment import load
from harness.watch import Verdict, Watch, WatchedLine
from tests.audit.clouds import AuditedCloud
from tests.audit.conftest import cloud as cloud


@pytest.fixture(autouse=True)
def fresh(cloud: AuditedCloud) -> None:
    cloud.fresh()


@pytest.fixture
def heard() -> list[WatchedLine]:
    return []


def watch(cloud: AuditedCloud) -> Watch:
    return Watch(load(cloud.cloud_file), api_rate=None)


def step(watching: Watch, heard: list[WatchedLine]) -> list[WatchedLine]:
    """What is told in one step."""
    before = len(heard)
    watching.step(heard.append)
    return heard[before:]


def test_scales_that_go_as_predicted(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    instance, larger, capped = cloud.deploy(), cloud.offering(2, 900, 512), cloud.offering(2, 900, 512, cpu_cap=True)
    watching = watch(cloud)
    assert step(watching, heard) == []
    assert cloud.scale(instance, larger)
    (line,) = step(watching, heard)
    assert (line.verdict, line.happened, line.findings) == (Verdict.AS_PREDICTED, "succeeded", [])
    assert line.predicted == "in place on kvm1"
    assert cloud.scale(instance, capped)
    assert [one.verdict for one in step(watching, heard)] == [Verdict.AS_PREDICTED]
    assert step(watching, heard) == []


def test_a_scale_that_is_refused_as_predicted(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    instance, smaller = cloud.deploy(cloud.offering(2, 900, 512)), cloud.offering()
    watching = watch(cloud)
    assert not cloud.scale(instance, smaller)
    (line,) = step(watching, heard)
    assert (line.verdict, line.findings) == (Verdict.AS_PREDICTED, [])
    assert line.happened.startswith("refused")


def test_a_known_defect_is_named_and_no_finding(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    cloud.set(CPU_OVERCOMMIT, "2", "cluster-a")
    instance, larger = cloud.deploy(), cloud.offering(mhz=900, cpu_cap=True)
    watching = watch(cloud)
    assert cloud.scale(instance, larger)
    (line,) = step(watching, heard)
    assert (line.verdict, line.defects) == (Verdict.AS_PREDICTED, ["DEF-04"])


def test_an_instance_that_came_later_is_known_when_it_is_scaled(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    watching = watch(cloud)
    instance = cloud.deploy(host="kvm2")
    assert step(watching, heard) == []
    assert watching.instances == 1
    # Its offering is newer still.
    assert cloud.scale(instance, cloud.offering(2, 600, 512))
    (line,) = step(watching, heard)
    assert line.verdict is Verdict.AS_PREDICTED
    assert str(line.offering).startswith("offering-")


def test_one_that_was_never_seen_before_is_not_verified(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    larger, watching = cloud.offering(2, 600, 512), watch(cloud)
    instance = cloud.deploy()
    assert cloud.scale(instance, larger)
    (line,) = step(watching, heard)
    assert line.verdict is Verdict.NOT_VERIFIED
    assert line.not_seen == ["more than this happened to it between two looks"]


def test_a_cloud_that_does_something_else_is_told(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    instance, larger = cloud.deploy(), cloud.offering(2, 900, 512, cpu_cap=True)
    watching = watch(cloud)
    assert cloud.scale(instance, larger)
    cloud.hypervisors["kvm1"].set_scheduler_parameter(cloud.domain(instance).name, "vcpu_quota", 1234)
    (line,) = step(watching, heard)
    assert line.verdict is Verdict.OTHERWISE
    assert any("quota" in finding and "1234" in finding for finding in line.findings)


@pytest.mark.parametrize(
    "defect", ["dimm-halves", "vcpus-not-set", "shares-not-raised", "quota-not-set", "period-kept"]
)
def test_a_defect_of_the_catalogue_is_caught(cloud: AuditedCloud, heard: list[WatchedLine], defect: str) -> None:
    instance, larger = cloud.deploy(), cloud.offering(2, 900, 512, cpu_cap=True)
    watching = watch(cloud)
    cloud.lab.set_defect(defect)
    try:
        cloud.scale(instance, larger)
        told = step(watching, heard)
    finally:
        cloud.lab.set_defect(None)
    assert [one.verdict for one in told] == [Verdict.OTHERWISE]


def test_migrations_are_followed(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    instance, spoiled = cloud.deploy(), cloud.deploy()
    watching = watch(cloud)
    cloud.migrate(instance, "kvm2")
    (line,) = step(watching, heard)
    assert (line.what, line.verdict, line.findings) == ("migration", Verdict.AS_PREDICTED, [])
    cloud.migrate(spoiled, "kvm2")
    cloud.hypervisors["kvm2"].set_scheduler_parameter(cloud.domain(spoiled).name, "cpu_shares", 77)
    (line,) = step(watching, heard)
    assert line.verdict is Verdict.OTHERWISE


def test_a_scale_that_migrates_is_one_job(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    cloud.deploy(cloud.offering(1, 100, 3400))
    instance, larger = cloud.deploy(), cloud.offering(1, 500, 1024)
    watching = watch(cloud)
    assert cloud.scale(instance, larger)
    (line,) = step(watching, heard)
    assert (line.what, line.verdict, line.predicted) == ("scale", Verdict.AS_PREDICTED, "migrated on kvm2")


def test_custom_parameters_are_those_that_the_instance_then_has(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    offering = cloud.offering(None, None, None)
    instance = cloud.deploy(offering, CustomParameters("1", "500", "256"))
    watching = watch(cloud)
    assert cloud.scale(instance, offering, CustomParameters("2", None, None))
    assert [one.verdict for one in step(watching, heard)] == [Verdict.AS_PREDICTED]
    assert not cloud.scale(instance, offering, CustomParameters("1", None, None))
    assert [one.verdict for one in step(watching, heard)] == [Verdict.NOT_VERIFIED]


def test_scales_of_neighbours_that_end_together_are_told_apart(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    """All are on one host, and one has ended before another one's event is read."""
    made, larger = [cloud.deploy() for _ in range(3)], cloud.offering(2, 900, 512, cpu_cap=True)
    watching = watch(cloud)
    assert cloud.scale(made[0], larger)
    read = watching._read

    def read_and_scale_another() -> Inventory:
        """Between what is read and the next look at the events."""
        found = read()
        if len(made) > 2:
            assert cloud.scale(made.pop(), larger)
        return found

    watching._read = read_and_scale_another  # type: ignore[method-assign]
    for _ in range(3):
        watching.step(heard.append)
    assert [(one.verdict, one.findings) for one in heard if one.findings] == []
    assert sorted(one.verdict for one in heard) == [Verdict.AS_PREDICTED, Verdict.NOT_VERIFIED]
    assert cloud.scale(made[1], larger)
    assert [one.verdict for one in step(watching, heard)] == [Verdict.AS_PREDICTED]


def test_two_scales_between_two_looks_are_not_judged(cloud: AuditedCloud, heard: list[WatchedLine]) -> None:
    instance, watching = cloud.deploy(), watch(cloud)
    assert cloud.scale(instance, cloud.offering(2, 900, 512))
    assert cloud.scale(instance, cloud.offering(3, 900, 512, cpu_cap=True))
    told = step(watching, heard)
    assert {one.verdict for one in told} == {Verdict.NOT_VERIFIED}
    assert cloud.scale(instance, cloud.offering(4, 900, 512))
    (line,) = step(watching, heard)
    assert (line.verdict, line.not_seen) == (Verdict.AS_PREDICTED, [])


def test_the_command_tells_each_job_and_ends_as_it_should(cloud: AuditedCloud, tmp_path: Path) -> None:
    instance, larger = cloud.deploy(), cloud.offering(2, 900, 512)
    file = tmp_path / "watch.jsonl"
    command = [str(Path(sys.executable).with_name("cs-harness")), "watch", "--cloud", str(cloud.cloud_file)]
    command += ["--every", "0.2", "--api-rate", "1000", "--output", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "watching 1 running instances\n"
        assert cloud.scale(instance, larger)
        line = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        rest = running.stdout.read()
    assert "as predicted: succeeded" in line
    assert (running.returncode, rest) == (0, "1 as predicted\n")
    assert json.loads(file.read_text())["verdict"] == "as predicted"


def test_nothing_that_happens_is_no_success_and_no_failure(cloud: AuditedCloud) -> None:
    arguments = ["watch", "--cloud", str(cloud.cloud_file), "--for", "0", "--api-rate", "1000"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (0, "watching 0 running instances\nno job was seen\n")


def test_a_file_that_cannot_be_written_is_told_before_anything_is_watched(cloud: AuditedCloud) -> None:
    arguments = ["watch", "--cloud", str(cloud.cloud_file), "--for", "0", "--output", "/proc/nowhere"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (2, "cs-harness: /proc/nowhere: No such file or directory\n")
