"""Which service offerings a list has: those with room for a size, and those that an instance may change to."""

from __future__ import annotations

from harness.reference.offering import Offering, Size


def takes(offering: Offering, cpus: int | None, speed_mhz: int | None, memory_mib: int | None) -> bool:
    """Whether it is at least so large, or may be made so. None is any.

    Source: QueryManagerImpl.searchForServiceOfferings, parameters cpunumber, cpuspeed and memory.
    """
    return (
        _at_least(offering.speed_mhz, speed_mhz)
        and _within(offering.cpus, offering.min_cpus, offering.max_cpus, cpus)
        and _within(offering.memory_mib, offering.min_memory_mib, offering.max_memory_mib, memory_mib)
    )


def may_follow(new: Offering, current: Offering, size: Size, *, running: bool) -> bool:
    """Whether an instance of the current offering and this size is offered the new one.

    One that runs is offered nothing smaller, and only what scales as its own does. Source: the same, parameter
    virtualmachineid.
    """
    if new.id == current.id and not current.is_custom:
        return False
    if new.disk_strict != current.disk_strict:
        return False
    if current.disk_strict and new.disk_offering_id != current.disk_offering_id:
        return False
    if new.host_tags and not current.host_tags <= new.host_tags:
        return False
    return not running or (
        new.dynamic_scaling == current.dynamic_scaling
        and _at_least(new.speed_mhz, size.speed_mhz)
        and _reaches(new.cpus, new.max_cpus, size.cpus)
        and _reaches(new.memory_mib, new.max_memory_mib, size.memory_mib)
    )


def _at_least(offered: int | None, wanted: int | None) -> bool:
    return offered is None or wanted is None or offered >= wanted


def _reaches(fixed: int | None, largest: int | None, wanted: int) -> bool:
    return fixed >= wanted if fixed is not None else _at_least(largest, wanted)


def _within(fixed: int | None, smallest: int | None, largest: int | None, wanted: int | None) -> bool:
    if wanted is None:
        return True
    if fixed is not None:
        return fixed >= wanted
    return (smallest is None or smallest <= wanted) and (largest is None or wanted <= largest)
