"""Service offerings: their three classes, custom parameters and the concrete size an instance gets from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from harness.reference import rules
from harness.reference.refusal import Refusal
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
    """What NumbersUtil.parseInt(text, -1) makes of a parameter."""
    try:
        number = int(text) if text is not None else -1
    except ValueError:
        return -1
    return number if -(2**31) <= number <= MAX_INT else -1


def parameters_refusal(offering: Offering, asked: CustomParameters, settings: Settings) -> Refusal | None:
    """Why these parameters are not accepted for a custom offering, or None; a fixed offering accepts (ignores) any.

    Source: UserVmManagerImpl.validateCustomParameters, in its order.
    """
    if not offering.is_custom:
        return None
    if asked.is_empty:
        return Refusal(
            431,
            "Need to specify custom parameter values cpu, cpu speed and memory when using custom offering",
            rules.MISSING_PARAMETERS,
        )
    if offering.cpus is None:
        low = 1 if offering.min_cpus is None else offering.min_cpus
        high = _lowest_limit(offering.max_cpus, settings.integer(MAX_OFFERING_CPUS))
        if not low <= _java_int(asked.cpus) <= high:
            return Refusal(431, f"Invalid CPU cores value, specify a value between {low} and {high}", rules.CPUS_RANGE)
    elif asked.cpus is not None:
        text = (
            f"The CPU cores of this offering id:{offering.id} is not customizable. This is predefined in the Template."
        )
        return Refusal(431, text, rules.NOT_CUSTOMIZABLE)
    if offering.speed_mhz is None:
        if _java_int(asked.speed_mhz) <= 0:
            return Refusal(431, f"Invalid CPU speed value, specify a value between 1 and {MAX_INT}", rules.SPEED_RANGE)
    elif asked.speed_mhz is not None:
        text = (
            f"The CPU speed of this offering id:{offering.id} is not customizable. "
            f"This is predefined as {offering.speed_mhz} MHz."
        )
        return Refusal(431, text, rules.NOT_CUSTOMIZABLE)
    if offering.memory_mib is None:
        low = LOWEST_MEMORY_MIB if offering.min_memory_mib is None else offering.min_memory_mib
        high = _lowest_limit(offering.max_memory_mib, settings.integer(MAX_OFFERING_MEMORY))
        if not low <= _java_int(asked.memory_mib) <= high:
            return Refusal(431, f"Invalid memory value, specify a value between {low} and {high}", rules.MEMORY_RANGE)
    elif asked.memory_mib is not None:
        text = f"The memory of this offering id:{offering.id} is not customizable. This is predefined in the Template."
        return Refusal(431, text, rules.NOT_CUSTOMIZABLE)
    return None


def _lowest_limit(offering_limit: int | None, setting_limit: int) -> int:
    limit = MAX_INT if offering_limit is None else offering_limit
    return min(limit, setting_limit) if setting_limit != 0 else limit


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


def _one_of(name: str, fixed: int | None, asked: str | None) -> int:
    if fixed is not None:
        return fixed
    if asked is None:
        raise ValueError(f"neither the offering nor the parameters give {name}")
    return int(asked)
