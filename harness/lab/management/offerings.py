"""Creating and changing service offerings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import uuid4

from harness.lab.management.errors import InvalidValueError, refused
from harness.lab.management.model import OfferingRecord
from harness.lab.management.state import CloudState
from harness.reference.creation import WantedOffering, creation_refusal
from harness.reference.offering import Offering
from harness.reference.settings import tags_in

# Of those that were removed. CloudStack keeps them all, in its database.
_KEPT = 1000


@dataclass(frozen=True)
class OfferingRequest:
    """What createServiceOffering was given; `wanted` is what the reference judges."""

    wanted: WantedOffering
    display_text: str | None = None
    cpu_cap: bool = False
    dynamic_scaling: bool = True
    high_availability: bool = False
    storage_type: str = "shared"
    host_tags: str | None = None
    details: tuple[tuple[str, str], ...] = ()
    other: tuple[tuple[str, object], ...] = ()
    domain_ids: tuple[str, ...] = ()
    storage_tags: str | None = None
    disk_offering_id: str | None = None
    disk_strict: bool = False
    for_system_vms: bool = False


def create(state: CloudState, request: OfferingRequest) -> OfferingRecord:
    """Create an offering. Raises ApiError where the reference refuses it."""
    wanted = request.wanted
    refusal = creation_refusal(wanted, state.configuration.settings())
    if refusal is not None:
        raise refused(refusal)
    limits = {
        "mincpunumber": wanted.min_cpus,
        "maxcpunumber": wanted.max_cpus,
        "minmemory": wanted.min_memory_mib,
        "maxmemory": wanted.max_memory_mib,
    }
    disk_offering_id = request.disk_offering_id or str(uuid4())
    offering = Offering(
        id=str(uuid4()),
        name=wanted.name,
        cpus=wanted.cpus,
        speed_mhz=wanted.speed_mhz,
        memory_mib=wanted.memory_mib,
        cpu_cap=request.cpu_cap,
        dynamic_scaling=request.dynamic_scaling,
        min_cpus=wanted.min_cpus,
        max_cpus=wanted.max_cpus,
        min_memory_mib=wanted.min_memory_mib,
        max_memory_mib=wanted.max_memory_mib,
        host_tags=tags_in(request.host_tags),
        disk_offering_id=disk_offering_id,
        disk_strict=request.disk_strict,
        local_storage=request.storage_type == "local",
        storage_tags=tags_in(request.storage_tags),
        for_system_vms=request.for_system_vms,
    )
    record = OfferingRecord(
        offering=offering,
        display_text=request.display_text or wanted.name,
        created=state.clock.now(),
        disk_offering_id=disk_offering_id,
        customized=wanted.is_customized,
        high_availability=request.high_availability,
        storage_type=request.storage_type,
        details={name: str(value) for name, value in limits.items() if value is not None} | dict(request.details),
        other=dict(request.other),
        domain_ids=request.domain_ids,
    )
    with state.lock:
        state.offerings[record.id] = record
    return record


def update(
    state: CloudState,
    offering_id: str,
    *,
    name: str | None,
    display_text: str | None,
    active: str | None,
    domain_ids: tuple[str, ...] | None,
    host_tags: str | None,
    storage_tags: str | None,
) -> OfferingRecord:
    """Change name, text, state, domains or tags. Raises InvalidValueError for a state that does not exist."""
    if active is not None and active.lower() not in ("active", "inactive"):
        raise InvalidValueError(f"Invalid state value: {active}")
    with state.lock:
        record = state.offerings[offering_id]
        offering = replace(
            record.offering,
            name=name or record.offering.name,
            active=record.offering.active if active is None else active.lower() == "active",
            host_tags=record.offering.host_tags if host_tags is None else tags_in(host_tags),
            storage_tags=record.offering.storage_tags if storage_tags is None else tags_in(storage_tags),
        )
        record = replace(
            record,
            offering=offering,
            display_text=display_text or record.display_text,
            domain_ids=record.domain_ids if domain_ids is None else domain_ids,
        )
        state.offerings[offering_id] = record
        return record


def delete(state: CloudState, offering_id: str) -> None:
    """Take an offering from sale. Its record stays as instances may have it; of those that none has, the newest."""
    with state.lock:
        record = state.offerings[offering_id]
        gone = replace(record.offering, active=False)
        state.offerings[offering_id] = replace(record, offering=gone, removed=True)
        state.removed_ids.add(offering_id)
        removed = [record.id for record in state.offerings.values() if record.removed]
        if len(removed) > _KEPT:
            there = {kept for each in state.instances.values() for kept in (each.offering_id, each.root_offering_id)}
            for unused in [each for each in removed if each not in there][: len(removed) - _KEPT]:
                del state.offerings[unused]
