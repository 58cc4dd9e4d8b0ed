"""Room on hosts: what is free, what fits, and when a cluster is too full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from harness.reference import refusals
from harness.reference import settings as names
from harness.reference.offering import Size
from harness.reference.refusal import Refusal
from harness.reference.release import Release
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


@dataclass(frozen=True)
class AccountLimits:
    """Limits of an instance's owner and what it has; a limit of -1 is none. vCPUs, and memory in MiB."""

    account: str
    cpus: int = -1
    memory_mib: int = -1
    used_cpus: int = 0
    used_memory_mib: int = 0

    def refusal(self, old: Size, new: Size, release: Release) -> Refusal | None:
        """Why the new size is not granted, or None. Source: ResourceLimitManagerImpl.checkResourceLimit (text seen).

        A tree of 4.23 reserves the whole new size and gives the old one back, so that a limit that is passed already
        hinders whatever does not bring the account below it. One of 4.22 that has the pull request behaves like 4.23
        and reserves what is added, as 4.22 does (both seen).
        """
        for kind, limit, used, before, asked in (
            ("cpu", self.cpus, self.used_cpus, old.cpus, new.cpus),
            ("memory", self.memory_mib, self.used_memory_mib, old.memory_mib, new.memory_mib),
        ):
            added = asked - before
            if limit != -1 and (added > 0 or release.limits_whole_size) and used + added > limit:
                text = (
                    f"Maximum amount of resources of Type = '{kind}', tag = 'null' for Account Name = {self.account} "
                    "in Domain Id = <account domain> is exceeded: "
                    f"Account Resource Limit = {limit}, Current Account Resource Amount = {used}, "
                    "Current Account Resource Reservation = {}, Requested Resource Amount = {}."
                )
                of_growth, of_size = text.format(0, added), text.format(-before, asked)
                if release.limits_whole_size:
                    return Refusal(530, of_size, refusals.RESOURCE_LIMIT, also=(of_growth,))
                return Refusal(530, of_growth, refusals.RESOURCE_LIMIT)
        return None


def is_capable(host: Host, size: Size) -> bool:
    """Enough CPUs, each fast enough, overcommit left aside. Source: CapacityManagerImpl.checkIfHostHasCpuCapability."""
    return host.cpus >= size.cpus and host.speed_mhz >= size.speed_mhz


@dataclass(frozen=True)
class Allocation:
    """An amount of capacity, in MHz and bytes."""

    cpu_mhz: int
    memory_bytes: int

    def with_released(self, size: Size) -> Allocation:
        """An amount larger than what is used is not subtracted. Source: CapacityManagerImpl.releaseVmCapacity."""
        return Allocation(
            self.cpu_mhz - size.cpu_mhz if self.cpu_mhz >= size.cpu_mhz else self.cpu_mhz,
            self.memory_bytes - size.memory_bytes if self.memory_bytes >= size.memory_bytes else self.memory_bytes,
        )

    def with_allocated(self, size: Size) -> Allocation:
        return Allocation(self.cpu_mhz + size.cpu_mhz, self.memory_bytes + size.memory_bytes)


def free(host: Host, settings: Settings, *, reserved_counts: bool) -> Allocation:
    """What is left of the host's totals, overcommit included; negative where it is overfilled."""
    cpu_total = int(host.cpu_mhz * settings.number(names.CPU_OVERCOMMIT, host.cluster_id))
    memory_total = int(host.memory_bytes * settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id))
    return Allocation(
        cpu_total - host.used_cpu_mhz - (host.reserved_cpu_mhz if reserved_counts else 0),
        memory_total - host.used_memory_bytes - (host.reserved_memory_bytes if reserved_counts else 0),
    )


def has_room(host: Host, settings: Settings, cpu_mhz: int, memory_bytes: int, *, reserved_counts: bool) -> bool:
    """Whether that much more fits on the host; an exact fit fits.

    Source: CapacityManagerImpl.checkIfHostHasCapacity.
    """
    room = free(host, settings, reserved_counts=reserved_counts)
    return cpu_mhz <= room.cpu_mhz and memory_bytes <= room.memory_bytes


def can_grow(host: Host, settings: Settings, current: Size, new: Size) -> bool:
    """Whether the host that runs an instance has room for its growth. Source: UserVmManagerImpl, live-scale loop."""
    return is_capable(host, new) and has_room(
        host,
        settings,
        new.cpu_mhz - current.cpu_mhz,
        new.memory_bytes - current.memory_bytes,
        reserved_counts=False,
    )


def strict_tags(settings: Settings) -> frozenset[str]:
    """Host tags that must match when scaling. Source: UserVmManager.getStrictHostTags."""
    limited = settings.tags(names.LIMIT_HOST_TAGS) if settings.flag(names.STRICT_LIMIT_TAGS) else frozenset()
    return settings.tags(names.STRICT_HOST_TAGS) | limited


def lacks_strict_tags(host: Host, settings: Settings, demanded: frozenset[str]) -> bool:
    """Whether the host lacks one of the demanded tags that is strict."""
    return not demanded & strict_tags(settings) <= host.tags


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
    cpu_part = _part(cpu_used, sum(host.cpu_mhz for host in cluster))
    memory_part = _part(memory_used, sum(host.memory_bytes for host in cluster))
    return cpu_part / settings.number(names.CPU_OVERCOMMIT, cluster_id) > settings.number(
        names.CPU_THRESHOLD, cluster_id
    ) or memory_part / settings.number(names.MEMORY_OVERCOMMIT, cluster_id) > settings.number(
        names.MEMORY_THRESHOLD, cluster_id
    )


def _part(used: int, total: int) -> float:
    """A cluster without any total crosses nothing: the database divides by zero to NULL, which is read as 0."""
    return used / total if total else 0.0


def allocation(host: Host) -> Allocation:
    """What the host counts as used."""
    return Allocation(host.used_cpu_mhz, host.used_memory_bytes)


def with_allocation(host: Host, used: Allocation) -> Host:
    return replace(host, used_cpu_mhz=used.cpu_mhz, used_memory_bytes=used.memory_bytes)
