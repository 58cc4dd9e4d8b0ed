"""The doctor says what a run would lack, all at once, and changes nothing."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cloud.client import ApiAnswerError
from harness.cloud.entities import HostRecord
from harness.lab.faults.order import FaultOrder
from harness.run.doctor import _role, sections
from harness.run.environment import load
from harness.run.holds import Claim
from tests.cli.test_cleanup import _state
from tests.cloud.conftest import ScriptedServer, json_response
from tests.conftest import SimulatedLab

MIB = 1024 * 1024


def _doctor(file: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", "doctor", "--cloud", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_cloud_that_has_everything_is_told_so_and_left_alone(lab: SimulatedLab) -> None:
    before = _state(lab)
    done = _doctor(lab.cloud_file)
    assert done.returncode == 0, done.stdout + done.stderr
    for line in (
        "ok   API: CloudStack 4.23",
        "ok   role: root admin admin",
        "ok   clock: ",
        "ok   host kvm1: libvirt ",
    ):
        assert line in done.stdout
    [told] = [line for line in done.stdout.splitlines() if line.startswith("ok   section MIG: ")]
    assert re.search(r"\d+ of \d+ cases could run; room: .*kvm\d \d+ MiB and \d+ MHz", told)
    assert _state(lab) == before


def test_a_cloud_without_room_is_told_with_what_each_host_has(lab: SimulatedLab) -> None:
    environment = load(lab.cloud_file)
    full = [
        HostRecord(
            id=name,
            name=name,
            address="-",
            cluster_id="c",
            hypervisor="KVM",
            state="Up",
            resource_state="Enabled",
            cpus=2,
            speed_mhz=1000,
            allocatable_memory_bytes=1024 * MIB,
            allocated_cpu_mhz=0,
            allocated_memory_bytes=(1024 - free) * MIB,
        )
        for name, free in (("kvm1", 767), ("kvm2", 100))
    ]
    [check] = sections(environment, {"LS-01": Claim()}, full)
    assert not check.good
    assert "need 1.5 CPUs and 768 MiB free on a host" in check.says
    assert "kvm1 has 767 MiB and 2000 MHz; kvm2 has 100 MiB" in check.says


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"lab-zone"', '"nowhere"', "FAIL zone: the cloud has no zone 'nowhere'; it has lab-zone"),
        ('"lab-guest"', '"lab-guest-unscalable"', "FAIL template: lab-guest-unscalable is not dynamically scalable"),
        ('address = "127.0.0.1"', 'address = "127.0.0.2"', "FAIL host kvm1: host kvm1 (127.0.0.2:"),
        ("/client/api", "/nothing", "FAIL API: "),
        ('"lab-net"', '"no-net"', "FAIL sections: none: there is no run without network"),
        ('"lab-guest-unscalable"', '"none"', "FAIL sections: none: there is no run without unscalable template"),
        ('"instances", ', "", "FAIL section LS: 0 of"),
    ],
)
def test_each_lack_is_told_with_the_sections_that_could_not_run(
    lab: SimulatedLab, old: str, new: str, told: str
) -> None:
    file = lab.cloud_file.with_name("lacking.toml")
    text = lab.cloud_file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    done = _doctor(file)
    assert done.returncode == 2
    assert told in done.stdout
    assert "FAIL section" in done.stdout


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("listHosts", "FAIL hosts: "),
        ("listTemplates", "FAIL template: "),
        ("getUser", "FAIL role: "),
        ("listZones", "FAIL zone: "),
    ],
)
def test_a_question_that_is_not_answered_is_told_with_what_else_is_known(
    lab: SimulatedLab, command: str, told: str
) -> None:
    lab.faults.arm(FaultOrder.model_validate({"kind": "server-error", "command": command}))
    try:
        done = _doctor(lab.cloud_file)
    finally:
        lab.faults.clear()
    assert (done.returncode, done.stderr) == (2, "")
    assert told in done.stdout
    assert "section" in done.stdout.splitlines()[-1]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


def test_an_answer_that_makes_no_sense_is_told(server: ScriptedServer) -> None:
    server.answer = lambda command: json_response(command, {"user": {"account": "a", "accounttype": "x"}})
    with pytest.raises(ApiAnswerError, match="no number"):
        _role(server.api)


def test_a_marvin_configuration_is_as_good_as_an_environment_file(lab: SimulatedLab) -> None:
    done = _doctor(lab.cloud_file.with_name("marvin.cfg"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ok   host kvm1: libvirt " in done.stdout


def test_logs_that_cannot_be_read_are_told_and_stop_nothing(lab: SimulatedLab, tmp_path: Path) -> None:
    (tmp_path / "agent.log").write_text("x")
    file = lab.cloud_file.with_name("with-logs.toml")
    host = 'address = "127.0.0.1"\nport = 1\n'
    file.write_text(f'{lab.without_logs()}\n[logs]\nagent = "{tmp_path}/agent.log"\n[logs.management]\n{host}')
    done = _doctor(file)
    assert done.returncode == 0, done.stdout
    assert f"ok   log of kvm1: {tmp_path}/agent.log can be read" in done.stdout
    assert "note log of management server: is not in evidence: host management server" in done.stdout
