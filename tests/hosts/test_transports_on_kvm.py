"""On a real libvirtd both transports bring the same look, before and after scaling, and a guest that is really seen."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.observation import Absent, CgroupView, DomainView, GuestView, NotSeen, SchedulerView, VcpuBandwidth
from harness.hosts.pool import Hosts
from harness.hosts.view import HostView
from harness.lab.fleet import LabHost
from harness.lab.kvm.fleet import KvmFleet
from harness.lab.topology import HostSpec
from harness.waiting import wait_until

pytestmark = pytest.mark.kvm
NAME = "i-2-7-VM"
BOOT_SECONDS = 120
DIMM = "<memory model='dimm'><target><size unit='KiB'>131072</size><node>0</node></target></memory>"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory, domain_xml: str, image_cache: Path) -> Iterator[LabHost]:
    """A host with one booted domain."""
    spec = HostSpec("kvm1", "cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096)
    state = tmp_path_factory.mktemp("lab")
    fleet = KvmFleet([spec], state, os.urandom(3).hex(), image_cache, libvirt_tcp=True)
    try:
        host = fleet.up()[0]
        boot = fleet.guest_boot
        kernel = f"<kernel>{boot.kernel}</kernel><initrd>{boot.initrd}</initrd><cmdline>{boot.command_line}</cmdline>"
        xml = domain_xml.replace("type='qemu'", f"type='{boot.domain_type}'", 1)
        host.hypervisor.start(xml.replace("<boot dev='cdrom'/>\n<boot dev='hd'/>", kernel))
        yield host
    finally:
        fleet.down()


@pytest.fixture(scope="module")
def transports(real: LabHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HostView, HostView]]:
    known: Path = tmp_path_factory.mktemp("keys") / "known_hosts"
    known.write_text(f"{real.ssh.known_host}\n")
    access = HostAccess(
        name="kvm1",
        address=real.ssh.address,
        port=real.ssh.port,
        user=real.ssh.user,
        key_file=real.ssh.key_file,
        known_hosts=known,
        cgroup_version=real.hypervisor.node_info().cgroup_version,
    )
    with Hosts([access]) as by_ssh, Hosts([access], "libvirt") as by_libvirt:
        yield by_ssh.on("kvm1"), by_libvirt.on("kvm1")


def _same(transports: tuple[HostView, HostView]) -> None:
    by_ssh, by_libvirt = (view.observe(NAME) for view in transports)

    assert isinstance(by_ssh.domain, DomainView)
    # virsh ends the document with a newline of its own.
    assert dataclasses.replace(by_ssh.domain, xml="") == dataclasses.replace(by_libvirt.domain, xml="")  # type: ignore[type-var]
    assert by_ssh.scheduler == by_libvirt.scheduler
    assert by_ssh.vcpus == by_libvirt.vcpus
    assert by_ssh.guest == by_libvirt.guest
    assert isinstance(by_ssh.guest, GuestView)
    assert isinstance(by_ssh.cgroup, CgroupView)
    assert isinstance(by_libvirt.cgroup, NotSeen)


def test_both_bring_the_same_look_before_and_after_scaling(
    real: LabHost, transports: tuple[HostView, HostView]
) -> None:
    by_ssh = transports[0]
    # One look: the host waits for the agent of the guest that boots.
    assert by_ssh.guest(NAME, BOOT_SECONDS) == GuestView(online_cpus=2, online_memory_mib=256)
    _same(transports)

    real.hypervisor.attach_device(NAME, DIMM)
    real.hypervisor.set_vcpus(NAME, 3)
    real.hypervisor.set_scheduler_parameter(NAME, "cpu_shares", 1500)
    real.hypervisor.set_scheduler_parameter(NAME, "vcpu_quota", 5000)
    wait_until(
        "the guest to take what was plugged",
        lambda: by_ssh.guest(NAME),
        lambda seen: seen == GuestView(online_cpus=3, online_memory_mib=384),
        BOOT_SECONDS,
    )

    _same(transports)
    look = by_ssh.observe(NAME)
    assert look.scheduler == SchedulerView(shares=1500, period_us=10000, quota_us=5000)
    quota = VcpuBandwidth(5000, 10000)
    assert isinstance(look.cgroup, CgroupView)
    assert look.cgroup.vcpus == {0: quota, 1: quota, 2: quota}
    assert look.cgroup.weight == 1500


def test_both_say_the_same_of_the_host(real: LabHost, transports: tuple[HostView, HostView]) -> None:
    by_ssh, by_libvirt = (view.facts() for view in transports)

    assert dataclasses.replace(by_ssh, kernel="") == dataclasses.replace(by_libvirt, kernel="")
    assert (by_ssh.cpus, by_ssh.speed_mhz, by_ssh.memory_kib) == (8, 2000, 4096 * 1024)
    assert [view.domain_names() for view in transports] == [(NAME,), (NAME,)]
    assert real.spec.name == by_ssh.host


def test_both_say_absent_of_an_unknown_domain(transports: tuple[HostView, HostView]) -> None:
    assert [view.observe("i-2-8-VM").domain for view in transports] == [Absent(), Absent()]
