"""Where what CloudStack builds contradicts what is promised: the defects that one scale will show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from harness.reference import oddities
from harness.reference.capacity import Host
from harness.reference.cpu_tuning import Bandwidth, bandwidth, quota_percentage
from harness.reference.domain import GUEST_MEMORY_BLOCK_MIB, MEMORY_SLOTS, Domain, ScaleCommand
from harness.reference.offering import Offering, Size, saved_parameters, size_at_start
from harness.reference.rule import Rule
from harness.reference.world import Instance, World


@dataclass(frozen=True)
class Contradiction:
    """By the defect `rule`, there will be `built` where `promised` is promised."""

    rule: Rule
    promised: str
    built: str


@dataclass(frozen=True)
class Effects:
    """A scale that is carried out on `host`, with what the agent makes of it."""

    world: World
    instance: Instance
    offering: Offering
    size: Size
    host: Host
    moved: bool
    domain: Domain
    failure: Rule | None
    command: ScaleCommand
    caller: str | None


def contradictions(effects: Effects) -> tuple[Contradiction, ...]:
    """All that this scale will show; none where the release has them mended.

    DEF-01 and DEF-06 take two scales at once: `harness.reference.together` has those.
    """
    return (
        *_moved_for_nothing(effects),
        *(() if effects.failure else stale_speed(effects.world, effects.instance, effects.offering, effects.size)),
        *_halved_quota(effects),
        *_unusable_dimm(effects),
        *_counted_for_the_caller(effects),
    )


def _moved_for_nothing(effects: Effects) -> Iterator[Contradiction]:
    if effects.moved and effects.failure is not None:
        yield Contradiction(
            oddities.MOVED_FOR_NOTHING,
            "the instance is scaled, or stays where it is",
            f"the instance is moved to {effects.host.name} and not scaled",
        )


def stale_speed(world: World, instance: Instance, offering: Offering, size: Size) -> Iterator[Contradiction]:
    """What a change to `offering`, live or stopped, leaves for the next start."""
    saved = saved_parameters(world.release, offering, size, instance.saved)
    at_start = size_at_start(offering, saved).speed_mhz
    if at_start != size.speed_mhz:
        yield Contradiction(
            oddities.STALE_SPEED,
            f"{size.speed_mhz} MHz after the next start",
            f"{at_start} MHz after the next start",
        )


def _halved_quota(effects: Effects) -> Iterator[Contradiction]:
    live = effects.command.quota_percentage
    if live is None or effects.failure is not None:
        return
    at_start = quota_percentage(effects.size.speed_mhz, effects.host.speed_mhz)
    if at_start is not None and at_start != live:
        yield Contradiction(
            oddities.HALVED_QUOTA,
            f"the quota of a restart, {_written(bandwidth(at_start))}",
            f"a quota of {_written(bandwidth(live))} until the next start",
        )


def _written(limit: Bandwidth) -> str:
    return f"{limit.quota_us} of {limit.period_us} us"


def _unusable_dimm(effects: Effects) -> Iterator[Contradiction]:
    missing_mib = effects.size.memory_mib - effects.instance.domain.memory_kib // 1024
    if missing_mib <= 0 or missing_mib % GUEST_MEMORY_BLOCK_MIB == 0:
        return
    if effects.failure is None:
        built = f"the guest sees {effects.domain.guest_memory_mib} MiB"
    elif _qemu_refuses(effects, missing_mib):
        built = "QEMU refuses the DIMM and the job fails"
    else:
        return
    yield Contradiction(
        oddities.UNUSABLE_DIMM, f"the guest sees {effects.size.memory_mib} MiB, or the request is refused", built
    )


def _qemu_refuses(effects: Effects, missing_mib: int) -> bool:
    """Whether nothing but its odd size keeps the DIMM out."""
    domain = effects.instance.domain
    return (
        missing_mib % 2 != 0
        and domain.max_memory_kib is not None
        and effects.size.memory_mib * 1024 <= domain.max_memory_kib
        and len(domain.dimms_kib) < MEMORY_SLOTS
    )


def _counted_for_the_caller(effects: Effects) -> Iterator[Contradiction]:
    counted_for_caller = oddities.COUNTED_FOR_THE_CALLER in effects.world.release.defects
    if counted_for_caller and effects.caller is not None and effects.caller != effects.instance.owner:
        yield Contradiction(
            oddities.COUNTED_FOR_THE_CALLER,
            f"the resource counts of {effects.instance.owner} change",
            f"the resource counts of {effects.caller} change",
        )
