"""An instance of a running cloud as the reference asks for it: from its record and what was last seen of its domain."""

from __future__ import annotations

from dataclasses import dataclass

from harness.audit.inventory import RUNNING, Inventory
from harness.audit.running_domain import as_reference, is_prepared
from harness.cloud.fleet import FleetInstance
from harness.errors import HarnessError
from harness.hosts.observation import DomainView, FleetMember, SchedulerView
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size
from harness.reference.scaling import Instance


@dataclass(frozen=True)
class Known:
    """An instance as it was when nothing was going on with it."""

    record: FleetInstance
    member: FleetMember
    host_id: str


def as_instance(inventory: Inventory, known: Known) -> Instance:
    """Raises HarnessError: what was seen of it does not do."""
    record, member = known.record, known.member
    offering, size = inventory.offerings.get(record.offering_id), size_of(record)
    if offering is None or size is None:
        raise HarnessError("its former offering or size is not told")
    if not isinstance(member.domain, DomainView) or not isinstance(member.scheduler, SchedulerView):
        raise HarnessError("its domain was not seen before")
    prepared = is_prepared(member.domain, size.memory_mib)
    return Instance(
        name=record.instance_name,
        state=RUNNING,
        offering=offering,
        size=size,
        cpu_cap=offering.cpu_cap,
        flag=record.flag,
        template_flag=inventory.templates.get(record.template_id, record.flag),
        host_id=known.host_id,
        domain=as_reference(member.domain, member.scheduler, prepared=prepared),
        saved=record.saved,
        owner=record.account,
    )


def given_parameters(offering: Offering, record: FleetInstance) -> CustomParameters:
    """What a custom offering was given: no list tells, but with its success the instance has it."""
    if not offering.is_custom:
        return NO_PARAMETERS
    return CustomParameters(
        None if offering.cpus is not None else str(record.cpus),
        None if offering.speed_mhz is not None else str(record.speed_mhz),
        None if offering.memory_mib is not None else str(record.memory_mib),
    )


def size_of(record: FleetInstance) -> Size | None:
    if record.cpus is None or record.speed_mhz is None or record.memory_mib is None:
        return None
    return Size(record.cpus, record.speed_mhz, record.memory_mib)
