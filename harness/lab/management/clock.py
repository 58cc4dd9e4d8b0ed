"""The clock that the management brain lives by, and moments in the form the API shows them."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from threading import Event
from typing import Protocol


class LabEndsError(Exception):
    """The lab goes down or is reset; whoever waits gives up at once.

    No HarnessError, so that no operation takes it for a failure of its own and settles it.
    """


class Clock(Protocol):
    """Tells the time and lets it pass. Safe to call from any thread; never called with a lock held but for `now`."""

    def now(self) -> datetime:
        """To the second, as CloudStack's database has it."""

    def monotonic(self) -> float:
        """Seconds from some beginning."""

    def wait(self, seconds: float) -> None:
        """Return when so much time has passed. Raises LabEndsError."""

    def working(self, number: int) -> AbstractContextManager[None]:
        """Around the work of a thread that the time has to wait for; `number` is its place among those of one moment.

        Raises LabEndsError.
        """

    def aside(self) -> AbstractContextManager[None]:
        """Around what a working thread does while it waits for others, so that the time does not wait for it."""

    def begun(self) -> None:
        """A thread is about to work: `working` follows, in that thread."""

    def end(self) -> None:
        """Wake whoever waits, now and from now on."""


class WallClock:
    """The time of the machine."""

    def __init__(self) -> None:
        self._ended = Event()

    def now(self) -> datetime:
        return datetime.now(UTC).replace(microsecond=0)

    def monotonic(self) -> float:
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        if self._ended.wait(seconds):
            raise LabEndsError

    def working(self, number: int) -> AbstractContextManager[None]:  # noqa: ARG002 - it waits for nobody
        return nullcontext()

    def aside(self) -> AbstractContextManager[None]:
        return nullcontext()

    def begun(self) -> None:
        """It goes on whoever works."""

    def end(self) -> None:
        self._ended.set()


def shown(moment: datetime) -> str:
    """As in "2026-11-22T13:26:49+0000"."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S%z")
