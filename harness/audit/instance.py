"""Judges one running instance: what it is, what it should be, and what a restart would make of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.audit import states
from harness.audit.inventory import Inventory
from harness.audit.quota import Tuned, quota_states, shares_states
from harness.audit.records import InstanceLine, StateLine
from harness.audit.running_domain import is_prepared
from harness.cloud.fleet import FleetInstance
from harness.hosts.observation import DomainView, FleetMember, GuestView, NotSeen, SchedulerView
from harness.reference import oddities, rules
from harness.reference import readiness as reference_readiness
from harness.reference.capacity import Host
from harness.reference.domain import (
    GUEST_MEMORY_BLOCK_MIB,
    Domain,
    boot_memory_mib,
    domain_at_start,
)
from harness.reference.offering import Offering, Size, size_at_start
from harness.reference.settings import ENABLE_DYNAMIC_SCALE

_FEW_SLOTS = 2


@dataclass(frozen=True)
class Moments:
    """When scaling was last switched on, as events tell, and when the cloud was upgraded, as the operator tells."""

    scaling_since: datetime | None = None
    upgraded: datetime | None = None


@dataclass(frozen=True)
class Judged:
    """All that one instance is judged by."""

    inventory: Inventory
    instance: FleetInstance
    host: Host
    member: FleetMember
    moments: Moments
    speeds: frozenset[int]

    @property
    def offering(self) -> Offering | None:
        return self.inventory.offerings.get(self.instance.offering_id)

    @property
    def shown_size(self) -> Size | None:
        """Its size as the API shows it."""
        one = self.instance
        if one.cpus is None or one.speed_mhz is None or one.memory_mib is None:
            return None
        return Size(one.cpus, one.speed_mhz, one.memory_mib)

    @property
    def zone_allows(self) -> bool:
        return self.inventory.settings.flag(ENABLE_DYNAMIC_SCALE)

    @property
    def restarts_prepared(self) -> bool | None:
        """Whether a restart now would give a prepared domain; None where its offering is not known."""
        if self.offering is None:
            return None
        return reference_readiness.is_prepared(
            self.inventory.release,
            flag=self.instance.flag,
            zone_setting=self.zone_allows,
            custom_offering=self.offering.is_custom,
        )


def blank_line(inventory: Inventory, instance: FleetInstance, cluster: str, reasons: Iterable[str]) -> InstanceLine:
    """What the API alone says of an instance; `reasons` are why there is no more."""
    offering = inventory.offerings.get(instance.offering_id)
    return InstanceLine(
        id=instance.id,
        name=instance.name,
        instance_name=instance.instance_name,
        account=instance.account,
        account_domain=instance.account_domain,
        zone=inventory.zone.name,
        cluster=cluster,
        host=instance.host_name or "",
        offering=instance.offering_name,
        offering_class="unknown" if offering is None else offering.offering_class.value,
        cpu_cap=None if offering is None else offering.cpu_cap,
        cpus=instance.cpus or 0,
        speed_mhz=instance.speed_mhz or 0,
        memory_mib=instance.memory_mib or 0,
        scalable_flag=instance.flag,
        not_seen=list(reasons),
    )


def judge(judged: Judged, cluster: str) -> InstanceLine:
    """The line of an instance whose host was looked at."""
    one, member, size = judged.instance, judged.member, judged.shown_size
    blank = blank_line(judged.inventory, one, cluster, ())
    if size is None:
        return blank.model_copy(update={"not_seen": ["the API does not tell its size"]})
    if isinstance(member.domain, NotSeen):
        return blank.model_copy(update={"not_seen": [f"domain: {member.domain.reason}"]})
    domain, reasons = member.domain, _not_seen(judged)
    restart = _restart(judged, size)
    prepared = is_prepared(domain, size.memory_mib) or _is_at_its_ceilings(domain, restart)
    since = None if member.since is None else datetime.fromtimestamp(member.since, UTC)
    scheduler = member.scheduler if isinstance(member.scheduler, SchedulerView) else None
    guest = member.guest if isinstance(member.guest, GuestView) else None
    found = [
        *_readiness(judged, prepared, since),
        *(_ceilings(domain, restart) if prepared else ()),
        *_next_start(size, restart),
        *_sizes(judged, domain, size),
        *(_tuning(judged, size, scheduler) if scheduler else ()),
        *(_guest(domain, guest) if guest else ()),
        *_saved_speed(judged),
    ]
    return blank.model_copy(
        update={
            "prepared": prepared,
            "prepared_at_restart": judged.restarts_prepared,
            "running_since": since,
            "domain_cpus": domain.vcpus,
            "domain_memory_mib": domain.memory_kib // 1024,
            "max_cpus": domain.max_vcpus,
            "max_memory_mib": (domain.max_memory_kib or domain.memory_kib) // 1024,
            "dimm_slots_left": (domain.memory_slots or 0) - len(domain.dimms_kib) if domain.memory_slots else 0,
            "shares": scheduler.shares if scheduler else None,
            "quota_us": scheduler.quota_us if scheduler else None,
            "period_us": scheduler.period_us if scheduler else None,
            "guest_cpus": guest.online_cpus if guest else None,
            "guest_memory_mib": guest.online_memory_mib if guest else None,
            "states": found,
            "not_seen": reasons,
        }
    )


def _not_seen(judged: Judged) -> list[str]:
    """Reasons for parts of the look that could not be had. That guests were not asked is said once, of the audit."""
    member, reasons = judged.member, []
    if isinstance(member.scheduler, NotSeen):
        reasons.append(f"scheduler: {member.scheduler.reason}")
    if isinstance(member.guest, NotSeen) and "not asked" not in member.guest.reason:
        reasons.append(member.guest.reason)
    if judged.offering is None:
        reasons.append("its offering was removed: whether that caps CPU and allows scaling no list tells")
    if judged.instance.template_id not in judged.inventory.templates and not judged.instance.flag:
        reasons.append("its template was removed: whether that allows scaling no list tells")
    return reasons


def _restart(judged: Judged, size: Size) -> Domain | None:
    """The domain that a stop and start on its host would give it now."""
    offering, prepared = judged.offering, judged.restarts_prepared
    if offering is None or prepared is None:
        return None
    saved = judged.instance.saved
    starts_with = size_at_start(offering, saved) if offering.is_custom and not saved.is_empty else size
    # Most instances of a fleet are like others of theirs, and so are its hosts.
    host, known = judged.host, judged.inventory.restarts
    alike = (host.cluster_id, host.cpus, host.speed_mhz, host.memory_bytes, host.cgroup_version)
    key = (offering.id, starts_with, prepared, alike)
    if key not in known:
        known[key] = domain_at_start(
            judged.inventory.release,
            judged.inventory.settings,
            host,
            offering,
            starts_with,
            cpu_cap=offering.cpu_cap,
            prepared=prepared,
        )
    return known[key]


def _is_at_its_ceilings(domain: DomainView, restart: Domain | None) -> bool:
    """A prepared domain whose ceilings are its size looks like any other; then a restart would change nothing."""
    if restart is None or not restart.prepared:
        return False
    return (domain.max_vcpus, domain.max_memory_kib) == (restart.max_vcpus, restart.max_memory_kib)


def _readiness(judged: Judged, prepared: bool, since: datetime | None) -> Iterable[StateLine]:
    one, release, offering = judged.instance, judged.inventory.release, judged.offering
    if not judged.zone_allows:
        yield states.SCALING_OFF.line(rule=rules.PREPARED)
    if not one.flag:
        template = judged.inventory.templates.get(one.template_id, True)
        state = (
            states.TEMPLATE_OFF
            if not template
            else states.OFFERING_OFF
            if offering is not None and not offering.dynamic_scaling
            else states.FLAG_OFF
        )
        yield state.line(rule=rules.INSTANCE_FLAG)
    if offering is not None and not offering.is_custom and not release.scales_fixed_offerings:
        yield states.FIXED_BEFORE.line(rule=rules.PREPARED_BEFORE)
    again = judged.restarts_prepared
    if prepared and again is False:
        yield states.PREPARED_NO_MORE.line(rule=rules.BUILT_AT_START)
    if not prepared and again:
        yield _why_unprepared(judged, since)


def _why_unprepared(judged: Judged, since: datetime | None) -> StateLine:
    """What is known of it: the process is never older than the start, so what came after it came after the start."""
    moments, offering = judged.moments, judged.offering
    fixed = offering is not None and not offering.is_custom
    if since is not None:
        scaling, upgraded = moments.scaling_since, moments.upgraded
        if scaling is not None and since < scaling and (upgraded is None or upgraded <= scaling):
            return states.BEFORE_SETTING.line(f"after {scaling:%F %T}", f"{since:%F %T}", rules.BUILT_AT_START)
        if upgraded is not None and since < upgraded and fixed:
            return states.BEFORE_UPGRADE.line(f"after {upgraded:%F %T}", f"{since:%F %T}", rules.PREPARED_BEFORE)
        if scaling is not None and since < scaling:
            return states.BEFORE_SETTING.line(f"after {scaling:%F %T}", f"{since:%F %T}", rules.BUILT_AT_START)
    more = "it was started before the setting, its flag" + (", or the upgrade to 4.23" if fixed else "")
    return states.UNPREPARED.line(rule=rules.BUILT_AT_START, more=more)


def _next_start(size: Size, restart: Domain | None) -> Iterable[StateLine]:
    if restart is not None and restart.prepared and restart.max_vcpus < size.cpus:
        yield states.CANNOT_RESTART.line(size.cpus, restart.max_vcpus, oddities.CEILING_BELOW_SIZE)


def _ceilings(domain: DomainView, restart: Domain | None) -> Iterable[StateLine]:
    if domain.vcpus >= domain.max_vcpus:
        yield states.CPUS_AT_CEILING.line(observed=domain.max_vcpus, rule=rules.CEILINGS)
    if domain.memory_kib >= (domain.max_memory_kib or 0):
        yield states.MEMORY_AT_CEILING.line(observed=f"{domain.memory_kib // 1024} MiB", rule=rules.CEILINGS)
    elif domain.memory_slots is not None:
        left = domain.memory_slots - len(domain.dimms_kib)
        if left <= 0:
            yield states.NO_SLOTS.line(observed=f"{len(domain.dimms_kib)} DIMMs", rule=rules.DIMM)
        elif left <= _FEW_SLOTS:
            yield states.FEW_SLOTS.line(observed=left, rule=rules.DIMM)
    if restart is None or not restart.prepared:
        return
    # A memory ceiling that is the memory itself is not written.
    ceilings = domain.max_vcpus, domain.max_memory_kib or domain.memory_kib
    then = restart.max_vcpus, restart.max_memory_kib or restart.memory_kib
    if ceilings != then:
        used = domain.vcpus, domain.memory_kib
        is_held = any(now >= ceiling < other for now, ceiling, other in zip(used, ceilings, then, strict=True))
        yield (states.AT_A_LOWER_CEILING if is_held else states.OTHER_CEILINGS).line(
            _ceilings_text(*then),
            _ceilings_text(*ceilings),
            oddities.CEILINGS_OF_THE_START,
        )


def _ceilings_text(vcpus: int, memory_kib: int) -> str:
    return f"{vcpus} vCPUs, {memory_kib // 1024} MiB"


def _sizes(judged: Judged, domain: DomainView, size: Size) -> Iterable[StateLine]:
    larger: list[tuple[str, str]] = []
    smaller: list[tuple[str, str]] = []
    if domain.vcpus != size.cpus:
        (larger if domain.vcpus > size.cpus else smaller).append((f"{size.cpus} vCPUs", f"{domain.vcpus} vCPUs"))
    right = _memory_sizes(judged, domain, size)
    seen = domain.memory_kib // 1024
    if seen not in right:
        (larger if seen > max(right) else smaller).append((f"{size.memory_mib} MiB", f"{seen} MiB"))
    for state, differences in ((states.DOMAIN_LARGER, larger), (states.DOMAIN_SMALLER, smaller)):
        if differences:
            expected, observed = zip(*differences, strict=True)
            rule = oddities.PARTIAL_SUCCESS if state is states.DOMAIN_LARGER else oddities.CONCURRENT_SCALES
            yield state.line(", ".join(expected), ", ".join(observed), rule)


def _memory_sizes(judged: Judged, domain: DomainView, size: Size) -> set[int]:
    """What the domain may have in MiB: all of it, or before the first DIMM what overcommit leaves of it at a start."""
    settings, cluster_id = judged.inventory.settings, judged.host.cluster_id
    right = {size.memory_mib}
    if not domain.dimms_kib:
        right.add(boot_memory_mib(settings, cluster_id, size.memory_mib))
        former = _ratio(judged.instance, "memoryOvercommitRatio")
        if former:
            right.add(int(size.memory_mib / former))
    return right


def _ratio(instance: FleetInstance, detail: str) -> float | None:
    """An overcommit that CloudStack keeps with an instance, as it was when that started or was scaled."""
    try:
        return float(instance.details[detail]) or None
    except (KeyError, ValueError):
        return None


def _tuning(judged: Judged, size: Size, seen: SchedulerView) -> Iterable[StateLine]:
    settings, offering = judged.inventory.settings, judged.offering
    tuned = Tuned(
        cpu_cap=offering is not None and offering.cpu_cap,
        cpus=size.cpus,
        speed_mhz=size.speed_mhz,
        host=judged.host,
        started_with=_ratio(judged.instance, "cpuOvercommitRatio"),
        is_custom=offering is not None and offering.is_custom,
    )
    if offering is not None:
        yield from quota_states(tuned, settings, seen, judged.speeds)
    yield from shares_states(tuned, settings, seen)


def _guest(domain: DomainView, guest: GuestView) -> Iterable[StateLine]:
    boot_mib = (domain.memory_kib - sum(domain.dimms_kib)) // 1024
    blocks_mib = -(-boot_mib // GUEST_MEMORY_BLOCK_MIB) * GUEST_MEMORY_BLOCK_MIB
    whole_mib = blocks_mib + sum(domain.dimms_kib) // 1024
    if guest.online_cpus < domain.vcpus or guest.online_memory_mib < whole_mib:
        yield states.GUEST_SMALLER.line(
            f"{domain.vcpus} vCPUs, {whole_mib} MiB",
            f"{guest.online_cpus} vCPUs, {guest.online_memory_mib} MiB",
            oddities.UNUSABLE_DIMM if guest.online_memory_mib < whole_mib else rules.HOTPLUG,
        )


def _saved_speed(judged: Judged) -> Iterable[StateLine]:
    offering, saved = judged.offering, judged.instance.saved.speed_mhz
    if offering is None or not offering.is_custom or offering.speed_mhz is None or saved is None:
        return
    if saved.isdecimal() and int(saved) != offering.speed_mhz:
        yield states.SPEED_STALE.line(f"{offering.speed_mhz} MHz", f"{saved} MHz", oddities.STALE_SPEED)
