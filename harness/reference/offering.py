"""Service offerings: their three classes, custom parameters and the concrete size an instance gets from them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.reference import oddities, refusals
from harness.reference.refusal import Refusal
from harness.reference.release import Release
from harness.reference.settings import MAX_OFFERING_CPUS, MAX_OFFERING_MEMORY, Settings

MAX_INT = 2**31 - 1
LOWEST_MEMORY_MIB = 32


class OfferingClass(StrEnum):
    FIXED = "fixed"
    CONSTRAINED = "custom constrained"
    UNCONSTRAINED = "custom unconstrained"


@dataclass(frozen=True)
class Size:
    """A concrete size. Speed is per vCPU."""

    cpus: int
    speed_mhz: int
    memory_mib: int

    @property
    def cpu_mhz(self) -> int:
        """CPU capacity it takes: vCPUs times speed."""
        return self.cpus * self.speed_mhz

    @property
    def memory_bytes(self) -> int:
        return self.memory_mib * 1048576


@dataclass(frozen=True)
class Offering:
    """A service offering; `cpus`, `speed_mhz` and `memory_mib` are None where the instance's parameters decide."""

    id: str
    name: str
    cpus: int | None
    speed_mhz: int | None
    memory_mib: int | None
    cpu_cap: bool = False
    dynamic_scaling: bool = True
    min_cpus: int | None = None
    max_cpus: int | None = None
    min_memory_mib: int | None = None
    max_memory_mib: int | None = None
    active: bool = True
    host_tags: frozenset[str] = frozenset()
    disk_offering_id: str = ""
    disk_strict: bool = False
    local_storage: bool = False
    storage_tags: frozenset[str] = frozenset()
    for_system_vms: bool = False
    vgpu_type: str = ""

    @property
    def is_custom(self) -> bool:
        """ServiceOfferingVO.isDynamic: any of the three sizes is left open."""
        return self.cpus is None or self.speed_mhz is None or self.memory_mib is None

    @property
    def offering_class(self) -> OfferingClass:
        if not self.is_custom:
            return OfferingClass.FIXED
        return OfferingClass.UNCONSTRAINED if self.speed_mhz is None else OfferingClass.CONSTRAINED


@dataclass(frozen=True)
class CustomParameters:
    """The `details[0].cpuNumber`, `cpuSpeed` and `memory` of a request, as text; None where not given."""

    cpus: str | None = None
    speed_mhz: str | None = None
    memory_mib: str | None = None

    @property
    def is_empty(self) -> bool:
        return self.cpus is None and self.speed_mhz is None and self.memory_mib is None


NO_PARAMETERS = CustomParameters()


def parameters_for(offering: Offering, size: Size) -> CustomParameters:
    """The parameters that give an instance of `offering` this size: those that the offering leaves open."""
    return CustomParameters(
        cpus=str(size.cpus) if offering.cpus is None else None,
        speed_mhz=str(size.speed_mhz) if offering.speed_mhz is None else None,
        memory_mib=str(size.memory_mib) if offering.memory_mib is None else None,
    )


def fill_absent(offering: Offering, asked: CustomParameters, current: Size) -> CustomParameters:
    """Parameters with the instance's current values for what the offering leaves open and the request does not give.

    Source: UserVmManagerImpl.updateInstanceDetailsMapWithCurrentValuesForAbsentDetails.
    """
    filled = asked
    if offering.cpus is None and asked.cpus is None:
        filled = replace(filled, cpus=str(current.cpus))
    if offering.speed_mhz is None and asked.speed_mhz is None:
        filled = replace(filled, speed_mhz=str(current.speed_mhz))
    if offering.memory_mib is None and asked.memory_mib is None:
        filled = replace(filled, memory_mib=str(current.memory_mib))
    return filled


def _java_int(text: str | None) -> int:
    """What NumbersUtil.parseInt(text, -1) makes of a parameter: no blanks, no underscores, 32 bits."""
    if text is None or re.fullmatch(r"[+-]?\d{1,400}", text) is None:
        return -1
    number = int(text)
    return number if -(2**31) <= number <= MAX_INT else -1


def parameters_refusal(
    release: Release, offering: Offering, asked: CustomParameters, settings: Settings
) -> Refusal | None:
    """Why these parameters are not accepted for a custom offering, or None; a fixed offering accepts (ignores) any.

    Source: UserVmManagerImpl.validateCustomParameters, in its order.
    """
    if not offering.is_custom:
        return None
    if asked.is_empty:
        return Refusal(
            431,
            "Need to specify custom parameter values cpu, cpu speed and memory when using custom offering",
            refusals.MISSING_PARAMETERS,
        )
    if offering.cpus is None:
        low = 1 if offering.min_cpus is None else offering.min_cpus
        high = _lowest_limit(offering.max_cpus, settings.integer(MAX_OFFERING_CPUS))
        if not low <= _java_int(asked.cpus) <= high:
            text = f"Invalid {release.cpu} cores value, specify a value between {low} and {high}"
            return Refusal(431, text, refusals.CPUS_RANGE)
    elif asked.cpus is not None:
        return _not_customizable(f"{release.cpu} cores", offering, release.fixed_place)
    if offering.speed_mhz is None:
        if _java_int(asked.speed_mhz) <= 0:
            text = f"Invalid {release.cpu} speed value, specify a value between 1 and {MAX_INT}"
            return Refusal(431, text, refusals.SPEED_RANGE)
    elif asked.speed_mhz is not None:
        place = f"as {offering.speed_mhz} MHz" if release.tells_fixed_speed else release.fixed_place
        return _not_customizable(f"{release.cpu} speed", offering, place)
    if offering.memory_mib is None:
        low = LOWEST_MEMORY_MIB if offering.min_memory_mib is None else offering.min_memory_mib
        high = _lowest_limit(offering.max_memory_mib, settings.integer(MAX_OFFERING_MEMORY))
        if not low <= _java_int(asked.memory_mib) <= high:
            text = f"Invalid memory value, specify a value between {low} and {high}"
            return Refusal(431, text, refusals.MEMORY_RANGE)
    elif asked.memory_mib is not None:
        return _not_customizable("memory", offering, release.fixed_place)
    return None


def _not_customizable(what: str, offering: Offering, place: str) -> Refusal:
    text = f"The {what} of this offering id:{offering.id} is not customizable. This is predefined {place}."
    return Refusal(431, text, refusals.NOT_CUSTOMIZABLE)


def _lowest_limit(offering_limit: int | None, setting_limit: int) -> int:
    limit = MAX_INT if offering_limit is None else offering_limit
    return min(limit, setting_limit) if setting_limit != 0 else limit


def saved_parameters(release: Release, offering: Offering, size: Size, before: CustomParameters) -> CustomParameters:
    """Parameters kept with an instance after a change to `offering`; `before` are those kept so far.

    A fixed offering leaves them as they are. From 4.23 on only what the offering leaves open is written, so that a
    speed saved earlier survives under an offering with a fixed one; where that is mended it is overwritten.
    Source: VirtualMachineManagerImpl.saveCustomOfferingDetails.
    """
    if not offering.is_custom:
        return before
    every = not release.scales_fixed_offerings
    refreshed = before.speed_mhz is not None and oddities.STALE_SPEED not in release.defects
    return CustomParameters(
        cpus=str(size.cpus) if every or offering.cpus is None else before.cpus,
        speed_mhz=str(size.speed_mhz) if every or refreshed or offering.speed_mhz is None else before.speed_mhz,
        memory_mib=str(size.memory_mib) if every or offering.memory_mib is None else before.memory_mib,
    )


def size_at_start(offering: Offering, saved: CustomParameters) -> Size:
    """The size with which an instance starts: under a custom offering saved parameters win over what that fixes.

    Source: ServiceOfferingDaoImpl.getComputeOffering.

    Raises:
        ValueError: a size is given by neither, or a parameter is no number.
    """
    kept = saved if offering.is_custom else NO_PARAMETERS
    return Size(
        cpus=_one_of("cpuNumber", _number(kept.cpus), offering.cpus),
        speed_mhz=_one_of("cpuSpeed", _number(kept.speed_mhz), offering.speed_mhz),
        memory_mib=_one_of("memory", _number(kept.memory_mib), offering.memory_mib),
    )


def _number(text: str | None) -> int | None:
    return None if text is None else int(text)


def concrete_size(offering: Offering, parameters: CustomParameters) -> Size:
    """The size that offering and parameters make together; what the offering fixes wins.

    Raises:
        ValueError: a size is left open by both, or a parameter is no number.
    """
    return Size(
        cpus=_one_of("cpuNumber", offering.cpus, parameters.cpus),
        speed_mhz=_one_of("cpuSpeed", offering.speed_mhz, parameters.speed_mhz),
        memory_mib=_one_of("memory", offering.memory_mib, parameters.memory_mib),
    )


def _one_of(name: str, first: int | None, second: str | int | None) -> int:
    if first is not None:
        return first
    if second is None:
        raise ValueError(f"neither the offering nor the parameters give {name}")
    return int(second)
