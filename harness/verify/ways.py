"""Several ways in which a cloud may rightly do something: as built with a known defect, mended, or in another order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from harness.reference.rule import Rule
from harness.verify.checks import Checks
from harness.verify.finding import Comparison, Layer

Expected = TypeVar("Expected")
# What was or has to be seen, by name.
Facts = Mapping[str, object]


class Shown(Enum):
    """How a cloud shows itself where a defect of the product is known."""

    AS_BUILT = "as built"
    MENDED = "mended"


@dataclass(frozen=True)
class Way(Generic[Expected]):
    """`expected` is what there must be; `defects` says of each defect that has to do with it how it shows then."""

    expected: Expected
    defects: dict[Rule, Shown] = field(default_factory=dict)


def which(
    ways: Sequence[Way[Expected]], compare: Callable[[Expected], Comparison]
) -> tuple[Way[Expected], Comparison, bool]:
    """The first way in which nothing differs, what its comparison showed, and True; else the first of all and False."""
    compared = [(way, compare(way.expected)) for way in ways]
    for way, comparison in compared:
        if not comparison.findings:
            return way, comparison, True
    return *compared[0], False


def compare_facts(
    rule: Rule,
    layer: Layer,
    read_from: str,
    seen: Facts,
    *,
    as_built: Facts,
    mended: Sequence[Facts],
) -> tuple[Comparison, Shown | None]:
    """Facts that one defect decides: all as built, all as in one of the mended ways, or a third thing.

    A third thing is a finding for each fact that differs from what is built; it names the mended values too. Facts
    are by name; `as_built` and each of `mended` name the same ones as `seen`.
    """
    checks = Checks(layer, read_from)
    if seen == as_built:
        return checks.done(), Shown.AS_BUILT
    if seen in mended:
        return checks.done(), Shown.MENDED
    for what, built in as_built.items():
        if seen[what] != built:
            otherwise = " or ".join(dict.fromkeys(str(way[what]) for way in mended))
            checks.differs(what, f"{built} (as built) or {otherwise} (mended)", str(seen[what]), rule)
    return checks.done(), None
