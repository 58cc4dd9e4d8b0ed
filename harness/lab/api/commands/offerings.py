"""Service offerings."""

from __future__ import annotations

import json

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Call, Listing, Shown, Single, command
from harness.lab.api.disk_parameters import disk_fields
from harness.lab.api.scope import domains_meant, sees_offering, tops
from harness.lab.api.views import catalogue as views
from harness.lab.management import offering_choice as choice
from harness.lab.management import offerings
from harness.lab.management.configuration import Place
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.kept_settings import INSTANCE_LEASE
from harness.lab.management.model import OfferingRecord, State
from harness.lab.management.offerings import OfferingRequest
from harness.reference.creation import WantedOffering

_SYSTEM_VMS = ("domainrouter", "consoleproxy", "secondarystoragevm", "internalloadbalancervm")
_LEASE_ACTIONS = ("STOP", "DESTROY")
_LONGEST_LEASE_DAYS = 36500
_SIZES = ("cpunumber", "cpuspeed", "memory")
# What an offering may carry along without any effect in the lab.
_CARRIED = {
    "deploymentplanner": "deploymentplanner",
    "encryptroot": "encryptroot",
    "isvolatile": "isvolatile",
    "networkrate": "networkrate",
    "rootdisksize": "rootdisksize",
}


def _create(call: Call) -> Answer:
    request = OfferingRequest(
        wanted=WantedOffering(
            name=call.must("name"),
            cpus=call.integer("cpunumber"),
            speed_mhz=call.integer("cpuspeed"),
            memory_mib=call.integer("memory"),
            customized=call.flag("customized"),
            min_cpus=call.integer("mincpunumber"),
            max_cpus=call.integer("maxcpunumber"),
            min_memory_mib=call.integer("minmemory"),
            max_memory_mib=call.integer("maxmemory"),
        ),
        display_text=call.text("displaytext"),
        cpu_cap=call.flag("limitcpuuse") or False,
        dynamic_scaling=call.flag("dynamicscalingenabled") is not False,
        high_availability=call.flag("offerha") or False,
        storage_type=call.text("storagetype") or "shared",
        host_tags=call.text("hosttags"),
        details=tuple(call.pairs("serviceofferingdetails").items()),
        domain_ids=tops(call, call.texts("domainid") or []),
        storage_tags=call.text("tags"),
        disk_offering_id=call.text("diskofferingid"),
        disk_strict=call.flag("diskofferingstrictness") or False,
        for_system_vms=call.flag("issystem") or False,
        other=(
            *((shown, call.arguments[name]) for name, shown in _CARRIED.items() if name in call.arguments),
            *disk_fields(call).items(),
            *_lease(call).items(),
            *_system_vm(call).items(),
            *_zone(call).items(),
        ),
    )
    _check_domains(call, request.domain_ids)
    record = offerings.create(call.cloud.state, request)
    resource = ("ServiceOffering", record.id, record.name)
    text = f"Successfully completed creating service offering. Service offering ID: {record.id}"
    call.cloud.state.events.add("SERVICE.OFFERING.CREATE", text, call.user, resource=resource)
    return Single({"serviceoffering": views.offering(call.cloud, record, for_admin=True)})


def _lease(call: Call) -> Shown:
    """How long instances may be had; without the setting none is kept. Nothing in the lab ends one.

    Source: ConfigurationManagerImpl.validateAndGetLeaseExpiryAction.

    Raises:
        InvalidValueError: one of two without the other, or a value that is none.
    """
    settings, days, action = (
        call.cloud.state.configuration,
        call.integer("leaseduration"),
        call.text("leaseexpiryaction"),
    )
    is_on = settings.value(settings.find(INSTANCE_LEASE), Place()).text
    if action is not None and action.upper() not in _LEASE_ACTIONS:
        raise InvalidValueError(
            f"Invalid value configured for leaseexpiryaction, valid values are: {', '.join(_LEASE_ACTIONS)}"
        )
    if str(is_on).lower() != "true" or (days is None and action is None):
        return {}
    if days is None or action is None:
        raise InvalidValueError("Provide values for both: leaseduration and leaseexpiryaction")
    if not 1 <= days <= _LONGEST_LEASE_DAYS:
        raise InvalidValueError(
            f"Invalid leaseduration: must be a natural number (>=1), max supported value is {_LONGEST_LEASE_DAYS}"
        )
    return {"leaseduration": days, "leaseexpiryaction": action.upper()}


def _system_vm(call: Call) -> Shown:
    """Source: ConfigurationManagerImpl.createServiceOffering. Raises InvalidValueError."""
    if not call.flag("issystem"):
        return {}
    kind = (call.text("systemvmtype") or "domainrouter").lower()
    if kind not in _SYSTEM_VMS:
        raise InvalidValueError(
            "Invalid systemVmType. Supported types are: DomainRouter, ConsoleProxy, SecondaryStorageVm"
        )
    return {"systemvmtype": kind}


def _zone(call: Call) -> Shown:
    """There is one, so that an offering is for it or for all."""
    zone = call.cloud.state.zone
    return {"zoneid": zone.id, "zone": zone.name} if call.texts("zoneid") else {}


def _check_domains(call: Call, domain_ids: tuple[str, ...]) -> None:
    """A domain admin makes offerings for the own domain and those below only.

    Source: ConfigurationManagerImpl.createServiceOffering.
    """
    if call.is_admin:
        return
    user = {"id": call.user.database_id, "username": call.user.name, "uuid": call.user.id}
    who = f"User {json.dumps(user, separators=(',', ':'))}."
    if not domain_ids:
        raise InvalidValueError(f"Unable to create public service offering by admin: {who} because it is domain-admin")
    for each in domain_ids:
        if not call.cloud.state.is_within(each, call.account.domain_id):
            raise InvalidValueError(
                f"Unable to create service offering by another domain-admin: {who} for domain: {each}"
            )


def _list(call: Call) -> Answer:
    """Source: QueryManagerImpl.searchForServiceOfferings."""
    call.owner()
    if call.flag("issystem") and not call.is_admin:
        raise InvalidValueError("Only ROOT admins can access system offerings.")
    records = _seen(call)
    shown = [views.offering(call.cloud, record, for_admin=call.is_admin) for record in records]
    found = selection.by_fields(
        call,
        shown,
        id="id",
        name="name",
        storagetype="storagetype",
        encryptroot="encryptroot",
        systemvmtype="systemvmtype",
    )
    return Listing("serviceoffering", selection.by_keyword(call, found, "name", "displaytext"))


def _seen(call: Call) -> list[OfferingRecord]:
    state, wanted = call.cloud.state, (call.text("state") or "active").lower()
    of_system, size = call.flag("issystem") or False, [call.integer(name) for name in _SIZES]
    with state.lock:
        records = [
            each
            for each in state.offerings.values()
            if not each.removed
            and sees_offering(call, each.domain_ids)
            and each.offering.for_system_vms == of_system
            and choice.takes(each.offering, *size)
        ]
        instance = state.instances.get(call.text("virtualmachineid") or "")
        if instance is not None:
            current, has = state.offerings[instance.offering_id].offering, state.size_of(instance)
            running = instance.state is State.RUNNING
            records = [each for each in records if choice.may_follow(each.offering, current, has, running=running)]
    if call.text("id") is None and wanted != "all":
        records = [record for record in records if record.offering.active == (wanted == "active")]
    return records


def _update(call: Call) -> Answer:
    record = offerings.update(
        call.cloud.state,
        call.must("id"),
        name=call.text("name"),
        display_text=call.text("displaytext"),
        active=call.text("state"),
        domain_ids=domains_meant(call),
        host_tags=call.text("hosttags"),
        storage_tags=call.text("storagetags"),
    )
    return Single({"serviceoffering": views.offering(call.cloud, record, for_admin=True)})


def _delete(call: Call) -> Answer:
    offerings.delete(call.cloud.state, call.must("id"))
    return DONE


COMMANDS = (
    command("createServiceOffering", _create),
    command("listServiceOfferings", _list, "serviceoffering"),
    command("updateServiceOffering", _update, "serviceoffering"),
    command("deleteServiceOffering", _delete, "serviceoffering"),
)
