"""Which service offerings can be created, and why not the others."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reference import refusals
from harness.reference.offering import LOWEST_MEMORY_MIB, MAX_INT
from harness.reference.refusal import Refusal
from harness.reference.rule import Rule
from harness.reference.settings import MAX_OFFERING_CPUS, MAX_OFFERING_MEMORY, Settings


@dataclass(frozen=True)
class WantedOffering:
    """The sizes that createServiceOffering is given; None where it is not given one."""

    name: str
    cpus: int | None = None
    speed_mhz: int | None = None
    memory_mib: int | None = None
    customized: bool | None = None
    min_cpus: int | None = None
    max_cpus: int | None = None
    min_memory_mib: int | None = None
    max_memory_mib: int | None = None

    @property
    def is_customized(self) -> bool:
        """Source: CreateServiceOfferingCmd.isCustomized."""
        return self.customized if self.customized is not None else self.cpus is None or self.memory_mib is None


def creation_refusal(wanted: WantedOffering, settings: Settings) -> Refusal | None:
    """Why the offering is not created, or None, in the order of ConfigurationManagerImpl.createServiceOffering."""
    return _custom_refusal(wanted) if wanted.is_customized else _fixed_refusal(wanted, settings)


def _custom_refusal(wanted: WantedOffering) -> Refusal | None:
    if wanted.cpus is not None or wanted.memory_mib is not None:
        text = "For creating a custom compute offering cpu and memory all should be null"
        return Refusal(431, text, refusals.CUSTOM_WITH_SIZES)
    speed, low_cpus, high_cpus = wanted.speed_mhz, wanted.min_cpus, wanted.max_cpus
    low_memory, high_memory = wanted.min_memory_mib, wanted.max_memory_mib
    limits = (low_cpus, high_cpus, low_memory, high_memory, speed)
    if all(limit is None for limit in limits):
        return None
    if speed is None or low_cpus is None or high_cpus is None or low_memory is None or high_memory is None:
        text = (
            "For creating a custom compute offering min/max cpu and min/max memory/cpu speed "
            "should all be null or all specified"
        )
        return Refusal(431, text, refusals.CUSTOM_HALF_CONSTRAINED)
    if speed < 0:
        return _refused(wanted, f"specify the cpu speed value between 1 and {MAX_INT}", refusals.CUSTOM_LIMITS)
    if low_cpus <= 0 or high_cpus <= 0:
        text = f"specify the minimum or minimum cpu number value between 1 and {MAX_INT}"
        return _refused(wanted, text, refusals.CUSTOM_LIMITS)
    if low_memory < LOWEST_MEMORY_MIB:
        text = f"specify the memory value between {LOWEST_MEMORY_MIB} and {MAX_INT} MB"
        return _refused(wanted, text, refusals.CUSTOM_LIMITS)
    return None


def _fixed_refusal(wanted: WantedOffering, settings: Settings) -> Refusal | None:
    most_cpus = settings.integer(MAX_OFFERING_CPUS) or MAX_INT
    most_memory = settings.integer(MAX_OFFERING_MEMORY) or MAX_INT
    if not 0 < (wanted.cpus or 0) <= most_cpus:
        return _refused(wanted, f"specify the cpu number value between 1 and {most_cpus}", refusals.FIXED_SIZES)
    if wanted.speed_mhz is None or wanted.speed_mhz < 0:
        return _refused(wanted, f"specify the cpu speed value between 0 and {MAX_INT}", refusals.FIXED_SIZES)
    if not LOWEST_MEMORY_MIB <= (wanted.memory_mib or 0) <= most_memory:
        text = f"specify the memory value between {LOWEST_MEMORY_MIB} and {most_memory} MB"
        return _refused(wanted, text, refusals.FIXED_SIZES)
    return None


def _refused(wanted: WantedOffering, text: str, rule: Rule) -> Refusal:
    return Refusal(431, f"Failed to create service offering {wanted.name}: {text}", rule)
