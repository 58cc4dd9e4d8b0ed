"""Events can be looked at by time and kind, archived and removed."""

from __future__ import annotations

import pytest

from tests.lab.api.conftest import Lab


def test_events_are_listed_between_dates(lab: Lab) -> None:
    lab.fixed()
    assert lab.api.listEvents(type="SERVICE.OFFERING.CREATE", startdate="2020-01-01")["count"] == 1
    assert lab.api.listEvents(enddate="2020-01-01 00:00:00") == {}


def test_archived_events_are_apart_and_removed_ones_gone(lab: Lab) -> None:
    lab.fixed()
    (event,) = lab.api.listEvents(type="SERVICE.OFFERING.CREATE")["event"]
    assert lab.api.archiveEvents(ids=event["id"]) == {"success": True}
    assert lab.api.listEvents(type="SERVICE.OFFERING.CREATE") == {}
    assert lab.api.listEvents(archived="true")["event"][0]["id"] == event["id"]
    assert lab.api.deleteEvents(type="SERVICE.OFFERING.CREATE") == {"success": True}
    assert lab.api.listEvents(archived="true") == {}


def test_types_of_events_are_listed(lab: Lab) -> None:
    lab.fixed()
    assert {"name": "SERVICE.OFFERING.CREATE"} in lab.api.listEventTypes()["eventtype"]


@pytest.mark.parametrize(
    ("command", "given", "text"),
    [
        ("listEvents", {"startdate": "soon"}, "Unable to parse date soon for command listevents, please pass dates in"),
        ("listEvents", {"resourceid": "x"}, "resourceid parameter must be used with resourcetype parameter"),
        ("archiveEvents", {}, "either ids, type, enddate, startdate have to be specified"),
    ],
)
def test_what_events_cannot_be_asked(lab: Lab, command: str, given: dict[str, str], text: str) -> None:
    answer = lab.raw.call(command, **given)
    assert (answer.status, answer.body["errortext"][: len(text)]) == (431, text)
