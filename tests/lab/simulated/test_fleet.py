"""A simulated fleet comes up behind real SSH and leaves nothing behind."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.hosts.access import HostAccess, HostKeyRule
from harness.hosts.observation import Absent, CgroupView, DomainView, GuestView, NotSeen, VcpuBandwidth
from harness.hosts.pool import Hosts
from harness.lab.fleet import LabHost
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.topology import DEFAULT_LAB
from harness.waiting import wait_until

NAME = "i-2-7-VM"
needs_openssh = pytest.mark.skipif(shutil.which("ssh") is None, reason="needs the OpenSSH client")


def _access(host: LabHost) -> HostAccess:
    return HostAccess(
        host.spec.name,
        host.ssh.address,
        host.ssh.port,
        key_file=host.ssh.key_file,
        host_keys=HostKeyRule.INSECURE,
    )


def _openssh(host: LabHost, folder: Path) -> list[str]:
    known = folder / "known"
    known.write_text(f"{host.ssh.known_host}\n")
    options = ["-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes", "-o", "LogLevel=ERROR"]
    return ["ssh", "-p", str(host.ssh.port), "-i", str(host.ssh.key_file), *options, "root@127.0.0.1"]


def _threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.is_alive()}


def test_after_down_there_are_no_files_and_no_threads(tmp_path: Path, agent_xml: Callable[..., str]) -> None:
    before = _threads()
    state = tmp_path / "new" / "state"
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, state)
    hosts = fleet.up()
    hosts[0].hypervisor.start(agent_xml())
    with Hosts(_access(host) for host in hosts) as views:
        views.observe("kvm1", NAME)

        fleet.down()
        fleet.down()

    assert not state.exists()
    assert _threads() <= before


def test_down_leaves_what_others_put_beside_its_folders(tmp_path: Path) -> None:
    state = tmp_path / "state"
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, state)
    fleet.up()
    (state / "lab.json").write_text("{}")

    fleet.down()

    assert [path.name for path in state.iterdir()] == ["lab.json"]


def test_a_failed_up_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("in the way")
    before = _threads()

    with pytest.raises(OSError, match="hosts"):
        SimulatedFleet(DEFAULT_LAB.hosts, tmp_path).up()

    assert [path.name for path in tmp_path.iterdir()] == ["hosts"]
    assert _threads() <= before


@needs_openssh
def test_down_ends_commands_that_still_run(tmp_path: Path) -> None:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts[:1], tmp_path)
    host = fleet.up()[0]
    started = tmp_path / "started"
    client = subprocess.Popen(
        [*_openssh(host, tmp_path), f"echo > {started}; sleep 600"],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until("the command on the host", started.exists, bool, 20)

    fleet.down()

    assert client.wait(timeout=20) != 0


@needs_openssh
def test_openssh_itself_can_log_in_and_run_virsh(tmp_path: Path, agent_xml: Callable[..., str]) -> None:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts[:1], tmp_path)
    host = fleet.up()[0]
    try:
        host.hypervisor.start(agent_xml())
        printed = subprocess.run(
            [*_openssh(host, tmp_path), f"virsh schedinfo {NAME}; virsh domid {NAME}; exit 7"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    finally:
        fleet.down()

    assert printed.stdout.startswith("Scheduler      : posix\ncpu_shares     : 500\n")
    assert printed.stderr == "error: unknown command: 'domid'\n"
    assert printed.returncode == 7


@pytest.mark.parametrize("version", [1, 2])
def test_both_cgroup_versions_are_read_by_the_same_probe(
    tmp_path: Path, agent_xml: Callable[..., str], dimm: Callable[[int], str], version: int
) -> None:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, tmp_path, cgroup_version=version)
    hosts = fleet.up()
    try:
        hypervisor = hosts[0].hypervisor
        hypervisor.start(agent_xml(vcpus=2, cputune={"shares": 1000, "quota": 2500, "period": 10000}))
        hypervisor.set_vcpus(NAME, 3)
        hypervisor.attach_device(NAME, dimm(262144))
        with Hosts(_access(host) for host in hosts) as views:
            capped = views.observe("kvm1", NAME)
            hypervisor.set_scheduler_parameter(NAME, "vcpu_quota", 17592186044415)
            removed = views.observe("kvm1", NAME)
            facts = views.facts("kvm1")
    finally:
        fleet.down()

    quota = VcpuBandwidth(2500, 10000)
    assert capped.cgroup == CgroupView(version, 1000, {0: quota, 1: quota, 2: quota})
    assert capped.guest == GuestView(online_cpus=3, online_memory_mib=512)
    assert isinstance(removed.cgroup, CgroupView)
    # libvirt writes its maximum as `max` on version 2, and as the number on version 1.
    assert {one.quota_us for one in removed.cgroup.vcpus.values()} == {17592186044415 if version == 1 else -1}
    assert (facts.cgroup_version, facts.cpus, facts.speed_mhz, facts.memory_kib) == (version, 8, 2000, 4096 * 1024)


def test_a_migrated_domain_is_absent_at_its_source_and_whole_at_its_destination(
    tmp_path: Path, agent_xml: Callable[..., str]
) -> None:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, tmp_path, cgroup_version={"kvm2": 2})
    hosts = fleet.up()
    try:
        source, destination = hosts[0].hypervisor, hosts[1].hypervisor
        source.start(agent_xml())
        with Hosts(_access(host) for host in hosts) as views:
            assert isinstance(views.observe("kvm1", NAME).domain, DomainView)
            source.migrate(NAME, destination, source.dump_xml(NAME), 5)

            assert isinstance(views.observe("kvm1", NAME).domain, Absent)
            assert views.observe("kvm2", NAME).cgroup == CgroupView(2, 500, {0: VcpuBandwidth(-1, 100000)})
            assert views.on("kvm1").domain_names() == ()
            assert views.on("kvm2").domain_names() == (NAME,)
        leftovers = [path for path in (tmp_path / "hosts" / "kvm1").rglob("*") if NAME in path.name]
    finally:
        fleet.down()

    assert leftovers == []


def test_a_guest_without_agent_is_not_seen_and_everything_else_is(
    tmp_path: Path, agent_xml: Callable[..., str]
) -> None:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts[:1], tmp_path)
    host = fleet.up()[0]
    try:
        assert isinstance(host.hypervisor, SimulatedHypervisor)
        host.hypervisor.start(agent_xml())
        host.hypervisor.set_guest_agent(NAME, answering=False)
        with Hosts([_access(host)]) as views:
            look = views.observe("kvm1", NAME)
            alone = views.guest("kvm1", NAME)
    finally:
        fleet.down()

    assert look.guest == NotSeen("guest agent: Guest agent is not responding: QEMU guest agent is not connected")
    assert alone == look.guest
    assert isinstance(look.domain, DomainView)
    assert isinstance(look.cgroup, CgroupView)


def test_no_look_waits_for_a_delayed_acknowledgement(tmp_path: Path, agent_xml: Callable[..., str]) -> None:
    """Such a wait costs 40 ms and more; a look usually takes 8 to 20 ms."""
    fleet = SimulatedFleet(DEFAULT_LAB.hosts[:1], tmp_path)
    host = fleet.up()[0]
    try:
        host.hypervisor.start(agent_xml())
        with Hosts([_access(host)]) as views:
            views.observe("kvm1", NAME)
            seconds = []
            for _ in range(50):
                started = time.monotonic()
                views.observe("kvm1", NAME)
                seconds.append(time.monotonic() - started)
    finally:
        fleet.down()

    # The best of many, for the machine may be busy; a delay in the protocol would be in every one.
    assert min(seconds) < 0.04
