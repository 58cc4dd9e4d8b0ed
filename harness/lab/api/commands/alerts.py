"""Alerts: list, raise, archive, remove."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Begun, Call, Listing, Shown, command
from harness.lab.management import clock
from harness.lab.management.alerts import KINDS, Alert
from harness.lab.management.errors import INTERNAL, ApiError, InvalidValueError
from harness.lab.management.jobs import Result, Work


def _shown(record: Alert) -> Shown:
    return {
        "id": record.id,
        "type": record.type,
        "name": record.name,
        "description": record.description,
        "sent": clock.shown(record.sent),
    }


def _alerts(call: Call) -> list[Shown]:
    """Source: ManagementServerImpl.searchForAlerts."""
    kind = call.text("type")
    there = [each for each in call.cloud.state.alerts.newest_first() if not each.archived]
    return [_shown(each) for each in there if kind in (None, str(each.type))]


def _generate(call: Call) -> Answer:
    number, name, text = int(call.must("type")), call.must("name"), call.must("description")

    def run() -> Result:
        call.cloud.state.alerts.raise_other(number, name, text)
        return {"success": True}

    return Begun(Work("alerts", run, "None", None))


def _change(call: Call, *, remove: bool) -> Answer:
    """Source: ArchiveAlertsCmd, DeleteAlertsCmd, AlertDaoImpl.

    Raises:
        InvalidValueError: nothing says which alerts are meant.
        ApiError: an id is that of an alert which is not there (any more).
    """
    ids, kind, first, last = call.texts("ids"), call.text("type"), call.moment("startdate"), call.moment("enddate")
    if ids is None and kind is None and last is None:
        raise InvalidValueError("either ids, type, startdate or enddate must be specified")
    if first is not None and last is None:
        raise InvalidValueError("enddate must be specified with startdate parameter")
    wanted = frozenset(
        each.id
        for each in call.cloud.state.alerts.newest_first()
        if not each.archived
        and (ids is None or each.id in ids)
        and kind in (None, str(each.type))
        and (first is None or each.sent >= first)
        and (last is None or each.sent <= last)
    )
    if ids is not None and len(wanted) < len(ids):
        doing = "delete" if remove else "archive"
        raise ApiError(INTERNAL, f"Unable to {doing} Alerts, one or more parameters has invalid values")
    call.cloud.state.alerts.change(wanted, remove=remove)
    return DONE


def _archive(call: Call) -> Answer:
    return _change(call, remove=False)


def _delete(call: Call) -> Answer:
    return _change(call, remove=True)


def _kinds(_call: Call) -> Answer:
    return Listing("alerttype", [{"alerttypeid": number, "name": name} for name, number in KINDS.items()])


COMMANDS = (
    command("listAlerts", selection.listing("alert", _alerts, "id name", "description"), "alert"),
    command("generateAlert", _generate),
    command("archiveAlerts", _archive, "alert"),
    command("deleteAlerts", _delete, "alert"),
    command("listAlertTypes", _kinds),
)
