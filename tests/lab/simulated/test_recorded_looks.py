"""Simulated hosts show what a real CloudStack's hosts showed after the same steps (libvirt 9.0, cgroup v1, 2026-11)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.hosts.access import HostAccess, HostKeyRule
from harness.hosts.observation import CgroupView, DomainView, GuestView, SchedulerView
from harness.hosts.ssh_transport import SshHostView
from harness.lab.fleet import LabHost
from harness.lab.hypervisor import HypervisorError
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import HostSpec

_RUNS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "hosts" / "recorded_looks.json").read_text()
)
NAME = "i-2-7-VM"


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabHost]:
    fleet = SimulatedFleet(
        [HostSpec("kvm1", "cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096)], tmp_path_factory.mktemp("lab")
    )
    yield fleet.up()[0]
    fleet.down()


@pytest.fixture(scope="module")
def view(host: LabHost) -> Iterator[SshHostView]:
    access = HostAccess(
        "kvm1", host.ssh.address, host.ssh.port, key_file=host.ssh.key_file, host_keys=HostKeyRule.INSECURE
    )
    view = SshHostView(access)
    yield view
    view.close()


@pytest.mark.parametrize("run", _RUNS, ids=[f"{run['id']}-{index}" for index, run in enumerate(_RUNS)])
def test_every_look_is_the_recorded_one(
    host: LabHost,
    view: SshHostView,
    agent_xml: Callable[..., str],
    dimm: Callable[[int], str],
    run: dict[str, Any],
) -> None:
    start = run["start"]
    host.hypervisor.start(agent_xml(**{**start, "topology": tuple(start["topology"])}))
    try:
        for look in run["looks"]:
            for what, value in look["done"]:
                if what == "dimm":
                    host.hypervisor.attach_device(NAME, dimm(value))
                elif what == "vcpus":
                    host.hypervisor.set_vcpus(NAME, value)
                else:
                    host.hypervisor.set_scheduler_parameter(NAME, what, value)
            _hold(view, look["seen"], host.hypervisor.scheduler_parameters(NAME))
    finally:
        host.hypervisor.destroy(NAME)


def test_a_difference_in_odd_mebibytes_is_refused_as_recorded(
    host: LabHost, agent_xml: Callable[..., str], dimm: Callable[[int], str]
) -> None:
    """ODD-MEM's last step: 500 -> 513 MB."""
    host.hypervisor.start(agent_xml(memory_kib=512000))
    try:
        with pytest.raises(HypervisorError, match="backend memory size must be multiple of 0x200000"):
            host.hypervisor.attach_device(NAME, dimm(13 * 1024))
    finally:
        host.hypervisor.destroy(NAME)


def _hold(view: SshHostView, seen: dict[str, Any], parameters: dict[str, int]) -> None:
    observed = view.observe(NAME)

    assert isinstance(observed.domain, DomainView)
    xml = observed.domain.xml
    assert f"<memory unit='KiB'>{seen['memory']}</memory>" in xml
    assert f"<currentMemory unit='KiB'>{seen['current']}</currentMemory>" in xml
    assert seen["vcpu"] in xml
    assert seen["topology"] in xml
    assert "<maxMemory" not in xml if seen["max"] is None else seen["max"] in xml
    assert "<numa>" not in xml if seen["numa"] is None else _squeezed(seen["numa"]) in _squeezed(xml)
    assert seen["cputune"] in _squeezed(xml)
    assert [str(size) for size in observed.domain.dimms_kib] == seen["dimms"]

    assert {"Scheduler": "posix", **{name: str(value) for name, value in parameters.items()}} == seen["sched"]
    assert isinstance(observed.scheduler, SchedulerView)
    assert str(observed.scheduler.quota_us) == seen["sched"]["vcpu_quota"]

    assert isinstance(observed.cgroup, CgroupView)
    lines = [f"cpu.shares={observed.cgroup.weight}"]
    for vcpu, bandwidth in observed.cgroup.vcpus.items():
        lines.append(f"vcpu{vcpu}/cpu.cfs_period_us={bandwidth.period_us}")
        lines.append(f"vcpu{vcpu}/cpu.cfs_quota_us={bandwidth.quota_us}")
    assert sorted(lines) == sorted(seen["cgroup"])

    # A guest that was still booting when the look was recorded says nothing about what it would have seen.
    if "guest_blocks" in seen:
        assert observed.guest == GuestView(seen["guest_cpus"], seen["guest_blocks"] * 128)


def _squeezed(xml: str) -> str:
    return re.sub(r">\s+<", "><", xml)
