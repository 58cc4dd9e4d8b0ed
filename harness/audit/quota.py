"""Which rule an instance's quota, period and shares come from: the right one, a stale one, or none."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from harness.audit import states
from harness.audit.records import StateLine
from harness.hosts.observation import SchedulerView
from harness.reference import oddities, rules
from harness.reference.capacity import Host
from harness.reference.cpu_tuning import QUOTA_REMOVED_US, UNSET_QUOTA_US, bandwidth, cpu_shares, quota_percentage
from harness.reference.domain import min_speed_mhz
from harness.reference.settings import Settings

NO_QUOTA = (UNSET_QUOTA_US, QUOTA_REMOVED_US)
Limit = tuple[int, int]


@dataclass(frozen=True)
class Tuned:
    """What decides an instance's CPU tuning. `started_with` is its former CPU overcommit, where it is kept with it,
    `is_custom` tells of its offering.
    """

    cpu_cap: bool
    cpus: int
    speed_mhz: int
    host: Host
    started_with: float | None = None
    is_custom: bool = False


def quota_states(tuned: Tuned, settings: Settings, seen: SchedulerView, speeds: Iterable[int]) -> list[StateLine]:
    """None where the quota is right. `speeds` are those of other hosts, from which a migration may have come."""
    if not tuned.cpu_cap:
        if seen.quota_us in NO_QUOTA:
            return []
        limit = (seen.quota_us, seen.period_us)
        if any(_former_speeds(limit, speed, speed + 1) for speed in {tuned.host.speed_mhz, *speeds}):
            return [states.QUOTA_LEFT.line("no quota", _shown(seen), rules.QUOTA_STALE)]
        return [states.QUOTA_WRONG.line("no quota", _shown(seen))]
    host = tuned.host
    right = _limit(tuned.speed_mhz, host.speed_mhz)
    if right is None:
        return [] if seen.quota_us in NO_QUOTA else [states.QUOTA_WRONG.line("no quota", _shown(seen))]
    if seen.quota_us in NO_QUOTA:
        return [states.QUOTA_MISSING.line(_text(right), "no quota", rules.QUOTA_STALE)]
    observed = (seen.quota_us, seen.period_us)
    if observed == right:
        return []
    divided = min_speed_mhz(settings, host.cluster_id, tuned.speed_mhz)
    if observed == _limit(divided, host.speed_mhz):
        return [states.QUOTA_HALVED.line(_text(right), _shown(seen), oddities.HALVED_QUOTA)]
    fits_on = [
        other
        for other in sorted(set(speeds) - {host.speed_mhz})
        if observed in (_limit(tuned.speed_mhz, other), _limit(divided, other))
    ]
    former = _former_speeds(observed, host.speed_mhz, tuned.speed_mhz)
    # A fixed offering was scaled by no release that leaves quotas stale, unless it was a custom one before.
    if fits_on and (former is None or not tuned.is_custom):
        more = f"one of {fits_on[0]} MHz" + (
            "" if former is None else "; or a scale from a custom offering before 4.23"
        )
        return [states.QUOTA_OF_ANOTHER.line(_text(right), _shown(seen), rules.MIGRATION_KEEPS, more)]
    if former is not None:
        more = f"a speed of {former[0]} to {former[1]} MHz" if former[0] < former[1] else f"{former[0]} MHz"
        # Both come to the same numbers, and the same mends both.
        more += f"; or it came by a migration from a host of {fits_on[0]} MHz" if fits_on else ""
        return [states.QUOTA_STALE.line(_text(right), _shown(seen), rules.QUOTA_STALE, more)]
    return [states.QUOTA_WRONG.line(_text(right), _shown(seen))]


def shares_states(tuned: Tuned, settings: Settings, seen: SchedulerView) -> list[StateLine]:
    """None where the shares are right."""
    right = _shares(tuned, min_speed_mhz(settings, tuned.host.cluster_id, tuned.speed_mhz))
    if seen.shares == right:
        return []
    former = {tuned.speed_mhz}
    if tuned.started_with:
        former.add(int(tuned.speed_mhz / tuned.started_with))
    if seen.shares in {_shares(tuned, speed) for speed in former}:
        return [states.SHARES_OF_OVERCOMMIT.line(right, seen.shares, rules.SHARES)]
    if seen.shares > right:
        return [states.SHARES_HIGH.line(right, seen.shares, oddities.SHARES_KEPT)]
    return [states.SHARES_LOW.line(right, seen.shares, rules.SHARES)]


def _shares(tuned: Tuned, min_speed: int) -> int:
    host = tuned.host
    return cpu_shares(tuned.cpus, min_speed, cgroup_version=host.cgroup_version, host_cpu_mhz=host.cpu_mhz)


def _limit(speed_mhz: int, host_speed_mhz: int) -> Limit | None:
    percentage = quota_percentage(speed_mhz, host_speed_mhz)
    if percentage is None:
        return None
    limit = bandwidth(percentage)
    return limit.quota_us, limit.period_us


@lru_cache(maxsize=4096)
def _former_speeds(observed: Limit, host_speed_mhz: int, speed_mhz: int) -> tuple[int, int] | None:
    """The lower speeds to which CloudStack gives this quota on this host: a range, since it rounds to percents."""
    fitting = [speed for speed in range(1, speed_mhz) if _limit(speed, host_speed_mhz) == observed]
    return (fitting[0], fitting[-1]) if fitting else None


def _text(limit: Limit) -> str:
    return f"{limit[0]}/{limit[1]} us"


def _shown(seen: SchedulerView) -> str:
    return _text((seen.quota_us, seen.period_us))
