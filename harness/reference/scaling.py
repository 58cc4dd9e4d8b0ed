"""What becomes of scaleVirtualMachine: refused, scaled in place, or migrated and then scaled."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from harness.reference import rules
from harness.reference import settings as names
from harness.reference.capacity import Host, can_grow, crosses_threshold, destinations
from harness.reference.domain import (
    Domain,
    ScaleCommand,
    domain_after_migration,
    domain_after_scale,
    scale_command,
)
from harness.reference.offering import (
    CustomParameters,
    Offering,
    Size,
    concrete_size,
    fill_absent,
    parameters_refusal,
)
from harness.reference.readiness import flag_after_change
from harness.reference.refusal import Refusal
from harness.reference.release import Release
from harness.reference.rules import Rule
from harness.reference.settings import Settings

RUNNING = "Running"
STOPPED = "Stopped"


class Outcome(StrEnum):
    IN_PLACE = "in place"
    MIGRATED = "migrated"
    REFUSED = "refused"


@dataclass(frozen=True)
class Instance:
    """An instance before the scale. `host_id` and `domain` are those it runs with now."""

    name: str
    state: str
    offering: Offering
    size: Size
    cpu_cap: bool
    flag: bool
    template_flag: bool
    host_id: str
    domain: Domain


@dataclass(frozen=True)
class World:
    """What the management server knows when it decides."""

    release: Release
    settings: Settings
    hosts: tuple[Host, ...]

    def host(self, host_id: str) -> Host:
        """Raises KeyError for an id that is not of this world."""
        for host in self.hosts:
            if host.id == host_id:
                return host
        raise KeyError(host_id)


@dataclass(frozen=True)
class Decision:
    """What the management server will do: refuse, or send `command` to `host` (after a migration there).

    `candidates` are all hosts that a migration may choose; CloudStack's allocators pick one of them.
    """

    outcome: Outcome
    refusal: Refusal | None = None
    size: Size | None = None
    candidates: tuple[Host, ...] = ()
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Prediction:
    """What there must be afterwards.

    `outcome` REFUSED covers a failed job of any kind: `refusal` then has its code and text, and `host_ids`, `size`
    and `domain` say how the instance is left (a migration may already have happened). `host_ids` are the hosts it may
    be on, in the order of preference; `domain` is for the first.
    """

    outcome: Outcome
    refusal: Refusal | None
    host_ids: tuple[str, ...]
    offering: Offering
    size: Size
    cpu_cap: bool
    flag: bool
    domain: Domain
    rules: tuple[Rule, ...] = field(default=())


def decide(world: World, instance: Instance, offering: Offering, asked: CustomParameters) -> Decision:
    """The management server's decision on scaling a running instance, check by check in CloudStack's order.

    Source: UserVmManagerImpl.upgradeRunningVirtualMachine, VirtualMachineManagerImpl.checkIfCanUpgrade.
    """
    parameters = fill_absent(offering, asked, instance.size)
    refusal = _refusal_before_sizes(world, instance, offering, parameters)
    if refusal is not None:
        return Decision(Outcome.REFUSED, refusal, rules=(refusal.rule,))
    new = concrete_size(offering, parameters if offering.is_custom else CustomParameters())
    refusal = _size_refusal(world.release, instance, offering, new) or _readiness_refusal(world, instance, new)
    if refusal is not None:
        return Decision(Outcome.REFUSED, refusal, new, rules=(refusal.rule,))
    return _placement(world, instance, new)


def _refusal_before_sizes(
    world: World, instance: Instance, offering: Offering, parameters: CustomParameters
) -> Refusal | None:
    refusal = parameters_refusal(offering, parameters, world.settings)
    if refusal is not None:
        return refusal
    if not offering.active:
        return Refusal(431, f"New service offering is inactive: [{offering.id}].", rules.INACTIVE_OFFERING)
    if instance.state != RUNNING:
        text = (
            f"Unable to upgrade virtual machine <vm>  in state {instance.state}; "
            "make sure the virtual machine is stopped/running"
        )
        return Refusal(431, text, rules.WRONG_STATE)
    if not offering.is_custom and offering.id == instance.offering.id:
        text = f"Not upgrading vm <vm> since it already has the requested service offering ({offering.name})"
        return Refusal(431, text, rules.SAME_OFFERING)
    if offering.dynamic_scaling != instance.offering.dynamic_scaling:
        text = (
            "Unable to Scale VM: since dynamic scaling enabled flag is not same for "
            "new service offering and old service offering"
        )
        return Refusal(431, text, rules.FLAGS_DIFFER)
    return None


def _size_refusal(release: Release, instance: Instance, offering: Offering, new: Size) -> Refusal | None:
    current = instance.size
    shrinks = new.cpus < current.cpus or new.speed_mhz < current.speed_mhz or new.memory_mib < current.memory_mib
    if release.scales_fixed_offerings:
        if shrinks:
            text = (
                "Scaling down is not supported while the VM is running. The new service offering attributes "
                f"{_attributes(new)} must not be lower than the current values {_attributes(current)}."
            )
            return Refusal(431, text, rules.SCALING_DOWN)
        if new == current and offering.cpu_cap == instance.cpu_cap:
            text = (
                "While the VM is running, scaling to a service offering with the same attributes "
                "(memory, CPU speed and vCPUs) is only allowed when the CPU cap is changed."
            )
            return Refusal(431, text, rules.SAME_SIZE)
        return None
    if not instance.offering.is_custom:
        text = (
            'Unable to live scale VM on KVM when current service offering is a "Fixed Offering". KVM needs the tag '
            '"maxMemory" to live scale and it is only configured when VM is deployed with a custom service offering '
            'and "Dynamic Scalable" is enabled.'
        )
        return Refusal(431, text, rules.FIXED_OFFERING_BEFORE)
    if shrinks or new == current:
        text = (
            "While the VM is running, only scalling up it is supported. New service offering "
            f"{_attributes_before(new)} should have at least one value (ram, speed or cpu) greater than the "
            f"current values {_attributes_before(current)}."
        )
        return Refusal(431, text, rules.NOT_LARGER_BEFORE)
    return None


def _attributes(size: Size) -> str:
    return f'{{"memory": {size.memory_mib}, "CPU speed": {size.speed_mhz}, "vCPUs": {size.cpus}}}'


def _attributes_before(size: Size) -> str:
    return f'{{"memory": {size.memory_mib}, "speed": {size.speed_mhz}, "cpu": {size.cpus}}}'


def _readiness_refusal(world: World, instance: Instance, new: Size) -> Refusal | None:
    if not world.settings.flag(names.ENABLE_DYNAMIC_SCALE):
        return Refusal(530, world.release.zone_disabled, rules.ZONE_DISABLED)
    if not instance.flag:
        text = "Unable to scale <vm> as it does not have tools to support dynamic scaling."
        return Refusal(530, text, rules.NO_TOOLS)
    added_mhz = new.cpu_mhz - instance.size.cpu_mhz
    added_mib = new.memory_mib - instance.size.memory_mib
    cluster_id = world.host(instance.host_id).cluster_id
    if crosses_threshold(world.hosts, world.settings, cluster_id, added_mhz, added_mib):
        return Refusal(530, "Unable to scale <vm> due to insufficient resources.", rules.CLUSTER_THRESHOLD)
    return None


def _placement(world: World, instance: Instance, new: Size) -> Decision:
    host = world.host(instance.host_id)
    if can_grow(host, world.settings, instance.size, new):
        return Decision(Outcome.IN_PLACE, size=new, candidates=(host,), rules=(rules.IN_PLACE,))
    failed = "Failed to scale the VM"
    if world.release.scales_fixed_offerings and not world.settings.flag(names.AUTO_MIGRATE, host.cluster_id):
        refusal = Refusal(530, failed, rules.AUTO_MIGRATE_OFF)
        return Decision(Outcome.REFUSED, refusal, new, rules=(rules.IN_PLACE, rules.AUTO_MIGRATE_OFF))
    candidates = destinations(world.hosts, world.settings, host, new, instance.offering.host_tags)
    if not candidates:
        refusal = Refusal(530, failed, rules.NO_DESTINATION)
        return Decision(Outcome.REFUSED, refusal, new, rules=(rules.IN_PLACE, rules.NO_DESTINATION))
    return Decision(Outcome.MIGRATED, size=new, candidates=candidates, rules=(rules.IN_PLACE, rules.AUTO_MIGRATE))


def command_for(world: World, instance: Instance, offering: Offering, new: Size, host: Host) -> ScaleCommand:
    """The command that the agent of `host` is sent for this scale."""
    return scale_command(
        world.release,
        world.settings,
        host,
        new,
        cpu_cap=offering.cpu_cap,
        was_capped=instance.cpu_cap,
    )


def predict(
    world: World,
    instance: Instance,
    offering: Offering,
    asked: CustomParameters,
    *,
    landed_on: str | None = None,
) -> Prediction:
    """Decision and its effects: how the instance is after the job, whether that succeeds or not.

    `landed_on` names the candidate that CloudStack's allocators chose, once that is known.
    """
    decision = decide(world, instance, offering, asked)
    if decision.size is None or decision.outcome is Outcome.REFUSED:
        return _unchanged(instance, decision, (instance.host_id,), instance.domain, decision.refusal)
    host = next((host for host in decision.candidates if host.id == landed_on), decision.candidates[0])
    domain = instance.domain
    if decision.outcome is Outcome.MIGRATED:
        domain = domain_after_migration(world.settings, domain, instance.size, host)
    command = command_for(world, instance, offering, decision.size, host)
    domain, failure = domain_after_scale(world.release, domain, command, host)
    host_ids = tuple(candidate.id for candidate in decision.candidates)
    if failure is not None:
        refusal = Refusal(530, world.release.agent_failure, failure)
        return _unchanged(instance, decision, host_ids, domain, refusal)
    return Prediction(
        outcome=decision.outcome,
        refusal=None,
        host_ids=host_ids,
        offering=offering,
        size=decision.size,
        cpu_cap=offering.cpu_cap,
        flag=flag_after_change(
            flag=instance.flag,
            offering=offering.dynamic_scaling,
            template=instance.template_flag,
            zone_setting=world.settings.flag(names.ENABLE_DYNAMIC_SCALE),
        ),
        domain=domain,
        rules=decision.rules,
    )


def _unchanged(
    instance: Instance,
    decision: Decision,
    host_ids: tuple[str, ...],
    domain: Domain,
    refusal: Refusal | None,
) -> Prediction:
    return Prediction(
        outcome=Outcome.REFUSED,
        refusal=refusal,
        host_ids=host_ids,
        offering=instance.offering,
        size=instance.size,
        cpu_cap=instance.cpu_cap,
        flag=instance.flag,
        domain=domain,
        rules=(*decision.rules, rules.AGENT_FAILED) if decision.outcome is not Outcome.REFUSED else decision.rules,
    )
