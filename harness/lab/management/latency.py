"""How long the operations of a lab take at least: at once, fixed, or drawn from a seed."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from harness.lab.management.clock import Clock


class Operation(StrEnum):
    """What may be given a time. A deployment is one operation, with the first start in it."""

    DEPLOY = "deploy"
    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    SCALE = "scale"
    MIGRATE = "migrate"
    DESTROY = "destroy"


@dataclass(frozen=True)
class Latencies:
    """Shortest and longest time of operations in seconds; one that is missing takes no time but its work's."""

    ranges: Mapping[Operation, tuple[float, float]] = field(default_factory=dict)
    seed: int = 0

    def seconds(self, operation: Operation, instance_number: int, count: int) -> float:
        """The time of an instance's operation, when it happens to it for the `count`th time.

        It does not depend on what other instances do, so that jobs side by side cannot change it by their order.
        """
        shortest, longest = self.ranges.get(operation, (0.0, 0.0))
        if shortest == longest:
            return shortest
        drawn = random.Random(f"{self.seed}/{operation}/{instance_number}/{count}")  # noqa: S311 - no secret
        return drawn.uniform(shortest, longest)

    def divided(self, factor: float) -> Latencies:
        return Latencies(
            {operation: (low / factor, high / factor) for operation, (low, high) in self.ranges.items()}, self.seed
        )


INSTANT = Latencies()


class Pace:
    """Lets operations take their time on a clock. Safe to call from any thread; never called with a lock held."""

    def __init__(self, latencies: Latencies, clock: Clock) -> None:
        self._latencies = latencies
        self._clock = clock
        self._guard = Lock()
        self._counts: Counter[tuple[Operation, int]] = Counter()

    @contextmanager
    def at_least(self, operation: Operation, instance_number: int) -> Iterator[None]:
        """Work that takes the operation's time or longer; one that fails does not wait. Raises LabEndsError."""
        if operation not in self._latencies.ranges:
            yield
            return
        with self._guard:
            self._counts[operation, instance_number] += 1
            count = self._counts[operation, instance_number]
        due = self._clock.monotonic() + self._latencies.seconds(operation, instance_number, count)
        yield
        self._clock.wait(max(0.0, due - self._clock.monotonic()))
