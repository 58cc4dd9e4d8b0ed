"""One part after the other, in this process: how it is without an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.engine.parts import Done, P, Part, R
from harness.errors import HarnessError


class Here:
    """A PartsEngine."""

    width = 1

    def carry_out(
        self,
        work: Callable[[P], R],
        parts: Sequence[Part[P]],
        at_once: int | None = None,  # noqa: ARG002 - never more than one
    ) -> Iterator[Done[R]]:
        """A HarnessError of the work is that part's failure; any other error passes through."""
        for part in parts:
            try:
                yield Done(part.key, work(part.what), None)
            except HarnessError as failure:
                yield Done(part.key, None, str(failure))
