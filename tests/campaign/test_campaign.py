"""A campaign over two labs: one record, in which nobody's green covers another's blindness, whatever workers die."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.campaign.campaign import run_campaign, take_in
from harness.campaign.file import CampaignFileError, Member, load
from harness.campaign.member_run import MemberRun
from harness.cli import main
from harness.engine.dask import Dask
from harness.engine.parts import Done
from harness.report.reading import read_run
from harness.run.record import CaseRecord, EnvironmentRecord, HostRecord, Outcome, RunFolder, RunRecord
from harness.waiting import wait_until

TWO = """
select = "LIM-03"
[[environments]]
name = "new"
lab = "simulated"
release = "4.23"
cgroup_version = 1
management_os = "el9"
[[environments]]
name = "old"
lab = "simulated"
release = "4.22"
select = "NEG-01"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "campaign.toml"
    file.write_text(text, encoding="utf-8")
    return file


def run(file: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["campaign", str(file), "--reports", str(file.parent / "reports"), *more])


def test_two_environments_become_one_record_with_all_its_forms(tmp_path: Path) -> None:
    result = run(written(tmp_path, TWO))
    assert result.exit_code == 0, result.output
    assert "new: 1 cases, exit code 0 on CloudStack 4.23.0.0 (simulated hosts)" in result.output
    folder = (tmp_path / "reports" / "latest").resolve()
    record = RunRecord.model_validate_json((folder / "results.json").read_text())
    assert [case.id for case in record.cases] == ["new:LIM-03", "old:NEG-01"]
    assert [(one.name, one.release, one.exit_code) for one in record.campaign] == [
        ("new", "4.23", 0),
        ("old", "4.22", 0),
    ]
    assert record.campaign[0].environment is not None
    assert record.campaign[0].management_os == "el9"
    assert {"index.html", "junit.xml", "report.md"} <= {file.name for file in folder.iterdir()}
    assert "new:LIM-03" in (folder / "junit.xml").read_text()


@pytest.mark.kvm
def test_its_environments_can_be_labs_of_kvm_hosts_of_either_release(tmp_path: Path) -> None:
    text = TWO.replace("simulated", "kvm").replace("LIM-03", "XML-01").replace("NEG-01", "XML-01")
    result = run(written(tmp_path, text))
    assert result.exit_code == 0, result.output
    record = read_run(tmp_path / "reports" / "latest")
    assert [(case.id, case.outcome) for case in record.cases] == [
        ("new:XML-01", Outcome.PASSED),
        ("old:XML-01", Outcome.PASSED),
    ]
    seen = [one.environment for one in record.campaign if one.environment is not None]
    assert [(one.hosts_kind, one.release) for one in seen] == [("kvm", "4.23"), ("kvm", "4.22")]


def test_an_environment_that_could_not_run_makes_the_campaign_2_and_is_named(tmp_path: Path) -> None:
    result = run(written(tmp_path, '[[environments]]\nname = "gone"\ncloud = "gone.toml"\n'))
    assert result.exit_code == 2, result.output
    assert "gone: could not run" in result.output
    record = read_run(tmp_path / "reports" / "latest")
    assert record.could_not_run == "environments that could not run: gone"
    assert [one.name for one in record.campaign] == ["gone"]


def test_an_environment_that_is_another_one_than_declared_is_told(tmp_path: Path) -> None:
    host = HostRecord(name="h", cpus=1, speed_mhz=1, memory_kib=1, cgroup_version=1, libvirt="9", qemu="7", kernel="6")
    there = EnvironmentRecord(endpoint="e", cloudstack="4.22.0.0", release="4.22", hosts_kind="cloud", hosts=[host])
    record = RunFolder(tmp_path / "theirs").record.model_copy(update={"environment": there})
    done = Done("new", MemberRun("new", record.model_dump_json(), 0, tmp_path / "elsewhere", "m"), None)
    folder = RunFolder(tmp_path)
    take_in(folder, Member(name="new", lab="simulated", release="4.23", cgroup_version=2), done)
    assert folder.record.unmet == [
        "new:cgroup_version is declared as 2, hosts have 1",
        "new:release is declared as 4.23, the cloud behaves like 4.22",
    ]
    assert folder.record.exit_code == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("", ""), "environments: missing"),
        (('lab = "simulated"', 'lab = "simulated"\ncloud = "x"'), "one of cloud and lab"),
        (('name = "old"', 'name = "new"'), "new: give each a name of its own"),
        (('name = "old"', 'name = "a/b"'), "environments.1.name"),
        (('management_os = "el9"', 'os = "el9"'), "environments.0.os: unknown key"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_key(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    text = TWO.replace(*change) if change[0] else 'select = "smoke"'
    with pytest.raises(CampaignFileError, match=says):
        load(written(tmp_path, text))


def test_what_nobody_verified_in_one_environment_is_not_covered_by_another(tmp_path: Path) -> None:
    def done(name: str, outcome: Outcome) -> Done[MemberRun]:
        case = CaseRecord(
            id="MIG-01",
            section="MIG",
            title="t",
            outcome=outcome,
            layers={},
            findings=[],
            reason="r",
            steps=[],
            seconds=1,
        )
        record = RunFolder(tmp_path / name).record
        record.cases.append(case)
        return Done(name, MemberRun(name, record.model_dump_json(), 0, tmp_path / "elsewhere", "m"), None)

    folder = RunFolder(tmp_path)
    for name, outcome in (("a", Outcome.PASSED), ("b", Outcome.NOT_VERIFIED)):
        take_in(folder, Member(name=name, lab="simulated"), done(name, outcome))
    assert folder.record.blind == ["b:MIG"]
    assert folder.record.exit_code == 2


def test_a_run_whose_worker_is_killed_is_redone_once_and_told_once(tmp_path: Path) -> None:
    file = written(tmp_path, TWO.replace('select = "LIM-03"', 'select = "LIM-03,LIM-04,LIM-06"', 1))
    with Dask("local:2") as dask, ThreadPoolExecutor(1) as threads:
        pids = dask.client.run(os.getpid)
        told: list[str] = []
        hear: Callable[[object], None] = lambda member: told.append(str(getattr(member, "name", "")))  # noqa: E731
        running = threads.submit(lambda: run_campaign(load(file), tmp_path / "reports", dask, hear))
        wait_until(
            "the first environment's run to have begun",
            lambda: list((tmp_path / "reports").glob("*/new/*/results.json")),
            bool,
            60,
        )
        busy = dask.client.processing()
        victim = next(worker for worker, keys in busy.items() if keys)
        os.kill(pids[victim], signal.SIGKILL)
        record = running.result().record

    assert sorted(told) == ["new", "old"]
    assert {one.name: one.exit_code for one in record.campaign} == {"new": 0, "old": 0}
    ids = [case.id for case in record.cases]
    assert len(ids) == len(set(ids))
    assert record.exit_code == 0
    # The other run of that environment was cut off.
    runs = list((tmp_path / "reports").glob("*/*/*/results.json"))
    assert len({file.parent.resolve() for file in runs}) == 3
