"""A guest is made busy, and what its vCPUs used is read, with what the cap took from them."""

import json
import re
from collections.abc import Callable, Iterator

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.cpu_use import BURN_REQUEST, STATUS_REQUEST, CpuUse, read_begun, read_cpu_use, read_status
from harness.hosts.observation import NotSeen
from harness.hosts.ssh_transport import SshHostView
from harness.lab.fleet import LabHost
from harness.waiting import wait_until

NAME = "i-2-7-VM"
STATS = "Domain: 'x'\n  vcpu.current=2\n  vcpu.0.state=1\n  vcpu.0.time=1500000000\n  vcpu.1.time=20000000\n"


@pytest.fixture
def view(access: Callable[..., HostAccess]) -> Iterator[SshHostView]:
    view = SshHostView(access())
    yield view
    view.close()


def _use(view: SshHostView) -> CpuUse:
    seen = view.cpu_use(NAME)
    assert isinstance(seen, CpuUse)
    return seen


def test_times_and_throttling_are_read() -> None:
    assert read_cpu_use("12.50 90.1", STATS, "throttled 0 7\nthrottled 1 0", "12.75 90.2") == CpuUse(
        12.5, {0: 1.5, 1: 0.02}, {0: 7, 1: 0}, 0.25
    )
    assert read_cpu_use("12.50 90.1", STATS, NotSeen("no"), "12.50 90.1") == CpuUse(12.5, {0: 1.5, 1: 0.02}, None)
    assert read_cpu_use("12.50 90.1", STATS, "reason none", "12.50 90.1") == CpuUse(12.5, {0: 1.5, 1: 0.02}, None)


@pytest.mark.parametrize(
    ("uptime", "stats"),
    [(NotSeen("gone"), STATS), ("1.0 1.0", NotSeen("gone")), ("1.0 1.0", "Domain: 'x'"), ("now", STATS)],
)
def test_what_is_no_time_is_not_seen(uptime: str | NotSeen, stats: str | NotSeen) -> None:
    assert isinstance(read_cpu_use(uptime, stats, "throttled 0 7", "2.0 2.0"), NotSeen)
    assert isinstance(read_cpu_use("1.0 1.0", STATS, "throttled 0 7", uptime), NotSeen) or uptime == "1.0 1.0"


def test_a_guest_that_runs_no_program_says_why() -> None:
    assert read_begun('{"return":{"pid":7}}') == 7
    refused = read_begun(NotSeen("guest-exec has been disabled"))
    assert refused == NotSeen("the guest runs no program: guest-exec has been disabled")
    for answer in ("{}", "no json", '{"return":{"pid":null}}'):
        assert isinstance(read_begun(answer), NotSeen)


def test_a_program_that_ended_is_told_with_its_last_words() -> None:
    assert read_status('{"return":{"exited":false}}') is None
    ended = '{"return":{"exited":true,"exitcode":127,"err-data":"bmljZTogYXBwbGV0IG5vdCBmb3VuZAo="}}'
    assert read_status(ended) == NotSeen("the guest's program ended by itself, saying nice: applet not found")
    assert read_status('{"return":{"exited":true}}') == NotSeen("the guest's program ended by itself")
    for answer in (NotSeen("gone"), "no json", "{}", '{"return":{"exited":true,"err-data":7}}'):
        assert "does not tell of its program" in str(read_status(answer))


def test_a_busy_guest_uses_what_its_cap_leaves_it(view: SshHostView, host: LabHost) -> None:
    # Quota 2500 of 10000 by its XML.
    idle = _use(view)
    pid = view.burn_cpu(NAME, 30)
    assert isinstance(pid, int)
    assert view.not_burning(NAME, pid) is None
    first = _use(view)
    second = wait_until("half a second", lambda: _use(view), lambda seen: seen.at_s - first.at_s > 0.5, 10)
    share = (second.used_s[0] - first.used_s[0]) / (second.at_s - first.at_s)
    assert share == pytest.approx(0.25, abs=0.05)
    assert second.used_s[1] == idle.used_s[1] == 0
    assert second.throttled is not None
    assert second.throttled[0] > 0
    host.hypervisor.set_scheduler_parameter(NAME, "vcpu_quota", 17592186044415)
    third = _use(view)
    fourth = wait_until("half a second", lambda: _use(view), lambda seen: seen.at_s - third.at_s > 0.5, 10)
    assert (fourth.used_s[0] - third.used_s[0]) / (fourth.at_s - third.at_s) == pytest.approx(1, abs=0.1)
    assert fourth.throttled == third.throttled


def test_a_guest_without_an_agent_burns_nothing(view: SshHostView, host: LabHost) -> None:
    host.hypervisor.set_guest_agent(NAME, answering=False)
    try:
        assert "not connected" in str(view.burn_cpu(NAME, 30))
    finally:
        host.hypervisor.set_guest_agent(NAME, answering=True)


@pytest.mark.parametrize(
    ("agent_timeout_s", "command_timeout_s", "looks", "programs"),
    [(2, 30.0, 2, 15), (2, 60.0, 2, 20), (0, 30.0, 1, 10), (20, 30.0, 20, 20)],
)
def test_a_guest_with_little_cpu_gets_time_to_start_a_program(
    agent_timeout_s: int,
    command_timeout_s: float,
    looks: int,
    programs: int,
    access: Callable[..., HostAccess],
    host: LabHost,
) -> None:
    virsh = host.ssh.key_file.parents[1] / "hosts" / host.spec.name / "bin" / "virsh"
    original = virsh.read_text()
    asked = virsh.with_name("asked")
    virsh.write_text(original.replace("agent_command() {", f'agent_command() {{ echo "$*" >>{asked};', 1))
    view = SshHostView(access(agent_timeout_s=agent_timeout_s, command_timeout_s=command_timeout_s))
    try:
        view.observe(NAME)
        pid = view.burn_cpu(NAME, 0)
        assert isinstance(pid, int)
        view.not_burning(NAME, pid)
        told = re.findall(r"--timeout (\d+) \{\"execute\":\"(guest-exec)?", asked.read_text())
    finally:
        view.close()
        virsh.write_text(original)
        asked.unlink()
    assert {int(seconds) for seconds, program in told if not program} == {looks}
    assert [int(seconds) for seconds, program in told if program] == [programs, programs]


def test_an_unknown_domain_has_no_times(view: SshHostView) -> None:
    assert isinstance(view.cpu_use("i-9-9-VM"), NotSeen)
    assert isinstance(view.burn_cpu("i-9-9-VM", 30), NotSeen)


def test_a_program_that_is_over_is_told(view: SshHostView) -> None:
    pid = view.burn_cpu(NAME, 0)
    assert isinstance(pid, int)
    assert "ended by itself" in str(view.not_burning(NAME, pid))
    assert "Invalid parameter 'pid'" in str(view.not_burning(NAME, 1))


def test_the_requests_are_json_that_virsh_takes_in_single_quotes() -> None:
    for request in (BURN_REQUEST % 5, STATUS_REQUEST % 5):
        assert "'" not in request
        assert json.loads(request)["execute"].startswith("guest-exec")
