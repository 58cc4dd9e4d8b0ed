"""Disk offerings."""

from __future__ import annotations

from dataclasses import replace

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Call, Shown, Single, command
from harness.lab.api.disk_parameters import disk_fields
from harness.lab.api.scope import domains_meant, sees_offering, tops
from harness.lab.api.views.catalogue import disk_offering as shown
from harness.lab.management import catalogue
from harness.lab.management.errors import InvalidValueError


def _seen(call: Call) -> list[Shown]:
    call.owner()
    state = call.cloud.state
    with state.lock:
        records = [each for each in state.disk_offerings.values() if sees_offering(call, each.domain_ids)]
    return [shown(call.cloud, each) for each in records if each.active]


def _create(call: Call) -> Answer:
    made = catalogue.add_disk_offering(
        call.cloud.state,
        call.must("name"),
        call.text("displaytext") or call.must("name"),
        call.integer("disksize"),
        customized=call.flag("customized") or False,
        storage_type=call.text("storagetype") or "shared",
        tags=call.text("tags") or "",
        encrypted=call.flag("encrypt") or False,
        other=disk_fields(call),
        domain_ids=tops(call, call.texts("domainid") or []),
    )
    return Single({"diskoffering": shown(call.cloud, made)})


def _update(call: Call) -> Answer:
    state, domain_ids = call.cloud.state, domains_meant(call)
    with state.lock:
        record = state.disk_offerings.get(call.must("id"))
        if record is None:
            # The one of a service offering, which nobody sees.
            raise InvalidValueError(f"Unable to find disk offering by id {call.must('id')}")
        changed = state.disk_offerings[record.id] = replace(
            record,
            name=call.text("name") or record.name,
            display_text=call.text("displaytext") or record.display_text,
            tags=record.tags if call.text("tags") is None else call.must("tags"),
            domain_ids=record.domain_ids if domain_ids is None else domain_ids,
        )
    return Single({"diskoffering": shown(call.cloud, changed)})


def _delete(call: Call) -> Answer:
    """Volumes keep it, so its record stays."""
    state = call.cloud.state
    with state.lock:
        record = state.disk_offerings.get(call.must("id"))
        if record is None:
            raise InvalidValueError(f"Unable to find disk offering by id {call.must('id')}")
        state.disk_offerings[record.id] = replace(record, active=False)
        state.removed_ids.add(record.id)
    return DONE


COMMANDS = (
    command(
        "listDiskOfferings",
        selection.listing("diskoffering", _seen, "id name storagetype encrypt", "name displaytext"),
        "diskoffering",
    ),
    command("createDiskOffering", _create),
    command("updateDiskOffering", _update, "diskoffering"),
    command("deleteDiskOffering", _delete, "diskoffering"),
)
