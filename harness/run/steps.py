"""Tells what a run is doing now, and remembers how long each step took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """Something that was done; `seconds` is None while it is going on."""

    name: str
    seconds: float | None


Listener = Callable[[Step], None]


class Steps:
    """The steps of a case in order; a listener hears each at its start and end."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self.done: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time what happens inside, also when it fails."""
        started = time.monotonic()
        self._tell(Step(name, None))
        try:
            yield
        finally:
            ended = Step(name, time.monotonic() - started)
            self.done.append(ended)
            self._tell(ended)

    def _tell(self, step: Step) -> None:
        if self._listener is not None:
            self._listener(step)
