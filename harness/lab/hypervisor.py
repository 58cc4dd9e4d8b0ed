"""The seam between the lab's agent and a host: what libvirt can be asked, real or simulated."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError


class HypervisorError(HarnessError):
    """The host refused or failed; the text is libvirt's own."""


@dataclass(frozen=True)
class NodeInfo:
    """What `virsh nodeinfo` says of a host, and the cgroup version its domains live under (1 or 2)."""

    cpus: int
    speed_mhz: int
    memory_kib: int
    cgroup_version: int


class Hypervisor(Protocol):
    """One host. Domains are transient and known by name. Every method may raise HypervisorError.

    Calls may come from several threads at once.
    """

    name: str

    def node_info(self) -> NodeInfo: ...

    def domain_names(self) -> tuple[str, ...]: ...

    def start(self, domain_xml: str) -> None:
        """Create and start a transient domain from the XML that CloudStack's agent writes."""

    def dump_xml(self, domain: str) -> str:
        """The live XML as libvirt dumps it, without secrets."""

    def migratable_xml(self, domain: str) -> str:
        """The XML that a migration may take along: without what only this host's run of the domain has."""

    def press_power_button(self, domain: str) -> None:
        """Ask the guest to shut down by ACPI; returns at once."""

    def reboot(self, domain: str) -> None: ...

    def destroy(self, domain: str) -> None: ...

    def max_memory_kib(self, domain: str) -> int:
        """The domain's total memory with hot-plugged DIMMs (virDomainGetMaxMemory)."""

    def running_vcpus(self, domain: str) -> int:
        """vCPUs that libvirt reports in state running."""

    def attach_device(self, domain: str, device_xml: str) -> None: ...

    def set_vcpus(self, domain: str, count: int) -> None: ...

    def scheduler_parameters(self, domain: str) -> dict[str, int]:
        """cpu_shares, vcpu_period, vcpu_quota and whatever else libvirt lists."""

    def set_scheduler_parameter(self, domain: str, name: str, value: int) -> None: ...

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        """Live-migrate to `destination`, which must be of the same kind, giving up after `seconds`."""

    def break_off(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        """Begin to migrate as `migrate` does and end it half-way; always raises HypervisorError."""

    def close(self) -> None: ...
