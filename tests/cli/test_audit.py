"""`cs-harness audit` and its exit codes, as cron sees them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from tests.audit.clouds import AuditedCloud
from tests.audit.conftest import cloud as cloud


@pytest.fixture(autouse=True)
def fresh(cloud: AuditedCloud) -> None:
    cloud.fresh()


def run(cloud: AuditedCloud, folder: Path, *more: str) -> Result:
    arguments = ["audit", "--cloud", str(cloud.cloud_file), "--output", str(folder), "--api-rate", "1000", *more]
    return CliRunner().invoke(main, arguments)


def test_all_is_well(cloud: AuditedCloud, tmp_path: Path) -> None:
    cloud.deploy()
    result = run(cloud, tmp_path)
    assert result.exit_code == 0, result.output
    assert "1 running instances on 3 hosts: 1 can be scaled live now" in result.output
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "audit.jsonl",
        "cs-harness-audit.prom",
        "fix-plan.txt",
        "index.html",
        "instances.csv",
    ]


def test_what_is_wrong_is_1_and_what_cannot_be_scaled_when_that_is_asked_for(
    cloud: AuditedCloud, tmp_path: Path
) -> None:
    instance = cloud.deploy(requested=False)
    assert run(cloud, tmp_path).exit_code == 0
    assert run(cloud, tmp_path, "--fail-on", "unready").exit_code == 1
    cloud.hypervisors["kvm1"].set_scheduler_parameter(cloud.domain(instance).name, "cpu_shares", 7)
    assert run(cloud, tmp_path).exit_code == 1
    assert run(cloud, tmp_path, "--fail-on", "never").exit_code == 0


def test_what_could_not_be_seen_is_2_unless_something_is_wrong(cloud: AuditedCloud, tmp_path: Path) -> None:
    instance = cloud.deploy()
    cloud.lab.faults.arm(FaultOrder(kind=Fault.SSH_REFUSED, host="kvm3"))
    assert run(cloud, tmp_path).exit_code == 2
    cloud.hypervisors["kvm1"].set_scheduler_parameter(cloud.domain(instance).name, "cpu_shares", 7)
    assert run(cloud, tmp_path).exit_code == 1


def test_a_wrong_name_ends_in_one_line(cloud: AuditedCloud, tmp_path: Path) -> None:
    result = run(cloud, tmp_path, "--cluster", "cluster-z")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "cluster-a, cluster-b" in result.output


def test_a_folder_that_cannot_be_written_ends_in_one_line(cloud: AuditedCloud) -> None:
    result = run(cloud, Path("/proc/nowhere"))
    assert (result.exit_code, result.output) == (2, "cs-harness: /proc/nowhere: No such file or directory\n")


def test_a_time_that_is_none_is_refused(cloud: AuditedCloud, tmp_path: Path) -> None:
    result = run(cloud, tmp_path, "--upgraded", "yesterday")
    assert result.exit_code == 2
    assert "--upgraded" in result.output


def test_the_lines_are_printed_for_programs(cloud: AuditedCloud, tmp_path: Path) -> None:
    cloud.deploy()
    lines = [json.loads(line) for line in run(cloud, tmp_path, "--json").output.splitlines()]
    assert [line["kind"] for line in lines] == ["cloud", "host", "host", "host", "instance", "end"]


def test_the_plan_is_printed_and_not_run(cloud: AuditedCloud, tmp_path: Path) -> None:
    cloud.scaling(on=False)
    instance = cloud.deploy()
    result = run(cloud, tmp_path, "--quiet", "--fix-plan")
    assert "updateConfiguration name=enable.dynamic.scale.vm value=true" in result.output
    assert f"stopVirtualMachine id={instance}" in result.output
    assert "scaling-off" in cloud.states(instance)


@pytest.mark.parametrize(("more", "shown"), [((), True), (("--quiet",), False), (("--json",), False)])
def test_a_terminal_shows_how_many_hosts_are_done(
    cloud: AuditedCloud, tmp_path: Path, more: tuple[str, ...], shown: bool
) -> None:
    ours, theirs = os.openpty()
    command = [sys.executable, "-m", "harness", "audit", "--cloud", str(cloud.cloud_file), "--output", str(tmp_path)]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    with os.fdopen(ours, "rb", buffering=0) as screen, os.fdopen(theirs, "wb") as terminal:
        done = subprocess.run(
            [*command, *more], stdout=subprocess.PIPE, stderr=terminal, env=environment, text=True, check=False
        )
        terminal.write(b"end")
        terminal.flush()
        told = b""
        while not told.endswith(b"end"):
            told += screen.read(65536)

    assert done.returncode == 0, told
    assert ("3/3" in told.decode()) is shown
    assert "3/3" not in done.stdout
