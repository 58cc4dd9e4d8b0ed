"""Tells what a run is doing now, and remembers how long each step took and whom it waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum


class WaitsFor(StrEnum):
    """Whose time a step takes: the cloud's, the hosts' and guests', another case's that holds something, our own."""

    CLOUD = "cloud"
    HOSTS = "hosts"
    OTHERS = "others"
    HARNESS = "harness"


@dataclass(frozen=True)
class Step:
    """Something that was done; `began` is as time.monotonic tells it, `seconds` None while it is going on."""

    name: str
    waits_for: WaitsFor
    began: float
    seconds: float | None


Listener = Callable[[Step], None]


class Steps:
    """The steps of a case in order, none inside another; a listener hears each at its start and end."""

    def __init__(self, listener: Listener | None = None) -> None:
        self._listener = listener
        self.done: list[Step] = []

    @contextmanager
    def step(self, name: str, waits_for: WaitsFor = WaitsFor.CLOUD) -> Iterator[None]:
        """Time what happens inside, also when it fails."""
        began = time.monotonic()
        self._tell(Step(name, waits_for, began, None))
        try:
            yield
        finally:
            ended = Step(name, waits_for, began, time.monotonic() - began)
            self.done.append(ended)
            self._tell(ended)

    def _tell(self, step: Step) -> None:
        if self._listener is not None:
            self._listener(step)
