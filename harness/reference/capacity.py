"""Room on hosts: what is free, what fits, and when a cluster is too full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.reference import settings as names
from harness.reference.offering import Size
from harness.reference.settings import Settings


@dataclass(frozen=True)
class Host:
    """A host as listHosts tells it: raw totals, speed of one CPU, and what is allocated (MHz, bytes)."""

    id: str
    name: str
    cluster_id: str
    cpus: int
    speed_mhz: int
    memory_bytes: int
    used_cpu_mhz: int = 0
    used_memory_bytes: int = 0
    reserved_cpu_mhz: int = 0
    reserved_memory_bytes: int = 0
    tags: frozenset[str] = frozenset()
    up: bool = True
    enabled: bool = True
    cgroup_version: int = 1

    @property
    def cpu_mhz(self) -> int:
        """CPU capacity without overcommit."""
        return self.cpus * self.speed_mhz


def is_capable(host: Host, size: Size) -> bool:
    """Enough CPUs, each fast enough, overcommit left aside. Source: CapacityManagerImpl.checkIfHostHasCpuCapability."""
    return host.cpus >= size.cpus and host.speed_mhz >= size.speed_mhz


def has_room(host: Host, settings: Settings, cpu_mhz: int, memory_bytes: int, *, reserved_counts: bool) -> bool:
    """Whether that much more fits on the host; an exact fit fits.

    Source: CapacityManagerImpl.checkIfHostHasCapacity.
    """
    cpu_total = int(host.cpu_mhz * settings.number(names.CPU_OVERCOMMIT, host.cluster_id))
    memory_total = int(host.memory_bytes * settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id))
    cpu_used = host.used_cpu_mhz + (host.reserved_cpu_mhz if reserved_counts else 0)
    memory_used = host.used_memory_bytes + (host.reserved_memory_bytes if reserved_counts else 0)
    return cpu_used + cpu_mhz <= cpu_total and memory_used + memory_bytes <= memory_total


def can_grow(host: Host, settings: Settings, current: Size, new: Size) -> bool:
    """Whether the host that runs an instance has room for its growth. Source: UserVmManagerImpl, live-scale loop."""
    return is_capable(host, new) and has_room(
        host,
        settings,
        new.cpu_mhz - current.cpu_mhz,
        new.memory_bytes - current.memory_bytes,
        reserved_counts=False,
    )


def destinations(
    hosts: Iterable[Host], settings: Settings, current: Host, new: Size, tags: frozenset[str]
) -> tuple[Host, ...]:
    """Hosts to which auto-migration may take an instance: of the same cluster, with room for the whole new size.

    Source: VirtualMachineManagerImpl.findHostAndMigrate, FirstFitAllocator.
    """
    return tuple(
        host
        for host in hosts
        if host.id != current.id
        and host.cluster_id == current.cluster_id
        and host.up
        and host.enabled
        and tags <= host.tags
        and is_capable(host, new)
        and has_room(host, settings, new.cpu_mhz, new.memory_bytes, reserved_counts=True)
    )


def crosses_threshold(
    hosts: Iterable[Host], settings: Settings, cluster_id: str, cpu_mhz: int, memory_mib: int
) -> bool:
    """Whether the cluster would be fuller than its thresholds allow.

    CloudStack adds the memory asked for in MiB to sums in bytes, so it hardly counts; so does this.
    Source: CapacityManagerImpl.checkIfClusterCrossesThreshold, CapacityDaoImpl.findClusterConsumption.
    """
    cluster = [host for host in hosts if host.cluster_id == cluster_id]
    cpu_used = sum(host.used_cpu_mhz + host.reserved_cpu_mhz for host in cluster) + cpu_mhz
    memory_used = sum(host.used_memory_bytes + host.reserved_memory_bytes for host in cluster) + memory_mib
    cpu_part = cpu_used / sum(host.cpu_mhz for host in cluster)
    memory_part = memory_used / sum(host.memory_bytes for host in cluster)
    return cpu_part / settings.number(names.CPU_OVERCOMMIT, cluster_id) > settings.number(
        names.CPU_THRESHOLD, cluster_id
    ) or memory_part / settings.number(names.MEMORY_OVERCOMMIT, cluster_id) > settings.number(
        names.MEMORY_THRESHOLD, cluster_id
    )
