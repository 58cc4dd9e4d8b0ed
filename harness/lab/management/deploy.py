"""The synchronous part of deployVirtualMachine: everything is checked and the instance is in the books, stopped."""

from __future__ import annotations

import json
from dataclasses import dataclass
from uuid import uuid4

from harness.lab.management import limits
from harness.lab.management.access import check_offering
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError, refused
from harness.lab.management.model import SIZE_DETAILS, InstanceRecord, Role, State, User, parameters_of, size_in_force
from harness.lab.management.resources import of_instance
from harness.lab.management.templates import check_launch
from harness.reference import settings as names
from harness.reference.offering import parameters_refusal


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
    affinity_group_ids: tuple[str, ...] = ()
    key_pair: str = ""


def create_instance(cloud: Cloud, request: DeployRequest, user: User) -> InstanceRecord:
    """Source: UserVmManagerImpl.createVirtualMachine. Raises ApiError."""
    state = cloud.state
    settings = state.settings()
    with state.lock:
        offering = state.offerings[request.offering_id].offering
        template = state.templates[request.template_id]
    _check_parts(cloud, request, user)
    if not state.zone.enabled and state.role_of(user) is not Role.ADMIN:
        zone = json.dumps({"id": 1, "name": state.zone.name, "uuid": state.zone.id}, separators=(",", ":"))
        raise PermissionDeniedError(f"Cannot perform this operation, Zone is currently disabled: Zone {zone}")
    if not offering.active:
        raise InvalidValueError(f"Service offering is inactive: [{offering.id}].")
    details = dict(request.details)
    refusal = parameters_refusal(state.release, offering, parameters_of(details), settings)
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
            root_offering_id=offering.id,
            flag=cloud.seams.instance_flag(
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
            affinity_group_ids=request.affinity_group_ids,
            key_pair=request.key_pair,
        )
        state.instances[instance.id] = instance
        state.resources.instance_came(account.id, size)
    cloud.note("VM.CREATE", "Successfully created entity for deploying Vm", instance, user, state="Created")
    return instance


def _check_parts(cloud: Cloud, request: DeployRequest, user: User) -> None:
    """Whether the owner may use offering, template and network. Raises PermissionDeniedError, InvalidValueError."""
    state = cloud.state
    with state.lock:
        account = state.account(request.account_id or user.account_id)
        record, template = state.offerings[request.offering_id], state.templates[request.template_id]
        network = state.networks.get(request.network_id)
        shown = json.dumps({"name": record.name, "uuid": record.id}, separators=(",", ":"))
        check_offering(state, account, record.domain_ids, f"Service offering {shown}")
    if network is None:
        raise InvalidValueError("Unable to find a network for the instance; please specify network id(s)")
    if not network.for_all and network.account_id != account.id:
        raise PermissionDeniedError(f"Unable to use network with id= {network.id}, permission denied")
    check_launch(state, template, user)


def _mac(number: int) -> str:
    return "02:01:00:{:02x}:{:02x}:{:02x}".format(*number.to_bytes(3))
