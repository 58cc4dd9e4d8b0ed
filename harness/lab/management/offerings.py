"""Creating and changing service offerings: the rules, in CloudStack's order."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

from harness.lab.management import clock
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.model import OfferingRecord
from harness.lab.management.state import CloudState
from harness.reference import settings as names
from harness.reference.offering import LOWEST_MEMORY_MIB, MAX_INT, Offering


@dataclass(frozen=True)
class OfferingRequest:
    """What createServiceOffering was given; None where it was not."""

    name: str
    display_text: str | None = None
    cpus: int | None = None
    speed_mhz: int | None = None
    memory_mib: int | None = None
    customized: bool | None = None
    min_cpus: int | None = None
    max_cpus: int | None = None
    min_memory_mib: int | None = None
    max_memory_mib: int | None = None
    cpu_cap: bool = False
    dynamic_scaling: bool = True
    high_availability: bool = False
    storage_type: str = "shared"
    host_tags: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    other: tuple[tuple[str, object], ...] = ()

    @property
    def is_customized(self) -> bool:
        return self.cpus is None or self.memory_mib is None if self.customized is None else self.customized


def create(state: CloudState, request: OfferingRequest) -> OfferingRecord:
    """Source: ConfigurationManagerImpl.createServiceOffering. Raises InvalidValueError."""
    _check(state, request)
    limits = {
        "mincpunumber": request.min_cpus,
        "maxcpunumber": request.max_cpus,
        "minmemory": request.min_memory_mib,
        "maxmemory": request.max_memory_mib,
    }
    tags = frozenset(tag.strip() for tag in (request.host_tags or "").split(",") if tag.strip())
    offering = Offering(
        id=str(uuid4()),
        name=request.name,
        cpus=request.cpus,
        speed_mhz=request.speed_mhz,
        memory_mib=request.memory_mib,
        cpu_cap=request.cpu_cap,
        dynamic_scaling=request.dynamic_scaling,
        min_cpus=request.min_cpus,
        max_cpus=request.max_cpus,
        min_memory_mib=request.min_memory_mib,
        max_memory_mib=request.max_memory_mib,
        host_tags=tags,
    )
    record = OfferingRecord(
        offering=offering,
        display_text=request.display_text or request.name,
        created=clock.now(),
        disk_offering_id=str(uuid4()),
        customized=request.is_customized,
        high_availability=request.high_availability,
        storage_type=request.storage_type,
        details={name: str(value) for name, value in limits.items() if value is not None} | dict(request.details),
        other=dict(request.other),
    )
    with state.lock:
        state.offerings[record.id] = record
    return record


def update(
    state: CloudState, offering_id: str, *, name: str | None, display_text: str | None, active: str | None
) -> OfferingRecord:
    """Change name, text or state. Raises InvalidValueError for a state that does not exist."""
    if active is not None and active.lower() not in ("active", "inactive"):
        raise InvalidValueError(f"Invalid state value: {active}")
    with state.lock:
        record = state.offerings[offering_id]
        offering = replace(
            record.offering,
            name=name or record.offering.name,
            active=record.offering.active if active is None else active.lower() == "active",
        )
        record = replace(record, offering=offering, display_text=display_text or record.display_text)
        state.offerings[offering_id] = record
        return record


def delete(state: CloudState, offering_id: str) -> None:
    """Take an offering from sale; instances keep it, so its record stays."""
    with state.lock:
        record = state.offerings[offering_id]
        gone = replace(record.offering, active=False)
        state.offerings[offering_id] = replace(record, offering=gone, removed=True)


def _check(state: CloudState, request: OfferingRequest) -> None:
    if request.is_customized:
        _check_custom(request)
    else:
        _check_fixed(state, request)


def _check_custom(request: OfferingRequest) -> None:
    if request.cpus is not None or request.memory_mib is not None:
        raise InvalidValueError("For creating a custom compute offering cpu and memory all should be null")
    limits = (
        request.min_cpus,
        request.max_cpus,
        request.min_memory_mib,
        request.max_memory_mib,
        request.speed_mhz,
    )
    if all(limit is None for limit in limits):
        return
    if any(limit is None for limit in limits):
        raise InvalidValueError(
            "For creating a custom compute offering min/max cpu and min/max memory/cpu speed "
            "should all be null or all specified"
        )
    if (request.speed_mhz or 0) < 0:
        _refuse(request, f"specify the cpu speed value between 1 and {MAX_INT}")
    if (request.min_cpus or 0) <= 0 or (request.max_cpus or 0) <= 0:
        _refuse(request, f"specify the minimum or minimum cpu number value between 1 and {MAX_INT}")
    if (request.min_memory_mib or 0) < LOWEST_MEMORY_MIB:
        _refuse(request, f"specify the memory value between {LOWEST_MEMORY_MIB} and {MAX_INT} MB")


def _check_fixed(state: CloudState, request: OfferingRequest) -> None:
    settings = state.configuration.settings()
    most_cpus = settings.integer(names.MAX_OFFERING_CPUS)
    most_memory = settings.integer(names.MAX_OFFERING_MEMORY)
    cpus, memory = request.cpus or 0, request.memory_mib or 0
    if cpus <= 0 or (most_cpus != 0 and cpus > most_cpus):
        _refuse(request, f"specify the cpu number value between 1 and {most_cpus or MAX_INT}")
    if request.speed_mhz is None or request.speed_mhz < 0:
        _refuse(request, f"specify the cpu speed value between 0 and {MAX_INT}")
    if memory < LOWEST_MEMORY_MIB or (most_memory != 0 and memory > most_memory):
        _refuse(request, f"specify the memory value between {LOWEST_MEMORY_MIB} and {most_memory or MAX_INT} MB")


def _refuse(request: OfferingRequest, text: str) -> None:
    raise InvalidValueError(f"Failed to create service offering {request.name}: {text}")
