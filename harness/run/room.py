"""What a cloud has free, what a filler must take of it, and whether a scale meets the room that its case arranged."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from math import ceil

from harness.cloud.entities import HostRecord
from harness.reference import refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import Host, free, has_room, is_capable
from harness.reference.offering import Size
from harness.reference.scaling import Instance, Prediction, World
from harness.run.permits import CannotArrangeError

_MIB = 1048576
_FILLER_MHZ = 100
_FILLER_MIB = 256
_SMALLEST_MIB = 32
# What a case that shares its host with others may take of it, all its instances together at their largest.
SHARE_CPUS = 1.5
SHARE_MIB = 768


class Room(Enum):
    """What a case has arranged for a growth: room on the instance's host, none there, or a cluster that is too full."""

    ON_THE_HOST = 1
    NOT_ON_THE_HOST = 2
    CLUSTER_TOO_FULL = 3


def require_arranged(world: World, instance: Instance, grown: Size | None, prediction: Prediction, room: Room) -> None:
    """A case about something else must not be judged by how full the cloud happens to be.

    `grown` is the size that is asked for, None where that is no size at all.

    Raises:
        CannotArrangeError: the prediction does not come about under the arranged condition; the text says what is
            lacking and what is there.
    """
    why = prediction.rules
    host = world.host(instance.host_id)
    too_full = refusals.CLUSTER_THRESHOLD in why
    if too_full and room is not Room.CLUSTER_TOO_FULL:
        raise CannotArrangeError(
            "needs a cluster below its allocation thresholds (cluster.*.disablethreshold); "
            f"{_thresholds_text(world, host.cluster_id)}"
        )
    if not too_full and room is Room.CLUSTER_TOO_FULL and rules.IN_PLACE in why:
        raise CannotArrangeError("needs a cluster above its allocation threshold; it is below it all the same")
    lacks_room = any(rule in why for rule in (rules.AUTO_MIGRATE, refusals.AUTO_MIGRATE_OFF, refusals.NO_DESTINATION))
    if room is Room.ON_THE_HOST and lacks_room:
        raise CannotArrangeError(
            "needs room for the growth on the host that the instance runs on, from "
            f"{size_text(instance.size)} to {size_text(grown or prediction.size)}; {free_text(world, host)}"
        )
    if room is Room.NOT_ON_THE_HOST and rules.IN_PLACE in why and not lacks_room:
        raise CannotArrangeError("needs a host without room for the growth; it has room all the same")


def _thresholds_text(world: World, cluster_id: str) -> str:
    hosts = [host for host in world.hosts if host.cluster_id == cluster_id]
    cpu = sum(host.used_cpu_mhz for host in hosts) / (
        sum(host.cpu_mhz for host in hosts) * world.settings.number(names.CPU_OVERCOMMIT, cluster_id)
    )
    memory = sum(host.used_memory_bytes for host in hosts) / (
        sum(host.memory_bytes for host in hosts) * world.settings.number(names.MEMORY_OVERCOMMIT, cluster_id)
    )
    return (
        f"{cpu:.0%} of its CPU and {memory:.0%} of its memory are allocated, "
        f"{world.settings.number(names.CPU_THRESHOLD, cluster_id):.0%} and "
        f"{world.settings.number(names.MEMORY_THRESHOLD, cluster_id):.0%} may be"
    )


def cases_at_once(world: World, host: Host) -> int:
    """How many cases may share a host: so many that none can take another's room, one at the least.

    What lies above the cluster's allocation thresholds is nobody's.
    """
    settings, cluster = world.settings, host.cluster_id
    cpu_mhz = host.cpu_mhz * settings.number(names.CPU_OVERCOMMIT, cluster)
    memory_mib = host.memory_bytes / _MIB * settings.number(names.MEMORY_OVERCOMMIT, cluster)
    left_mhz = cpu_mhz * min(1.0, settings.number(names.CPU_THRESHOLD, cluster)) - host.used_cpu_mhz
    left_mib = memory_mib * min(1.0, settings.number(names.MEMORY_THRESHOLD, cluster)) - host.used_memory_bytes / _MIB
    return max(1, int(min(left_mhz / (SHARE_CPUS * host.speed_mhz), left_mib / SHARE_MIB)))


def require_share(host: HostRecord, sizes: Iterable[Size]) -> None:
    """Raises RuntimeError where instances of a case that shares its host are larger together than its share."""
    taken = list(sizes)
    if (
        sum(size.cpu_mhz for size in taken) > SHARE_CPUS * host.speed_mhz
        or sum(size.memory_mib for size in taken) > SHARE_MIB
    ):
        raise RuntimeError(
            f"a case that shares its host may take {SHARE_CPUS} CPUs and {SHARE_MIB} MiB of it: mark it alone"
        )


def free_mib(world: World, host_id: str) -> int:
    """Unallocated memory of a host, overcommit included."""
    return free(world.host(host_id), world.settings, reserved_counts=True).memory_bytes // _MIB


def free_mhz(world: World, host_id: str) -> int:
    """Unallocated CPU of a host, overcommit included."""
    return free(world.host(host_id), world.settings, reserved_counts=True).cpu_mhz


def takes(world: World, host: Host, size: Size) -> bool:
    """Whether a new instance of this size can start on the host, or be moved there."""
    return is_capable(host, size) and has_room(
        host, world.settings, size.cpu_mhz, size.memory_bytes, reserved_counts=True
    )


def size_text(size: Size) -> str:
    """A size, for a person."""
    return f"{size.cpus} x {size.speed_mhz} MHz and {size.memory_mib} MiB"


def free_text(world: World, host: Host) -> str:
    """What a host has, for a person."""
    mhz, mib = free_mhz(world, host.id), free_mib(world, host.id)
    return f"{host.name} has {host.cpus} CPUs of {host.speed_mhz} MHz, {mhz} MHz and {mib} MiB free"


def total_mib(world: World, host: Host) -> int:
    """Memory that can be allocated on a host, overcommit included."""
    return int(host.memory_bytes * world.settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)) // _MIB


def memory_filler(world: World, host: Host, left_mib: int) -> Size:
    """The size of an instance that leaves just so much unallocated memory on the host.

    Raises:
        CannotArrangeError: the host has less than that free already.
    """
    there = free_mib(world, host.id)
    if there - left_mib < _SMALLEST_MIB:
        raise CannotArrangeError(f"needs {left_mib + _SMALLEST_MIB} MiB free on host {host.name}; has {there}")
    return Size(1, min(_FILLER_MHZ, host.speed_mhz), there - left_mib)


def cpu_fillers(world: World, host: Host, left_mhz: int) -> list[Size]:
    """Sizes of instances that together leave at most so much unallocated CPU on the host, and hardly less.

    Each has as few vCPUs as can be: they boot like any other. With overcommit it takes more than one instance.

    Raises:
        CannotArrangeError: the host has less than that free already, or too little memory for them.
    """
    there = free_mhz(world, host.id)
    missing = there - left_mhz
    if missing <= 0:
        raise CannotArrangeError(f"needs {left_mhz + 1} MHz free on host {host.name}; has {there}")
    sizes = []
    while missing > 0:
        part = min(missing, host.cpu_mhz)
        cpus = ceil(part / host.speed_mhz)
        sizes.append(Size(cpus, ceil(part / cpus), _FILLER_MIB))
        missing -= part
    if len(sizes) * _FILLER_MIB > free_mib(world, host.id):
        needed = len(sizes) * _FILLER_MIB
        raise CannotArrangeError(f"needs {needed} MiB free on host {host.name}; has {free_mib(world, host.id)}")
    return sizes


def cpu_threshold_below(world: World, cluster_id: str, growth_mhz: int) -> str:
    """A value for the cluster's CPU threshold that a growth by so much crosses, and what is allocated now does not."""
    hosts = [host for host in world.hosts if host.cluster_id == cluster_id]
    halfway = sum(host.used_cpu_mhz for host in hosts) + growth_mhz / 2
    total = sum(host.cpu_mhz for host in hosts) * world.settings.number(names.CPU_OVERCOMMIT, cluster_id)
    return f"{halfway / total:.6f}"
