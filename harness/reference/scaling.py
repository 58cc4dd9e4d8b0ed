"""What becomes of scaleVirtualMachine: the decision, its effects on every layer, and where they break a promise."""

from __future__ import annotations

from dataclasses import dataclass, replace

from harness.reference import oddities, refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import (
    Allocation,
    Host,
    allocation,
    has_room,
    with_allocation,
)
from harness.reference.contradictions import Contradiction, Effects, contradictions, stale_speed
from harness.reference.cpu_tuning import LARGEST_SHARES_PRODUCT_MHZ, cpu_shares
from harness.reference.decision import Decision, EndlessScaleError, Outcome, decide
from harness.reference.domain import (
    Domain,
    ScaleCommand,
    ceilings,
    domain_after_migration,
    domain_after_scale,
    scale_command,
)
from harness.reference.offering import CustomParameters, Offering, Size, saved_parameters, size_at_start
from harness.reference.readiness import flag_after_change
from harness.reference.refusal import Refusal
from harness.reference.rule import Kind, Rule
from harness.reference.world import RUNNING, STOPPED, Instance, World

__all__ = [
    "RUNNING",
    "STOPPED",
    "Decision",
    "EndlessScaleError",
    "Instance",
    "Outcome",
    "Prediction",
    "World",
    "command_for",
    "decide",
    "predict",
]


@dataclass(frozen=True)
class Prediction:
    """What there must be afterwards.

    `outcome` REFUSED covers a failed job of any kind: `refusal` then has its code and text, and the other fields say
    how the instance is left (a migration may already have happened, a part may be applied). `host_ids` are the hosts
    it may be on, in the order of preference; `domain` and `hosts` are for the first. `rules` decided it, oddities
    among them; `contradictions` are where what is built differs from what is promised.
    """

    outcome: Outcome
    refusal: Refusal | None
    host_ids: tuple[str, ...]
    offering: Offering
    size: Size
    cpu_cap: bool
    flag: bool
    domain: Domain
    saved: CustomParameters
    hosts: tuple[Host, ...]
    rules: tuple[Rule, ...] = ()
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def oddities(self) -> tuple[Rule, ...]:
        """The rules that a person should know of."""
        return tuple(rule for rule in self.rules if rule.kind is Kind.ODDITY)


def command_for(world: World, instance: Instance, offering: Offering, new: Size, host: Host) -> ScaleCommand:
    """The command that the agent of `host` is sent for this scale."""
    return scale_command(
        world.release, world.settings, host, new, cpu_cap=offering.cpu_cap, was_capped=instance.cpu_cap
    )


def predict(
    world: World,
    instance: Instance,
    offering: Offering,
    asked: CustomParameters,
    *,
    landed_on: str | None = None,
    caller: str | None = None,
    counted: tuple[Host, ...] | None = None,
) -> Prediction:
    """Decision and its effects: how the instance is after the job, whether that succeeds or not.

    `landed_on` names the candidate that CloudStack's allocators chose, once that is known; `caller` is the account
    that asks, where it is not the owner. `counted` are the hosts as they count when capacity is taken, where that
    changed after the decision.

    Raises:
        EndlessScaleError: the job would never end.
        KeyError: the instance's host is not of this world.
    """
    decision = decide(world, instance, offering, asked)
    new = decision.size
    if decision.refusal is not None or new is None:
        return _left_as_it_was(world, instance, decision.rules, decision.refusal, (instance.host_id,), instance.domain)
    if decision.outcome is Outcome.STORED:
        stale = tuple(stale_speed(world, instance, offering, new))
        where = (instance.host_id,)
        return _changed(world, instance, offering, new, decision, where, instance.domain, world.hosts, stale)
    host = next((host for host in decision.candidates if host.id == landed_on), decision.candidates[0])
    host_ids = tuple(candidate.id for candidate in decision.candidates)
    moved = decision.outcome is Outcome.MIGRATED
    before = domain_after_migration(world.settings, instance.domain, instance.size, host) if moved else instance.domain
    command = command_for(world, instance, offering, new, host)
    domain, failure = domain_after_scale(world.release, before, command, host)
    effects = Effects(world, instance, offering, new, host, moved, domain, failure, command, caller)
    broken = contradictions(effects)
    if failure is not None:
        partial = (oddities.PARTIAL_SUCCESS,) if domain != before else ()
        why = (*decision.rules, *partial, failure, refusals.AGENT_FAILED)
        refusal = Refusal(530, world.release.agent_failure, failure)
        return _left_as_it_was(
            world, instance, why, refusal, host_ids, domain, broken, moved_to=host if moved else None
        )
    counting = world if counted is None else replace(world, hosts=counted)
    hosts, lost = _books(counting, instance, offering, new, counting.host(host.id), moved)
    odd = (*_share_oddities(command, host, before), *_kept_ceilings(world, instance, host, moved))
    prediction = _changed(world, instance, offering, new, decision, host_ids, domain, hosts, broken, odd)
    return _not_allocated(world, prediction) if lost else prediction


def _left_as_it_was(
    world: World,
    instance: Instance,
    why: tuple[Rule, ...],
    refusal: Refusal | None,
    host_ids: tuple[str, ...],
    domain: Domain,
    broken: tuple[Contradiction, ...] = (),
    *,
    moved_to: Host | None = None,
) -> Prediction:
    hosts = world.hosts if moved_to is None else _moved(world, instance, moved_to)
    return Prediction(
        outcome=Outcome.REFUSED,
        refusal=refusal,
        host_ids=host_ids,
        offering=instance.offering,
        size=instance.size,
        cpu_cap=instance.cpu_cap,
        flag=instance.flag,
        domain=domain,
        saved=instance.saved,
        hosts=hosts,
        rules=why,
        contradictions=broken,
    )


def _changed(
    world: World,
    instance: Instance,
    offering: Offering,
    new: Size,
    decision: Decision,
    host_ids: tuple[str, ...],
    domain: Domain,
    hosts: tuple[Host, ...],
    broken: tuple[Contradiction, ...] = (),
    odd: tuple[Rule, ...] = (),
) -> Prediction:
    kept = rules.SAVED_PARAMETERS if world.release.scales_fixed_offerings else rules.SAVED_PARAMETERS_BEFORE
    odd = (*_oddities(world, instance, offering, decision), *odd)
    return Prediction(
        outcome=decision.outcome,
        refusal=None,
        host_ids=host_ids,
        offering=offering,
        size=new,
        cpu_cap=offering.cpu_cap,
        flag=flag_after_change(
            flag=instance.flag,
            offering=offering.dynamic_scaling,
            template=instance.template_flag,
            zone_setting=world.settings.flag(names.ENABLE_DYNAMIC_SCALE),
        ),
        domain=domain,
        saved=saved_parameters(world.release, offering, new, instance.saved),
        hosts=hosts,
        rules=(*odd, rules.FLAG_AFTER_CHANGE, kept, *decision.rules),
        contradictions=broken,
    )


def _oddities(world: World, instance: Instance, offering: Offering, decision: Decision) -> list[Rule]:
    found = []
    if decision.outcome is Outcome.MIGRATED:
        found.append(oddities.UNDERCOUNTED_AFTER_MIGRATION)
    elif decision.outcome is Outcome.IN_PLACE:
        miscounted = offering.is_custom and not world.release.scales_fixed_offerings
        found.append(oddities.OVERCOUNTED_BEFORE if miscounted else rules.COUNTED_IN_PLACE)
    if decision.outcome is Outcome.STORED:
        return found
    if decision.size is not None and decision.size.memory_mib > instance.size.memory_mib:
        if instance.domain.boot_memory_kib < instance.size.memory_mib * 1024:
            found.append(oddities.FULL_MEMORY)
        found.append(oddities.THRESHOLD_UNITS)
    return found


def _share_oddities(command: ScaleCommand, host: Host, before: Domain) -> tuple[Rule, ...]:
    wanted_mhz = command.cpus * command.min_speed_mhz
    if host.cgroup_version == 2 and wanted_mhz > LARGEST_SHARES_PRODUCT_MHZ:
        return (oddities.SHARES_PRODUCT_WRAPS,)
    shares = cpu_shares(
        command.cpus, command.min_speed_mhz, cgroup_version=host.cgroup_version, host_cpu_mhz=host.cpu_mhz
    )
    return (oddities.SHARES_KEPT,) if shares < before.shares else ()


def _kept_ceilings(world: World, instance: Instance, host: Host, moved: bool) -> tuple[Rule, ...]:
    if not moved or not instance.domain.prepared:
        return ()
    here = ceilings(world.release, world.settings, instance.offering, host=host)
    kept = instance.domain.max_vcpus == here.vcpus and instance.domain.max_memory_kib == here.memory_bytes // 1024
    return () if kept else (oddities.CEILINGS_OF_THE_START,)


def _books(
    world: World, instance: Instance, offering: Offering, new: Size, host: Host, moved: bool
) -> tuple[tuple[Host, ...], bool]:
    """What the hosts count afterwards, and whether the new size could not be taken any more."""
    if moved:
        return _moved(world, instance, host), False
    released = instance.size
    if not world.release.scales_fixed_offerings:
        saved = saved_parameters(world.release, offering, new, instance.saved)
        released = size_at_start(instance.offering, saved)
    used = allocation(host).with_released(released)
    freed = with_allocation(host, used)
    # Where that defect is mended capacity is taken with the decision, and not checked again.
    checked = oddities.CONCURRENT_GROWTH in world.release.defects
    lost = checked and not has_room(freed, world.settings, new.cpu_mhz, new.memory_bytes, reserved_counts=True)
    return _with(world, host, used if lost else used.with_allocated(new)), lost


def _moved(world: World, instance: Instance, destination: Host) -> tuple[Host, ...]:
    """A migration takes the old size along; a scale after it adds nothing until capacity is recalculated."""
    source = world.host(instance.host_id)
    left = _with(world, source, allocation(source).with_released(instance.size))
    there = World(world.release, world.settings, left)
    return _with(there, destination, allocation(destination).with_allocated(instance.size))


def _with(world: World, host: Host, used: Allocation) -> tuple[Host, ...]:
    return tuple(with_allocation(other, used) if other.id == host.id else other for other in world.hosts)


def _not_allocated(world: World, prediction: Prediction) -> Prediction:
    """The job fails although all is done: only the books lack the new size."""
    return Prediction(
        outcome=Outcome.REFUSED,
        refusal=Refusal(530, world.release.agent_failure, oddities.ALLOCATION_FAILED),
        host_ids=prediction.host_ids,
        offering=prediction.offering,
        size=prediction.size,
        cpu_cap=prediction.cpu_cap,
        flag=prediction.flag,
        domain=prediction.domain,
        saved=prediction.saved,
        hosts=prediction.hosts,
        rules=(*prediction.rules, oddities.ALLOCATION_FAILED),
        contradictions=prediction.contradictions,
    )
