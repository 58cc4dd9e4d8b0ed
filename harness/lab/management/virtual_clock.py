"""A clock that stands still while anything is being done, and jumps when all that is left to do is waiting."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush

from harness.lab.management.clock import LabEndsError


@dataclass(frozen=True, order=True)
class _Waiting:
    """A thread that waits. Of those that are due at one moment the one with the lower number comes first."""

    due: float
    number: float
    count: int
    condition: threading.Condition = field(compare=False)


class VirtualClock:
    """Discrete events: one thread goes on at a time, always the one that is due first, so a run can be repeated.

    A client sends its requests in real time, and what it begins within `quiet_seconds` begins at one virtual moment:
    the clock does not jump before so much real time has passed since the last job came.

    Args:
        workers: how many threads work at most; what has begun beyond that cannot wait yet, and is not waited for.
    """

    def __init__(self, workers: int, *, quiet_seconds: float = 0.05) -> None:
        self._workers = workers
        self._quiet_seconds = quiet_seconds
        self._started = datetime.now(UTC).replace(microsecond=0)
        self._guard = threading.Lock()
        self._passed = 0.0
        self._waiting: list[_Waiting] = []
        self._counter = itertools.count()
        self._begun = 0
        self._aside = 0
        self._last_begun = time.monotonic()
        self._ended = False
        self._own = threading.local()

    def now(self) -> datetime:
        return self._started + timedelta(seconds=int(self._passed))

    def monotonic(self) -> float:
        return self._passed

    def begun(self) -> None:
        with self._guard:
            self._begun += 1
            self._last_begun = time.monotonic()

    @contextmanager
    def working(self, number: float) -> Iterator[None]:
        self._own.number = number
        try:
            self.wait(0)
            yield
        finally:
            with self._guard:
                self._begun -= 1
                self._wake_first()

    @contextmanager
    def aside(self) -> Iterator[None]:
        with self._guard:
            self._aside += 1
            self._wake_first()
        try:
            yield
        finally:
            with self._guard:
                self._aside -= 1
        self.wait(0)

    def wait(self, seconds: float) -> None:
        """For a working thread."""
        with self._guard:
            own = _Waiting(
                self._passed + seconds, self._own.number, next(self._counter), threading.Condition(self._guard)
            )
            heappush(self._waiting, own)
            self._wake_first()
            while not self._ended:
                if self._waiting[0] is not own or not self._all_wait():
                    own.condition.wait()
                    continue
                quiet = self._last_begun + self._quiet_seconds - time.monotonic()
                if quiet <= 0:
                    heappop(self._waiting)
                    self._passed = own.due
                    return
                own.condition.wait(quiet)
        raise LabEndsError

    def let_pass(self, seconds: float) -> None:
        """Let time pass for a cloud with nothing to do; what is due meanwhile happens. Raises LabEndsError."""
        self.begun()
        with self.working(float("inf")):
            self.wait(seconds)

    def end(self) -> None:
        with self._guard:
            self._ended = True
            for waiting in self._waiting:
                waiting.condition.notify()

    def _all_wait(self) -> bool:
        return len(self._waiting) + self._aside >= min(self._begun, self._workers)

    def _wake_first(self) -> None:
        if self._waiting:
            self._waiting[0].condition.notify()
