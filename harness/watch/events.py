"""Reads what is new in a cloud's event log, each event once, oldest first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from harness.cloud.client import CloudApi

SCALE, MIGRATE = "VM.UPGRADE", "VM.MIGRATE"
# After these an instance's domain is another one.
STARTS = ("VM.CREATE", "VM.START", "VM.REBOOT")
_PAGE = 100
_OFFERING = re.compile(r"service offering: ([0-9a-f-]{36})")


@dataclass(frozen=True)
class CloudEvent:
    """`offering_id` is of a scale that was asked for: only its first event names it.

    Source: ScaleVMCmd.getEventDescription (seen).
    """

    id: str
    type: str
    state: str
    failed: bool
    instance_id: str
    offering_id: str | None


class EventTail:
    """What comes after its making."""

    def __init__(self, api: CloudApi) -> None:
        """Raises HarnessError where the API cannot be read."""
        self._api = api
        self._seen: dict[str, None] = {}
        self.fresh()

    def fresh(self) -> list[CloudEvent]:
        """Events that were not told before. Raises as the maker."""
        found = [each for kind in (*STARTS, SCALE, MIGRATE) for each in self._of(kind)]
        # Of one second, what was asked for comes before what became of it.
        found.sort(key=lambda part: (str(part.get("created", "")), part.get("state") == "Completed"))
        self._seen |= dict.fromkeys(str(part["id"]) for part in found)
        return [_read(part) for part in found if part.get("resourceid")]

    def _of(self, kind: str) -> list[dict[str, Any]]:
        """The newest come first; one that is known ends it. At the first time a page is enough."""
        found: list[dict[str, Any]] = []
        page, is_first = 1, not self._seen
        while True:
            answer = self._api.call("listEvents", type=kind, listall=True, page=page, pagesize=_PAGE)
            part = answer.get("event", [])
            new = [each for each in part if str(each["id"]) not in self._seen]
            found += new
            if len(new) < _PAGE or is_first:
                return found
            page += 1


def _read(part: dict[str, Any]) -> CloudEvent:
    offering = _OFFERING.search(str(part.get("description", "")))
    return CloudEvent(
        id=str(part["id"]),
        type=str(part["type"]),
        state=str(part.get("state", "")),
        failed=part.get("level") == "ERROR",
        instance_id=str(part["resourceid"]),
        offering_id=None if offering is None else offering[1],
    )
