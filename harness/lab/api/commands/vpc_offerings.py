"""VPC offerings, which are records: the lab makes no VPC of them.

Source: VpcManagerImpl; a new one is disabled unless told otherwise.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from harness.lab.api import selection
from harness.lab.api.command import Answer, Begun, Call, Shown, command
from harness.lab.api.scope import domains_meant, sees_offering, tops
from harness.lab.api.views.catalogue import for_domains
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.records import VpcOffering

_STATES = ("enabled", "disabled")


def _shown(cloud: Cloud, record: VpcOffering) -> Shown:
    return {
        "id": record.id,
        "name": record.name,
        "created": clock.shown(record.created),
        "displaytext": record.display_text,
        "isdefault": False,
        "state": "Enabled" if record.enabled else "Disabled",
        "service": [
            {"name": service, "provider": [{"name": each} for each in providers]}
            for service, providers in record.services.items()
        ],
        "distributedvpcrouter": False,
        "supportsregionLevelvpc": False,
        **for_domains(cloud, record.domain_ids),
    }


def _seen(call: Call) -> list[Shown]:
    state = call.cloud.state
    with state.lock:
        records = [each for each in state.vpc_offerings.values() if sees_offering(call, each.domain_ids)]
    return [_shown(call.cloud, each) for each in records]


def _services(call: Call) -> dict[str, tuple[str, ...]]:
    """Providers of each service; a VPC's router where none is named."""
    named: dict[str, list[str]] = defaultdict(list)
    for entry in call.entries("serviceproviderlist"):
        named[entry.get("service", "")].append(entry.get("provider", ""))
    services = call.texts("supportedservices") or []
    return {service: tuple(named.get(service, ["VpcVirtualRouter"])) for service in services}


def _create(call: Call) -> Answer:
    state = call.cloud.state
    services = _services(call)
    if not services:
        raise InvalidValueError("Supported services list is required")
    made = VpcOffering(
        id=str(uuid4()),
        name=call.must("name"),
        display_text=call.text("displaytext") or call.must("name"),
        created=state.clock.now(),
        enabled=call.flag("enable") or False,
        services=services,
        domain_ids=tops(call, call.texts("domainid") or []),
    )
    with state.lock:
        state.vpc_offerings[made.id] = made
    return Begun(_work(made.id, lambda: {"vpcoffering": _shown(call.cloud, made)}), made.id)


def _update(call: Call) -> Answer:
    offering_id, wanted, domain_ids = call.must("id"), call.text("state"), domains_meant(call)
    if wanted is not None and wanted.lower() not in _STATES:
        raise InvalidValueError(f"Incorrect state value: {wanted}")

    def run() -> Result:
        state = call.cloud.state
        with state.lock:
            record = state.vpc_offerings.get(offering_id)
            if record is None:
                raise InvalidValueError(f"Unable to find vpc offering {offering_id}")
            changed = state.vpc_offerings[offering_id] = replace(
                record,
                name=call.text("name") or record.name,
                display_text=call.text("displaytext") or record.display_text,
                enabled=record.enabled if wanted is None else wanted.lower() == "enabled",
                domain_ids=record.domain_ids if domain_ids is None else domain_ids,
            )
        return {"vpcoffering": _shown(call.cloud, changed)}

    return Begun(_work(offering_id, run))


def _delete(call: Call) -> Answer:
    offering_id = call.must("id")

    def run() -> Result:
        state = call.cloud.state
        with state.lock:
            if state.vpc_offerings.pop(offering_id, None) is None:
                raise InvalidValueError(f"unable to find vpc offering {offering_id}")
            state.removed_ids.add(offering_id)
        return {"success": True}

    return Begun(_work(offering_id, run))


def _work(offering_id: str, run: Callable[[], Result]) -> Work:
    return Work(offering_id, run, "VpcOffering", offering_id)


COMMANDS = (
    command(
        "listVPCOfferings",
        selection.listing("vpcoffering", _seen, "id name displaytext isdefault state", "name displaytext"),
        "vpcoffering",
    ),
    command("createVPCOffering", _create),
    command("updateVPCOffering", _update, "vpcoffering"),
    command("deleteVPCOffering", _delete, "vpcoffering"),
)
