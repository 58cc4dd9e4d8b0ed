"""A live scale as the agent carries it out: memory, vCPUs, shares, quota and period; the first failure stops it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.lab.agent.domain_xml import PREPARED_MARK
from harness.lab.hypervisor import Hypervisor, HypervisorError
from harness.reference.cpu_tuning import QUOTA_REMOVED_US, bandwidth
from harness.reference.domain import ScaleCommand


class ScaleFailedError(HarnessError):
    """The agent could not scale; the text is what CloudStack's agent answers. What was done before stays done."""


@dataclass(frozen=True)
class Machine:
    """How the agent names an instance in its texts."""

    database_id: int
    name: str
    uuid: str

    def __str__(self) -> str:
        return f'VM {{id: "{self.database_id}", name: "{self.name}", uuid: "{self.uuid}", type: "User"}}'


@dataclass(frozen=True)
class ScaleOrder:
    """A scale command with the shares computed for this host; `sets_bandwidth` is false up to 4.22."""

    machine: Machine
    command: ScaleCommand
    shares: int
    sets_bandwidth: bool

    @property
    def memory_kib(self) -> int:
        return self.command.memory_mib * 1024


def scale(hypervisor: Hypervisor, order: ScaleOrder, before_vcpus: Callable[[], None] = lambda: None) -> str:
    """Scale a running domain and return the agent's own success text. Source: LibvirtScaleVmCommandWrapper.execute.

    `before_vcpus` is called when memory is there and vCPUs are about to be plugged in.

    Raises:
        ScaleFailedError: a step failed; later steps were not tried and earlier ones are not taken back.
    """
    what = (
        f"{order.machine} memory to [{order.memory_kib} KiB], CPU cores to [{order.command.cpus}] "
        f"and cpu_shares to [{order.shares}]"
    )
    try:
        _scale_memory(hypervisor, order)
        _scale_vcpus(hypervisor, order, before_vcpus)
        _raise_shares(hypervisor, order)
        if order.sets_bandwidth:
            _set_bandwidth(hypervisor, order)
    except (HypervisorError, ScaleFailedError) as failure:
        raise ScaleFailedError(f"Unable to scale {what} due to [{failure}].") from failure
    return f"Successfully scaled {what}."


def _scale_memory(hypervisor: Hypervisor, order: ScaleOrder) -> None:
    name = order.machine.name
    missing_kib = order.memory_kib - hypervisor.max_memory_kib(name)
    if missing_kib <= 0:
        return
    if PREPARED_MARK not in hypervisor.dump_xml(name):
        raise ScaleFailedError(
            f"The {order.machine} is not prepared for dynamic scaling. To be prepared, the VM must be deployed with a "
            "dynamic service offering, VM dynamic scale enabled and global setting "
            '"enable.dynamic.scale.vm" as "true". If you changed one of these settings after deploying the VM, '
            "consider stopping and starting it again to prepared it to dynamic scaling."
        )
    device = f"<memory model='dimm'><target><size unit='KiB'>{missing_kib}</size><node>0</node></target></memory>"
    hypervisor.attach_device(name, device)


def _scale_vcpus(hypervisor: Hypervisor, order: ScaleOrder, before: Callable[[], None]) -> None:
    if hypervisor.running_vcpus(order.machine.name) < order.command.cpus:
        before()
        hypervisor.set_vcpus(order.machine.name, order.command.cpus)


def _raise_shares(hypervisor: Hypervisor, order: ScaleOrder) -> None:
    name = order.machine.name
    if hypervisor.scheduler_parameters(name).get("cpu_shares", 0) < order.shares:
        hypervisor.set_scheduler_parameter(name, "cpu_shares", order.shares)


def _set_bandwidth(hypervisor: Hypervisor, order: ScaleOrder) -> None:
    name, command = order.machine.name, order.command
    if not command.cpu_cap:
        if command.cap_changed:
            # Some libvirt versions refuse -1 for a running domain, so the kernel's maximum stands for "no limit".
            hypervisor.set_scheduler_parameter(name, "vcpu_quota", QUOTA_REMOVED_US)
        return
    if command.quota_percentage is None:
        raise ScaleFailedError(
            "no CPU quota percentage was given for a capped instance: the host's CPU speed is unknown"
        )
    limit = bandwidth(command.quota_percentage)
    hypervisor.set_scheduler_parameter(name, "vcpu_period", limit.period_us)
    hypervisor.set_scheduler_parameter(name, "vcpu_quota", limit.quota_us)
