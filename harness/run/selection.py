"""What a person asks of a run: cases by ids and patterns, and a release."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from harness.errors import HarnessError
from harness.reference.release import release_of

# In place of ids: one case or two of each section, without a change of settings; everything.
SMOKE = "smoke"
FULL = "full"


class SelectionError(HarnessError):
    """A pattern that no case has."""


def select(wanted: str, ids: Iterable[str]) -> frozenset[str]:
    """Ids that match one of the patterns, in any case of letters: "LS-*", "xml-01", or a whole section by "LS".

    Raises:
        SelectionError: a pattern matches nothing; the text lists what there is.
    """
    there = sorted(set(ids))
    chosen: set[str] = set()
    for pattern in (part.strip().upper() for part in wanted.split(",")):
        found = {name for name in there if fnmatchcase(name.upper(), pattern) or name.split("-", 1)[0] == pattern}
        if not found:
            raise SelectionError(f"--select {pattern or '(nothing)'}: no such case; there are {', '.join(there)}")
        chosen |= found
    return frozenset(chosen)


class ReleaseError(HarnessError):
    """Not a CloudStack version."""


def require_release(option: str, version: str) -> None:
    """Raises ReleaseError unless the option's `version` is one, such as "4.23"."""
    try:
        release_of(version)
    except ValueError:
        raise ReleaseError(f"{option} {version}: not a CloudStack version; give one such as 4.22 or 4.23") from None
