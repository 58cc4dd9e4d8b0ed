"""What of a host's allocated capacity may be reserved for stopped instances: the API adds it up and tells no one apart.

It matters where an instance grows in place: what is reserved does not stand in the way of that, and what is used does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from harness.cloud.entities import InstanceRecord
from harness.reference.capacity import Allocation, Host, allocation, with_allocation
from harness.reference.offering import Size
from harness.reference.scaling import Instance, World

# So many sums of what stopped instances have are tried; where there are more of them many are alike.
_MOST_SUMS = 500


def size_of(record: InstanceRecord) -> Size:
    return Size(record.cpus, record.speed_mhz, record.memory_mib)


def told(host: Host) -> Allocation:
    """What the API tells of a host whose reserved part is known."""
    return Allocation(host.used_cpu_mhz + host.reserved_cpu_mhz, host.used_memory_bytes + host.reserved_memory_bytes)


def worlds_with_reserved(
    world: World, instance: Instance, others: Iterable[InstanceRecord], stopped: Iterable[InstanceRecord]
) -> Iterator[World]:
    """The same world with part of what the instance's host counts reserved: as much as some of `stopped` have together.

    No more can be than is counted beyond what runs there: the instance itself, and those of `others` that are there.
    """
    if instance.host_id is None:
        return
    most = _beyond_what_runs(world, instance, others)
    for part in _sums(most, map(size_of, stopped)):
        yield _with_reserved(world, instance.host_id, part)


def world_with_the_rest_reserved(world: World, instance: Instance, others: Iterable[InstanceRecord]) -> World:
    """The same world with all reserved that the instance's host counts beyond what runs there: it, and `others`.

    The host releases what is used and not what is reserved, whoever it is reserved for: a stopped instance, or
    one that is gone and was counted wrongly.
    """
    if instance.host_id is None:
        return world
    rest = _beyond_what_runs(world, instance, others)
    part = Allocation(max(0, rest.cpu_mhz), max(0, rest.memory_bytes))
    return _with_reserved(world, instance.host_id, part)


def recalculated(world: World, instance: Instance, others: Iterable[InstanceRecord]) -> World:
    """The same world with hosts that count what runs and no more: the instance, and `others`."""
    there = list(others)
    counted = {host.id: _running_on(host, instance, there) for host in world.hosts}
    return replace(world, hosts=tuple(with_allocation(host, counted[host.id]) for host in world.hosts))


def _beyond_what_runs(world: World, instance: Instance, others: Iterable[InstanceRecord]) -> Allocation:
    host = world.host(instance.host_id)
    counted, running = allocation(host), _running_on(host, instance, others)
    return Allocation(counted.cpu_mhz - running.cpu_mhz, counted.memory_bytes - running.memory_bytes)


def _running_on(host: Host, instance: Instance, others: Iterable[InstanceRecord]) -> Allocation:
    running = Allocation(0, 0)
    for size in (size_of(other) for other in others if other.host_id == host.id):
        running = running.with_allocated(size)
    return running.with_allocated(instance.size) if instance.host_id == host.id else running


def _sums(most: Allocation, sizes: Iterable[Size]) -> list[Allocation]:
    sums = {Allocation(0, 0): None}
    for size in sizes:
        for part in list(sums):
            more = part.with_allocated(size)
            if more.cpu_mhz <= most.cpu_mhz and more.memory_bytes <= most.memory_bytes and len(sums) <= _MOST_SUMS:
                sums[more] = None
    return [part for part in sums if part.memory_bytes]


def _with_reserved(world: World, host_id: str, part: Allocation) -> World:
    host = world.host(host_id)
    there = replace(
        host,
        used_cpu_mhz=host.used_cpu_mhz - part.cpu_mhz,
        used_memory_bytes=host.used_memory_bytes - part.memory_bytes,
        reserved_cpu_mhz=part.cpu_mhz,
        reserved_memory_bytes=part.memory_bytes,
    )
    return replace(world, hosts=tuple(there if each.id == host_id else each for each in world.hosts))
