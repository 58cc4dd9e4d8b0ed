"""What libvirt is asked for really happens: in QEMU, in the guest, in cgroups, and on another host."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from harness.lab.fleet import LabHost
from harness.lab.hypervisor import HypervisorError
from harness.lab.kvm.fleet import KvmFleet
from harness.waiting import wait_until

pytestmark = pytest.mark.kvm

OnHost = Callable[..., str]
GuestSays = Callable[..., list[dict[str, object]]]

DOMAIN = """
<domain type='{boot.domain_type}'>
  <name>{name}</name>
  <cpu><topology sockets='2' cores='8' threads='1'/>
    <numa><cell id='0' cpus='0-15' memory='262144' unit='KiB'/></numa></cpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{boot.kernel}</kernel><initrd>{boot.initrd}</initrd><cmdline>{boot.command_line}</cmdline></os>
  <on_poweroff>destroy</on_poweroff>
  <memory>262144</memory><maxMemory slots='16' unit='KiB'>8388608</maxMemory>
  <vcpu current='1'>16</vcpu>
  <features><acpi/></features>
  <cputune><shares>500</shares><quota>5000</quota><period>10000</period></cputune>
  <devices>
    <emulator/>
    <serial type='pty'/>
    <disk type='file'><driver name='qemu' type='qcow2' cache='none'/><source file='{disk}'/><target dev='vda'/></disk>
    <interface type='bridge'><source bridge='cloudbr0'/><model type='virtio'/></interface>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
  </devices>
</domain>
"""
DIMM = "<memory model='dimm'><target><size unit='KiB'>262144</size><node>0</node></target></memory>"


def online(count: int) -> Callable[[list[dict[str, object]]], bool]:
    return lambda seen: sum(1 for each in seen if each["online"]) == count


@pytest.fixture(scope="module")
def disk(fleet: KvmFleet, hosts: tuple[LabHost, ...]) -> str:  # noqa: ARG001
    path = str(fleet.state_dir / "primary" / "disk.qcow2")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "16M"], check=True)
    return path


@pytest.fixture
def domain(fleet: KvmFleet, hosts: tuple[LabHost, ...], disk: str) -> Iterator[str]:
    hosts[0].hypervisor.start(DOMAIN.format(name="i-2-3-VM", boot=fleet.guest_boot, disk=disk))
    yield "i-2-3-VM"
    for host in hosts:
        if "i-2-3-VM" in host.hypervisor.domain_names():
            host.hypervisor.destroy("i-2-3-VM")


def test_a_guest_is_scaled_migrated_scaled_again_and_switched_off(
    hosts: tuple[LabHost, ...], domain: str, on_host: OnHost, guest_says: GuestSays
) -> None:
    here, there = hosts[0], hosts[1]
    guest_says(here, domain, "guest-get-vcpus", online(1))
    guest_says(here, domain, "guest-get-memory-blocks", online(2))
    assert here.hypervisor.running_vcpus(domain) == 1
    assert here.hypervisor.max_memory_kib(domain) == 262144

    here.hypervisor.set_vcpus(domain, 3)
    here.hypervisor.attach_device(domain, DIMM)
    here.hypervisor.set_scheduler_parameter(domain, "cpu_shares", 1500)
    here.hypervisor.set_scheduler_parameter(domain, "vcpu_quota", 17592186044415)
    guest_says(here, domain, "guest-get-vcpus", online(3))
    guest_says(here, domain, "guest-get-memory-blocks", online(4))
    assert here.hypervisor.running_vcpus(domain) == 3
    assert here.hypervisor.max_memory_kib(domain) == 524288

    here.hypervisor.migrate(domain, there.hypervisor, here.hypervisor.migratable_xml(domain), 60.0)
    assert (here.hypervisor.domain_names(), there.hypervisor.domain_names()) == ((), (domain,))
    parameters = there.hypervisor.scheduler_parameters(domain)
    assert parameters["cpu_shares"] == 1500
    assert parameters["vcpu_quota"] == 17592186044415
    if there.hypervisor.node_info().cgroup_version == 1:
        assert on_host(there, "cat /sys/fs/cgroup/cpu/machine/*/cpu.shares") == "1500\n"
        assert on_host(there, "cat /sys/fs/cgroup/cpu/machine/*/vcpu2/cpu.cfs_quota_us") == "17592186044415\n"

    there.hypervisor.set_vcpus(domain, 4)
    guest_says(there, domain, "guest-get-vcpus", online(4))
    there.hypervisor.press_power_button(domain)
    wait_until("the guest to switch off", there.hypervisor.domain_names, lambda names: not names, 30.0)


def test_a_restarted_libvirtd_is_found_again_with_its_domains(
    hosts: tuple[LabHost, ...], domain: str, on_host: OnHost
) -> None:
    hypervisor = hosts[0].hypervisor
    restart = (
        "pid=$(cat /run/libvirtd.pid); kill $pid; while [ -d /proc/$pid ]; do sleep 0.02; done; "
        "libvirtd --daemon --listen"
    )
    on_host(hosts[0], restart)
    names = wait_until("libvirtd", hypervisor.domain_names, lambda _: True, 20.0, transient=(HypervisorError,))
    assert names == (domain,)
    # The new libvirtd finds its way back to QEMU's monitor in the background; this has to wait for it.
    hypervisor.set_vcpus(domain, 2)
    assert hypervisor.running_vcpus(domain) == 2


def test_a_refusal_carries_the_words_of_libvirt_and_prints_nothing(
    hosts: tuple[LabHost, ...], domain: str, capfd: pytest.CaptureFixture[str]
) -> None:
    hypervisor = hosts[0].hypervisor
    with pytest.raises(HypervisorError, match="greater than max allowable vcpus"):
        hypervisor.set_vcpus(domain, 17)
    with pytest.raises(HypervisorError, match="out of range"):
        hypervisor.set_scheduler_parameter(domain, "vcpu_quota", 17592186044416)
    with pytest.raises(HypervisorError, match="no domain with matching name 'i-2-4-VM'"):
        hypervisor.destroy("i-2-4-VM")
    with pytest.raises(HypervisorError, match="domain_definition"):
        hypervisor.start("<domain>")
    assert capfd.readouterr().err == ""


def test_a_migration_that_takes_too_long_is_given_up_and_the_guest_stays(
    hosts: tuple[LabHost, ...], domain: str
) -> None:
    here, there = hosts[0].hypervisor, hosts[1].hypervisor
    with pytest.raises(HypervisorError, match="gave up after 0"):
        here.migrate(domain, there, here.migratable_xml(domain), 0.05)
    assert here.domain_names() == (domain,)
    assert here.running_vcpus(domain) == 1
