"""A log that keeps its newest records, of which some may be archived or removed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import Generic, TypeVar

from harness.lab.management.clock import Clock

_KEPT = 5000


@dataclass(frozen=True, kw_only=True)
class Logged:
    """What records of a log have in common."""

    id: str
    archived: bool = False


R = TypeVar("R", bound=Logged)


class RecordLog(Generic[R]):
    """The newest records. Its own lock guards them; no other lock is taken while it is held."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._records: deque[R] = deque(maxlen=_KEPT)

    def keep(self, made: Callable[[datetime], R]) -> None:
        """`made` is told what time it is."""
        record = made(self._clock.now())
        with self._lock:
            self._records.appendleft(record)

    def newest_first(self) -> list[R]:
        with self._lock:
            return list(self._records)

    def change(self, ids: frozenset[str], *, remove: bool) -> None:
        """Archive records, or remove them for good."""
        with self._lock:
            changed = (replace(each, archived=True) if each.id in ids else each for each in self._records)
            kept = [each for each in changed if not (remove and each.id in ids)]
            self._records = deque(kept, maxlen=_KEPT)
