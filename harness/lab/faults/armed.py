"""One armed fault: which calls it strikes, and how often it has."""

from __future__ import annotations

import random
from collections.abc import Callable
from threading import Event

from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder


class ArmedFault:
    """Not safe for threads by itself; its registry guards it. `over` is set once it is cleared.

    One that is `in_force` strikes by being there, which counts once.
    """

    def __init__(self, number: int, order: FaultOrder, *, in_force: bool = False) -> None:
        self.number = number
        self.order = order
        self.over = Event()
        self.matched = 0
        self.in_force = in_force
        self.struck = int(in_force)
        self.random = random.Random(order.seed)  # noqa: S311 - to repeat a run, not to keep a secret
        self._seized: set[str] = set()

    @property
    def kind(self) -> Fault:
        return self.order.kind

    @property
    def is_spent(self) -> bool:
        return self.order.times is not None and self.struck >= self.order.times

    def strikes(self, command: str, host: str, names: Callable[[], frozenset[str]], key: str | None) -> bool:
        """Whether it strikes this call, which is counted; a `key` that was struck once is struck for good."""
        if key is not None and key in self._seized:
            return True
        if not self._matches(command, host, names):
            return False
        self.matched += 1
        if self.matched < self.order.nth or self.is_spent:
            return False
        # Drawn for every call that could be struck, so that the seed alone decides which are.
        if self.random.random() >= self.order.probability:
            return False
        self.struck += 1
        if key is not None:
            self._seized.add(key)
        return True

    def _matches(self, command: str, host: str, names: Callable[[], frozenset[str]]) -> bool:
        order = self.order
        if order.command is not None and order.command != command:
            return False
        if order.host is not None and order.host != host:
            return False
        return order.instance is None or order.instance in names()
