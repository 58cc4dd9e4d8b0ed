"""The synchronous part of deployVirtualMachine: everything is checked and the instance is in the books, stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import uuid4

from harness.lab.management import limits
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError, refused
from harness.lab.management.model import SIZE_DETAILS, InstanceRecord, Role, State, User, parameters_of, size_in_force
from harness.lab.management.resources import of_instance
from harness.reference import settings as names
from harness.reference.offering import parameters_refusal
from harness.reference.readiness import instance_flag


@dataclass(frozen=True)
class DeployRequest:
    """`account_id` is the owner where that is not the caller."""

    offering_id: str
    template_id: str
    network_id: str
    name: str | None = None
    display_name: str | None = None
    dynamic_scaling: bool = True
    details: tuple[tuple[str, str], ...] = ()
    account_id: str | None = None


def create_instance(cloud: Cloud, request: DeployRequest, user: User) -> InstanceRecord:
    """Source: UserVmManagerImpl.createVirtualMachine. Raises ApiError."""
    state = cloud.state
    settings = state.configuration.settings()
    with state.lock:
        offering = state.offerings[request.offering_id].offering
        template = state.templates[request.template_id]
    if not state.zone.enabled and state.role_of(user) is not Role.ADMIN:
        zone = json.dumps({"id": 1, "name": state.zone.name, "uuid": state.zone.id}, separators=(",", ":"))
        raise PermissionDeniedError(f"Cannot perform this operation, Zone is currently disabled: Zone {zone}")
    if not offering.active:
        raise InvalidValueError(f"Service offering is inactive: [{offering.id}].")
    details = dict(request.details)
    refusal = parameters_refusal(offering, parameters_of(details), settings)
    if refusal is not None:
        raise refused(refusal)
    if not offering.is_custom:
        details = {name: value for name, value in details.items() if name not in SIZE_DETAILS}
    instance_id = str(uuid4())
    name = request.name or f"VM-{instance_id}"
    size = size_in_force(offering, details)
    with state.lock:
        owner = state.user_for(user, request.account_id)
        account = state.accounts.get(owner.account_id)
        if account is None:
            # It was deleted since the request was verified.
            raise PermissionDeniedError
        limits.check(state, account, of_instance(size))
        number = state.next_instance_number()
        instance = InstanceRecord(
            id=instance_id,
            database_id=number,
            instance_name=f"i-{account.database_id}-{number}-VM",
            name=name,
            display_name=request.display_name or name,
            account_id=account.id,
            user_id=owner.id,
            template_id=template.id,
            network_id=request.network_id,
            offering_id=offering.id,
            flag=instance_flag(
                requested=request.dynamic_scaling,
                offering=offering.dynamic_scaling,
                template=template.dynamically_scalable,
                zone_setting=settings.flag(names.ENABLE_DYNAMIC_SCALE),
            ),
            cpu_cap=offering.cpu_cap,
            volume_id=str(uuid4()),
            nic_id=str(uuid4()),
            mac=_mac(number),
            created=state.clock.now(),
            updated=state.clock.now(),
            state=State.STOPPED,
            details=details,
        )
        state.instances[instance.id] = instance
        state.resources.instance_came(account.id, size)
    cloud.note("VM.CREATE", "Successfully created entity for deploying Instance", instance, user)
    return instance


def _mac(number: int) -> str:
    return "02:01:00:{:02x}:{:02x}:{:02x}".format(*number.to_bytes(3))
