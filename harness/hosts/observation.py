"""What one look at an instance on its host brought, each part either seen, absent or not seen with the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NotSeen:
    """The look could not be had; `reason` is for people. Never to be read as agreement."""

    reason: str


@dataclass(frozen=True)
class Absent:
    """libvirt was asked and knows no such domain on this host."""


@dataclass(frozen=True)
class Topology:
    sockets: int
    cores: int
    threads: int


@dataclass(frozen=True)
class DomainView:
    """The live domain XML (`virsh dumpxml`), with the document itself as evidence.

    `max_memory_kib`, `memory_slots`, `numa_cpus`, `numa_memory_kib`, `topology`, `shares`, `quota_us` and `period_us`
    are None where the XML has no such element. `dimms_kib` are the sizes of hot-plugged DIMMs in document order.
    `number` is libvirt's id of the running domain, which another start does not give again.
    """

    memory_kib: int
    current_memory_kib: int
    max_memory_kib: int | None
    memory_slots: int | None
    vcpus: int
    max_vcpus: int
    numa_cpus: str | None
    numa_memory_kib: int | None
    topology: Topology | None
    shares: int | None
    quota_us: int | None
    period_us: int | None
    dimms_kib: tuple[int, ...]
    xml: str
    number: int | None = None


@dataclass(frozen=True)
class SchedulerView:
    """`virsh schedinfo`: shares, and the bandwidth of each vCPU.

    An unlimited quota reads -1 on cgroup version 1 and 17592186044415 on version 2, where libvirt (7.0 and later)
    turns the kernel's `max` into its own maximum (virCgroupV2GetCpuCfsQuota).
    """

    shares: int
    period_us: int
    quota_us: int


@dataclass(frozen=True)
class VcpuBandwidth:
    """One vCPU thread's cgroup; quota -1 stands for both v1's -1 and v2's `max`.

    On version 2 libvirt writes `max` for a quota of 17592186044415 too (virCgroupV2SetCpuCfsQuota), so a removed cap
    reads -1 there and 17592186044415 on version 1.
    """

    quota_us: int
    period_us: int


@dataclass(frozen=True)
class CgroupView:
    """Kernel values: `weight` is cpu.shares on version 1 and cpu.weight on version 2; `vcpus` by vCPU number."""

    version: int
    weight: int
    vcpus: dict[int, VcpuBandwidth]


@dataclass(frozen=True)
class VcpuCounts:
    """`virsh vcpucount`: live current and live maximum."""

    current: int
    maximum: int


@dataclass(frozen=True)
class GuestView:
    """What the guest agent tells: CPUs online, and online memory as blocks times block size."""

    online_cpus: int
    online_memory_mib: int


@dataclass(frozen=True)
class ProcessView:
    """The domain's QEMU process: whether it took the guest over from one on another host, by a live migration."""

    took_over: bool


@dataclass(frozen=True)
class Observation:
    """One look at one instance. `transport` says by what ("ssh", "libvirt"), `host` where."""

    instance_name: str
    host: str
    transport: str
    domain: DomainView | Absent | NotSeen
    scheduler: SchedulerView | NotSeen
    cgroup: CgroupView | NotSeen
    vcpus: VcpuCounts | NotSeen
    guest: GuestView | NotSeen
    process: ProcessView | NotSeen = NotSeen("nobody looked for the QEMU process")


@dataclass(frozen=True)
class HostFacts:
    """What a host says of itself; `memory_kib`, `cpus` and `speed_mhz` as `virsh nodeinfo` has them."""

    host: str
    cpus: int
    speed_mhz: int
    memory_kib: int
    cgroup_version: int
    libvirt: str
    qemu: str
    kernel: str


@dataclass(frozen=True)
class FleetMember:
    """A running domain among all of its host. `since` is when its QEMU process began there, in seconds since 1970:
    its start, or its arrival by a migration; None where that could not be read.
    """

    domain: DomainView | NotSeen
    scheduler: SchedulerView | NotSeen
    guest: GuestView | NotSeen
    since: int | None


@dataclass(frozen=True)
class FleetLook:
    """One look at all domains of a host. `names` are all that run there, `members` those that were asked for."""

    facts: HostFacts
    names: tuple[str, ...]
    members: dict[str, FleetMember]
