"""What is spread: parts of a work, each carried out once, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

P = TypeVar("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Part(Generic[P]):
    """`near` is the beginning of the names of workers that may have it; None: any may."""

    key: str
    what: P
    near: str | None = None


@dataclass(frozen=True)
class Done(Generic[R]):
    """A part's result, or in one line why there is none."""

    key: str
    result: R | None
    failure: str | None


class PartsEngine(Protocol):
    """Carries out parts; each comes back once, in whatever order."""

    @property
    def width(self) -> int:
        """How many parts are carried out at the same time."""

    def carry_out(
        self, work: Callable[[P], R], parts: Sequence[Part[P]], at_once: int | None = None
    ) -> Iterator[Done[R]]:
        """`at_once` is the most parts that may be under way; None: as many as `width`."""
