"""Interrupted once a run stops, cleans up and reports; twice it leaves at once, and its ledger knows what is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LEFT_AT_ONCE = 130
_REST_OF_A_RUN = "`cs-harness cleanup` takes back what the run made and changed"
# `timeout` sends its signal to a command and then to the command's group: once for whoever sent it.
_SAME_S = 0.25
_FIRST = b"\ncs-harness: stopping and cleaning up; once more leaves at once\n"


class Interruptions:
    """How often a run was interrupted, and whether it is at its end, which a first one does not break off."""

    def __init__(self) -> None:
        self.asked = 0
        self._asked_at = -_SAME_S
        self._is_at_its_end = False

    def ask(self) -> bool:
        """Count a signal; whether it is one of its own, and not the one before it once more."""
        now = time.monotonic()
        if now - self._asked_at < _SAME_S:
            return False
        self.asked, self._asked_at = self.asked + 1, now
        return True

    def end(self) -> None:
        """From now on it takes back and reports in any case."""
        self._is_at_its_end = True

    def heed(self) -> None:
        """Raises KeyboardInterrupt where there was one: what a signal raises in a destructor is lost."""
        if self.asked and not self._is_at_its_end:
            raise KeyboardInterrupt


@contextmanager
def two_of_them(rest: str = _REST_OF_A_RUN) -> Iterator[Interruptions]:
    """For the time of a run: the first raises KeyboardInterrupt, the second ends this process where it is.

    Workers and an embedded lab end with their owner; `rest` says what becomes of what is left.
    """
    seen = Interruptions()
    left = f"\ncs-harness: left at once; {rest}\n".encode()
    # pytest puts something else in the place of descriptor 2 while a test runs.
    said_to = os.dup(2)

    def ask(_number: int, _frame: FrameType | None) -> None:
        if not seen.ask():
            return
        if seen.asked > 1:
            os.write(said_to, left)
            os._exit(LEFT_AT_ONCE)
        os.write(said_to, _FIRST)
        seen.heed()

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(said_to)
