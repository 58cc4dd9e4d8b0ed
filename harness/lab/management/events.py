"""The event log of the cloud, as listEvents shows it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from uuid import uuid4

from harness.lab.management.clock import Clock
from harness.lab.management.model import User

_KEPT = 5000


@dataclass(frozen=True)
class Event:
    id: str
    type: str
    level: str
    state: str
    description: str
    user_name: str
    account_id: str
    created: datetime
    resource_id: str | None = None
    resource_type: str | None = None
    resource_name: str | None = None
    archived: bool = False


class EventLog:
    """The newest events of the cloud. Its own lock guards them; no other lock is taken while it is held."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._events: deque[Event] = deque(maxlen=_KEPT)

    def add(
        self,
        kind: str,
        description: str,
        user: User,
        *,
        state: str = "Completed",
        level: str = "INFO",
        resource: tuple[str, str, str] | None = None,
    ) -> None:
        """`resource` is its type, id and name."""
        resource_type, resource_id, resource_name = resource or (None, None, None)
        event = Event(
            id=str(uuid4()),
            type=kind,
            level=level,
            state=state,
            description=description,
            user_name=user.name,
            account_id=user.account_id,
            created=self._clock.now(),
            resource_id=resource_id,
            resource_type=resource_type,
            resource_name=resource_name,
        )
        with self._lock:
            self._events.appendleft(event)

    def newest_first(self) -> list[Event]:
        with self._lock:
            return list(self._events)

    def change(self, ids: frozenset[str], *, remove: bool) -> None:
        """Archive events, or remove them for good."""
        with self._lock:
            changed = (replace(each, archived=True) if each.id in ids else each for each in self._events)
            kept = [each for each in changed if not (remove and each.id in ids)]
            self._events = deque(kept, maxlen=_KEPT)
