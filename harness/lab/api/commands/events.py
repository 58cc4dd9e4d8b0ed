"""Events: list, archive, remove."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Call, Listing, command
from harness.lab.api.scope import scope
from harness.lab.api.views.jobs import event as shown
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.events import Event


def _seen(call: Call) -> list[Event]:
    """Events that the request may see, between its dates."""
    shows, first, last = scope(call), call.moment("startdate"), call.moment("enddate")
    return [
        each
        for each in call.cloud.state.events.newest_first()
        if shows(each.account_id)
        and (first is None or each.created >= first)
        and (last is None or each.created <= last)
    ]


def _list(call: Call) -> Answer:
    """Source: QueryManagerImpl.searchForEventIdsAndCount."""
    if call.text("resourceid") is not None and call.text("resourcetype") is None:
        raise InvalidValueError("resourceid parameter must be used with resourcetype parameter")
    archived = call.flag("archived") or False
    items = [shown(call.cloud, each) for each in _seen(call) if each.archived == archived]
    found = selection.by_fields(
        call,
        items,
        id="id",
        type="type",
        level="level",
        state="state",
        resourceid="resourceid",
        resourcetype="resourcetype",
    )
    return Listing("event", selection.by_keyword(call, found, "type", "description", "username", "level"))


def _change(call: Call, *, remove: bool) -> Answer:
    """Source: ManagementServerImpl.archiveEvents, deleteEvents."""
    ids, kind = call.texts("ids"), call.text("type")
    if not {"ids", "type", "enddate", "startdate"} & call.arguments.keys():
        raise InvalidValueError("either ids, type, enddate, startdate have to be specified")
    wanted = {each.id for each in _seen(call) if ids is None or each.id in ids}
    wanted &= {each.id for each in _seen(call) if kind is None or each.type == kind}
    if ids is not None and not wanted.issuperset(ids):
        doing = "delete" if remove else "archive"
        raise InvalidValueError(f"Unable to {doing} Events. One or more parameters has missing or invalid information")
    call.cloud.state.events.change(frozenset(wanted), remove=remove)
    return DONE


def _archive(call: Call) -> Answer:
    return _change(call, remove=False)


def _delete(call: Call) -> Answer:
    return _change(call, remove=True)


def _types(call: Call) -> Answer:
    kinds = sorted({each.type for each in call.cloud.state.events.newest_first()})
    return Listing("eventtype", [{"name": kind} for kind in kinds])


COMMANDS = (
    command("listEvents", _list, "event"),
    command("archiveEvents", _archive, "event"),
    command("deleteEvents", _delete, "event"),
    command("listEventTypes", _types),
)
