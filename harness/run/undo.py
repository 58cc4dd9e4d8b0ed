"""Takes back what a run did, in reverse, carrying on past failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.errors import HarnessError


@dataclass
class Undo:
    """A stack of things to take back; each is named for the person who reads that it failed."""

    _steps: list[tuple[str, Callable[[], object]]] = field(default_factory=list)

    def __bool__(self) -> bool:
        """Whether there is anything to take back."""
        return bool(self._steps)

    def add(self, what: str, take_back: Callable[[], object]) -> None:
        self._steps.append((what, take_back))

    def run(self) -> list[str]:
        """Take everything back, last first; returns a line for each that failed. A second call does nothing more."""
        failures: list[str] = []
        while self._steps:
            what, take_back = self._steps.pop()
            try:
                take_back()
            except HarnessError as failure:
                failures.append(f"{what}: {failure}")
        return failures
