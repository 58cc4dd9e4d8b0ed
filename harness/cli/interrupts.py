"""Interrupted once a run stops, cleans up and reports; twice it leaves at once, and its ledger knows what is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

LEFT_AT_ONCE = 130
_REST_OF_A_RUN = "`cs-harness cleanup` takes back what the run made and changed"
_FIRST = b"\ncs-harness: stopping and cleaning up; once more leaves at once\n"


@contextmanager
def two_of_them(rest: str = _REST_OF_A_RUN) -> Iterator[None]:
    """For the time of a run: the first raises KeyboardInterrupt, the second ends this process where it is.

    Workers and an embedded lab end with their owner; `rest` says what becomes of what is left.
    """
    asked = 0
    left = f"\ncs-harness: left at once; {rest}\n".encode()
    # pytest puts something else in the place of descriptor 2 while a test runs.
    said_to = os.dup(2)

    def ask(_number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        asked += 1
        if asked > 1:
            os.write(said_to, left)
            os._exit(LEFT_AT_ONCE)
        os.write(said_to, _FIRST)
        raise KeyboardInterrupt

    former = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        os.close(said_to)
