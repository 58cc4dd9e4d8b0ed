"""The management server's decision on scaleVirtualMachine, check by check in CloudStack's order."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.reference import oddities, refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import Host, can_grow, crosses_threshold, destinations, lacks_strict_tags
from harness.reference.domain import GUEST_MEMORY_BLOCK_MIB, is_beyond_ceilings, missing_memory_kib
from harness.reference.offering import (
    LOWEST_MEMORY_MIB,
    NO_PARAMETERS,
    CustomParameters,
    Offering,
    Size,
    concrete_size,
    fill_absent,
    parameters_refusal,
)
from harness.reference.refusal import Refusal
from harness.reference.release import Release
from harness.reference.rule import Rule
from harness.reference.world import KVM, RUNNING, STOPPED, Instance, World

FAILED_TO_SCALE = "Failed to scale the VM"
_EXTERNAL = "External"
_SCALED_LIVE = ("XenServer", "VMware", "Simulator", "KVM")


class Outcome(StrEnum):
    IN_PLACE = "in place"
    MIGRATED = "migrated"
    STORED = "stored"
    REFUSED = "refused"


class EndlessScaleError(ValueError):
    """With scale.retry at -1 and no host that takes the instance, the job never ends."""


@dataclass(frozen=True)
class Decision:
    """What the management server will do: refuse, store, or have a host scale (after a migration there).

    `candidates` are the hosts that a migration may choose, its last host first; CloudStack's allocators pick one.
    """

    outcome: Outcome
    refusal: Refusal | None = None
    size: Size | None = None
    candidates: tuple[Host, ...] = ()
    rules: tuple[Rule, ...] = ()


def decide(world: World, instance: Instance, offering: Offering, asked: CustomParameters) -> Decision:
    """Whether and how the instance is scaled.

    Source: UserVmManagerImpl.upgradeVirtualMachine, upgradeRunningVirtualMachine, upgradeStoppedVirtualMachine.

    Raises:
        EndlessScaleError: the job would never end.
        KeyError: the instance's host is not of this world.
    """
    if instance.hypervisor == _EXTERNAL:
        return _refused(431, f"Operation not supported for instance: {instance.name}", refusals.HYPERVISOR)
    parameters = fill_absent(offering, asked, instance.size)
    if instance.state == STOPPED:
        return _decide_stopped(world, instance, offering, parameters)
    refusal = _refusal_before_sizes(world, instance, offering, parameters)
    if refusal is not None:
        return Decision(Outcome.REFUSED, refusal, rules=(refusal.rule,))
    new = concrete_size(offering, parameters if offering.is_custom else NO_PARAMETERS)
    refusal = _size_refusal(world.release, instance, offering, new) or _readiness_refusal(world, instance, new)
    if refusal is not None:
        return Decision(Outcome.REFUSED, refusal, new, rules=(refusal.rule,))
    return _placement(world, instance, offering, new)


def _refused(code: int, text: str, rule: Rule, *others: Rule, size: Size | None = None) -> Decision:
    return Decision(Outcome.REFUSED, Refusal(code, text, rule), size, rules=(*others, rule))


def _decide_stopped(world: World, instance: Instance, offering: Offering, parameters: CustomParameters) -> Decision:
    """No agent, no flags and no order of sizes are involved. Source: UserVmManagerImpl.upgradeStoppedVirtualMachine."""
    if not offering.active:
        what = world.release.stopped_instance
        text = f"Unable to upgrade {what} <uuid> with an inactive service offering {offering.id}"
        return _refused(431, text, refusals.INACTIVE_WHILE_STOPPED)
    refusal = parameters_refusal(world.release, offering, parameters, world.settings) or _largest_refusal(
        world, offering
    )
    if refusal is not None:
        return Decision(Outcome.REFUSED, refusal, rules=(refusal.rule,))
    size = concrete_size(offering, parameters if offering.is_custom else NO_PARAMETERS)
    refusal = (
        _disk_refusal(instance.offering, offering)
        or _limits_refusal(world.release, instance, size)
        or _upgrade_refusal(instance, offering)
    )
    if refusal is not None:
        return Decision(Outcome.REFUSED, refusal, size, rules=(refusal.rule,))
    return Decision(Outcome.STORED, size=size, rules=(rules.STORED,))


def _largest_refusal(world: World, offering: Offering) -> Refusal | None:
    most_cpus = world.settings.integer(names.MAX_OFFERING_CPUS)
    if offering.cpus is not None and not offering.is_custom and 0 < most_cpus < offering.cpus:
        text = (
            f"Invalid cpu cores value, please choose another service offering with cpu cores between 1 and {most_cpus}"
        )
        return Refusal(431, text, refusals.LARGEST_SIZES)
    most_memory = world.settings.integer(names.MAX_OFFERING_MEMORY)
    if offering.memory_mib is not None and not offering.is_custom and 0 < most_memory < offering.memory_mib:
        text = (
            "Invalid memory value, please choose another service offering with memory between "
            f"{LOWEST_MEMORY_MIB} and {most_memory} MB"
        )
        return Refusal(431, text, refusals.LARGEST_SIZES)
    return None


def _refusal_before_sizes(
    world: World, instance: Instance, offering: Offering, parameters: CustomParameters
) -> Refusal | None:
    if instance.state == RUNNING:
        demanded = offering.host_tags | instance.template_tags
        if lacks_strict_tags(world.host(instance.host_id), world.settings, demanded):
            return Refusal(530, FAILED_TO_SCALE, refusals.STRICT_TAGS)
    if instance.hypervisor not in _SCALED_LIVE:
        text = f"Scaling the VM dynamically is not supported for VMs running on Hypervisor [{instance.hypervisor}]."
        return Refusal(431, text, refusals.HYPERVISOR)
    return (
        parameters_refusal(world.release, offering, parameters, world.settings)
        or _upgrade_refusal(instance, offering)
        or _flags_refusal(instance.offering, offering)
        or _disk_refusal(instance.offering, offering)
    )


def _upgrade_refusal(instance: Instance, offering: Offering) -> Refusal | None:
    """Source: VirtualMachineManagerImpl.checkIfCanUpgrade."""
    current = instance.offering
    if not offering.active:
        return Refusal(431, f"New service offering is inactive: [{offering.id}].", refusals.INACTIVE_OFFERING)
    if instance.state not in (RUNNING, STOPPED):
        text = (
            f"Unable to upgrade virtual machine <vm>  in state {instance.state}; "
            "make sure the virtual machine is stopped/running"
        )
        return Refusal(431, text, refusals.WRONG_STATE)
    if not offering.is_custom and offering.id == current.id:
        text = f"Not upgrading vm <vm> since it already has the requested service offering ({offering.name})"
        return Refusal(431, text, refusals.SAME_OFFERING)
    if offering.local_storage != current.local_storage:
        new, old = ("local", "shared") if offering.local_storage else ("shared", "local")
        text = (
            f"Unable to upgrade virtual machine <vm>, target offering use {new} storage but the storage pool where "
            f"the volume is allocated is a {old} storage."
        )
        return Refusal(431, text, refusals.STORAGE_TYPE)
    if offering.for_system_vms != current.for_system_vms:
        text = "isSystem property is different for current service offering and new service offering"
        return Refusal(431, text, refusals.SYSTEM_FLAG)
    if not current.storage_tags <= offering.storage_tags:
        text = (
            "Unable to upgrade virtual machine; the current service offering  should have tags as subset of the new "
            f"service offering tags. Current service offering tags: {_listed(current.storage_tags)}; "
            f"new service offering tags: {_listed(offering.storage_tags)}"
        )
        return Refusal(431, text, refusals.STORAGE_TAGS)
    return None


def _listed(tags: frozenset[str]) -> str:
    """As Java prints a list of texts."""
    return f"[{', '.join(sorted(tags))}]"


def _flags_refusal(current: Offering, offering: Offering) -> Refusal | None:
    if offering.dynamic_scaling == current.dynamic_scaling:
        return None
    text = (
        "Unable to Scale VM: since dynamic scaling enabled flag is not same for new service offering and "
        "old service offering"
    )
    return Refusal(431, text, refusals.FLAGS_DIFFER)


def _disk_refusal(current: Offering, offering: Offering) -> Refusal | None:
    """Source: UserVmManagerImpl.validateDiskOfferingChecks."""
    if offering.disk_strict != current.disk_strict:
        text = (
            "Unable to Scale VM, since disk offering strictness flag is not same for new service offering and "
            "old service offering"
        )
        return Refusal(431, text, refusals.DISK_STRICTNESS)
    if offering.disk_strict and offering.disk_offering_id != current.disk_offering_id:
        text = (
            "Unable to Scale VM, since disk offering id associated with the old service offering is not same for "
            "new service offering"
        )
        return Refusal(431, text, refusals.DISK_OFFERING)
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
            return Refusal(431, text, refusals.SCALING_DOWN)
        if new == current and (instance.hypervisor != KVM or offering.cpu_cap == instance.cpu_cap):
            text = (
                "While the VM is running, scaling to a service offering with the same attributes "
                "(memory, CPU speed and vCPUs) is only allowed when the CPU cap is changed."
            )
            return Refusal(431, text, refusals.SAME_SIZE)
    elif shrinks or new == current:
        text = (
            "While the VM is running, only scalling up it is supported. New service offering "
            f"{_attributes_before(new)} should have at least one value (ram, speed or cpu) greater than the "
            f"current values {_attributes_before(current)}."
        )
        return Refusal(431, text, refusals.NOT_LARGER_BEFORE)
    elif instance.hypervisor == KVM and not instance.offering.is_custom:
        text = (
            'Unable to live scale VM on KVM when current service offering is a "Fixed Offering". KVM needs the tag '
            '"maxMemory" to live scale and it is only configured when VM is deployed with a custom service offering '
            'and "Dynamic Scalable" is enabled.'
        )
        return Refusal(431, text, refusals.FIXED_OFFERING_BEFORE)
    kind = instance.offering.vgpu_type
    if kind and offering.vgpu_type.lower() != kind.lower():
        text = f"Dynamic scaling of vGPU type is not supported. VM has vGPU Type: [{kind}]."
        return Refusal(431, text, refusals.VGPU)
    return _limits_refusal(release, instance, new) or _block_refusal(release, instance, new)


def _block_refusal(release: Release, instance: Instance, new: Size) -> Refusal | None:
    """Where that defect is mended: no DIMM is attached that the guest cannot use. The text is assumed."""
    missing_kib = missing_memory_kib(instance.domain, new.memory_mib)
    block_kib = GUEST_MEMORY_BLOCK_MIB * 1024
    if oddities.UNUSABLE_DIMM in release.defects or missing_kib <= 0 or missing_kib % block_kib == 0:
        return None
    text = (
        f"Memory of a running instance grows by multiples of {GUEST_MEMORY_BLOCK_MIB} MB; "
        f"{missing_kib // 1024} MB are asked for."
    )
    return Refusal(431, text, oddities.UNUSABLE_DIMM)


def _limits_refusal(release: Release, instance: Instance, new: Size) -> Refusal | None:
    """Source: ResourceLimitManagerImpl.checkVmResourceLimitsForServiceOfferingChange."""
    return None if instance.limits is None else instance.limits.refusal(instance.size, new, release)


def _attributes(size: Size) -> str:
    return f'{{"memory": {size.memory_mib}, "CPU speed": {size.speed_mhz}, "vCPUs": {size.cpus}}}'


def _attributes_before(size: Size) -> str:
    return f'{{"memory": {size.memory_mib}, "speed": {size.speed_mhz}, "cpu": {size.cpus}}}'


def _readiness_refusal(world: World, instance: Instance, new: Size) -> Refusal | None:
    if not world.settings.flag(names.ENABLE_DYNAMIC_SCALE):
        return Refusal(530, world.release.zone_disabled, refusals.ZONE_DISABLED)
    if not instance.flag:
        text = "Unable to scale <vm> as it does not have tools to support dynamic scaling."
        return Refusal(530, text, refusals.NO_TOOLS)
    added_mhz = new.cpu_mhz - instance.size.cpu_mhz
    added_mib = new.memory_mib - instance.size.memory_mib
    cluster_id = world.host(instance.host_id).cluster_id
    if crosses_threshold(world.hosts, world.settings, cluster_id, added_mhz, added_mib):
        return Refusal(530, "Unable to scale <vm> due to insufficient resources.", refusals.CLUSTER_THRESHOLD)
    return None


def _placement(world: World, instance: Instance, offering: Offering, new: Size) -> Decision:
    host = world.host(instance.host_id)
    attempts = world.settings.integer(names.SCALE_RETRY)
    if attempts == 0:
        return _refused(530, FAILED_TO_SCALE, refusals.NO_ATTEMPT, oddities.ONE_TEXT_FOR_MANY, size=new)
    lacks_tags = lacks_strict_tags(host, world.settings, instance.offering.host_tags | instance.template_tags)
    if not lacks_tags and can_grow(host, world.settings, instance.size, new):
        return Decision(Outcome.IN_PLACE, size=new, candidates=(host,), rules=(rules.IN_PLACE,))
    why = (rules.IN_PLACE, oddities.ONE_TEXT_FOR_MANY)
    if world.release.scales_fixed_offerings and not world.settings.flag(names.AUTO_MIGRATE, host.cluster_id):
        return _refused(530, FAILED_TO_SCALE, refusals.AUTO_MIGRATE_OFF, *why, size=new)
    if instance.affinity_conflict:
        text = "Unable to create deployment, affinity rules associated to the <vm> conflict."
        return _refused(530, text, refusals.AFFINITY, rules.IN_PLACE, size=new)
    candidates = destinations(world.hosts, world.settings, host, new, offering.host_tags | instance.template_tags)
    if not candidates:
        if attempts < 0:
            raise EndlessScaleError("scale.retry is -1 and no host takes the instance: the job never ends")
        return _refused(530, FAILED_TO_SCALE, refusals.NO_DESTINATION, *why, size=new)
    if oddities.MOVED_FOR_NOTHING not in world.release.defects and is_beyond_ceilings(instance.domain, new):
        return _refused(530, FAILED_TO_SCALE, oddities.MOVED_FOR_NOTHING, *why, size=new)
    # deployInVmLastHost: where the instance ran before is tried first.
    ordered = tuple(sorted(candidates, key=lambda candidate: candidate.id != instance.last_host_id))
    return Decision(Outcome.MIGRATED, size=new, candidates=ordered, rules=(rules.IN_PLACE, rules.AUTO_MIGRATE))
