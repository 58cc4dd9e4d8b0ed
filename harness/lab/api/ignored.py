"""Which request parameters had no effect, so that nothing is silently accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from threading import Lock

from harness.lab.api.parameters import Argument

# What the server itself reads of every request; `_` is how browsers' scripts get round caches.
_OF_EVERY_REQUEST = frozenset(
    {"command", "response", "apikey", "signature", "signatureversion", "expires", "sessionkey", "_"}
)
_MOST_NAMES = 10_000
_LONGEST_NAME = 100


class Arguments(Mapping[str, Argument]):
    """Arguments of one call, which remembers those that were looked at."""

    def __init__(self, arguments: Mapping[str, Argument]) -> None:
        self._arguments = arguments
        self._read: set[str] = set()

    def __getitem__(self, name: str) -> Argument:
        self._read.add(name)
        return self._arguments[name]

    def __contains__(self, name: object) -> bool:
        self._read.add(str(name))
        return name in self._arguments

    def __iter__(self) -> Iterator[str]:
        return iter(self._arguments)

    def __len__(self) -> int:
        return len(self._arguments)

    @property
    def read(self) -> frozenset[str]:
        return frozenset(self._read)


class IgnoredParameters:
    """Counts, by command and parameter, the calls in which a parameter was given and not looked at."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def note(self, command: str, given: Mapping[str, str], read: frozenset[str]) -> None:
        """`given` is the request as it came, `read` the names of parameters that had their effect."""
        names = {name.partition("[")[0] for name in given}
        ignored = [name for name in names if name.lower() not in read and name.lower() not in _OF_EVERY_REQUEST]
        if not ignored:
            return
        with self._guard:
            for name in ignored:
                entry = (command, name[:_LONGEST_NAME])
                # Whoever makes names up must not fill the memory.
                if entry in self._counts or len(self._counts) < _MOST_NAMES:
                    self._counts[entry] += 1

    def counts(self) -> dict[tuple[str, str], int]:
        with self._guard:
            return dict(self._counts)
