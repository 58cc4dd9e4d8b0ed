"""What changed from one result to another: failures, fixes, flakiness, durations beyond noise, what went missing."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from harness.errors import HarnessError
from harness.report.outcomes import BAD, Results, Status, Test


class Change(StrEnum):
    """The worst first."""

    NEW_FAILURE = "new failure"
    STILL_FAILING = "still failing"
    FLAKY = "flaky"
    NEW_DEFECT = "newly a known defect"
    NEWLY_NOT_VERIFIED = "newly not verified"
    VANISHED = "vanished"
    SLOWER = "slower"
    FIXED = "fixed"
    APPEARED = "new"


# Noise: a duration counts as longer only if it is so by all three.
_DEVIATIONS = 6.0
_LEAST_RATIO = 1.5
_LEAST_SECONDS = 1.0
# Fewer pairs tell nothing of their noise; then it is taken for that of a busy machine.
_LEAST_PAIRS = 8
_UNKNOWN_DEVIATION = 0.25
# Below this share of the middle ratio the whole run is as quick as it was.
_WHOLE_RUN_RATIO = 1.25
# A normal distribution's standard deviation is so many median absolute deviations.
_SIGMA_PER_MAD = 1.4826


@dataclass(frozen=True)
class Changed:
    change: Change
    id: str
    base: Test | None
    new: Test | None

    @property
    def line(self) -> str:
        """One line, without the id."""
        if self.change is Change.SLOWER and self.base and self.new:
            return f"{self.base.seconds:.1f} s, now {self.new.seconds:.1f} s"
        words = " -> ".join(str(test.status) if test else "(absent)" for test in (self.base, self.new))
        told = self.new.text if self.new else ""
        return f"{words}: {' '.join(told.split())[:300]}" if told else words


@dataclass(frozen=True)
class Comparison:
    """`whole_run` is the middle ratio of durations where all of the run got slower, else None.

    `environment` names what differs: value before and now, None where there is none.
    """

    base: Results
    new: Results
    changes: tuple[Changed, ...]
    unchanged: int
    environment: Mapping[str, tuple[str | None, str | None]]
    whole_run: float | None

    def of(self, change: Change) -> list[Changed]:
        return [changed for changed in self.changes if changed.change is change]

    @property
    def counted(self) -> str:
        """Such as "1 new failure, 2 fixed, 15 unchanged"."""
        parts = [f"{number} {change}" for change in Change if (number := len(self.of(change)))]
        return ", ".join([*parts, f"{self.unchanged} unchanged"])


class UnknownChangeError(HarnessError):
    """--fail-on names something that is no change."""


def gate(names: str) -> frozenset[Change]:
    """The changes that a comma separated list names, such as "new-failure,slower"; "any": all that is not better.

    Raises UnknownChangeError.
    """
    worse = {
        str(change).replace(" ", "-"): change for change in Change if change not in (Change.FIXED, Change.APPEARED)
    }
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if name not in worse and name != "any":
            raise UnknownChangeError(f"--fail-on {name}: there are {', '.join(worse)} and any")
    return frozenset(worse.values()) if "any" in wanted else frozenset(worse[name] for name in wanted)


def compare(base: Results, new: Results) -> Comparison:
    """Tests are matched by id. What a partial source does not name is neither vanished nor new."""
    slower, whole_run = _slower(base.tests, new.tests)
    changes = []
    ids = dict.fromkeys([*base.tests, *new.tests])
    for test_id in ids:
        before, now = base.tests.get(test_id), new.tests.get(test_id)
        change = _change(before, now, base_is_whole=base.whole, new_is_whole=new.whole)
        if change is None and test_id in slower:
            change = Change.SLOWER
        if change is not None:
            changes.append(Changed(change, test_id, before, now))
    order = list(Change)
    return Comparison(
        base=base,
        new=new,
        changes=tuple(sorted(changes, key=lambda changed: order.index(changed.change))),
        unchanged=len(ids) - len(changes),
        environment=_differences(base.environment, new.environment),
        whole_run=whole_run,
    )


def _change(before: Test | None, now: Test | None, *, base_is_whole: bool, new_is_whole: bool) -> Change | None:
    if now is None:
        if new_is_whole:
            return Change.VANISHED
        # Such a source names all that is not well.
        return Change.FIXED if before and before.status in BAD else None
    if now.flaky:
        return Change.FLAKY
    was = before.status if before else None
    if now.status in BAD:
        return Change.STILL_FAILING if was in BAD else Change.NEW_FAILURE
    if before is None:
        if base_is_whole:
            return Change.APPEARED
        return Change.NEWLY_NOT_VERIFIED if now.status is Status.NOT_VERIFIED else None
    if now.status is was:
        return None
    if now.status is Status.NOT_VERIFIED:
        return Change.NEWLY_NOT_VERIFIED
    if now.status is Status.KNOWN_DEFECT:
        return Change.NEW_DEFECT if was is Status.PASSED else None
    return Change.FIXED if was in BAD or was is Status.KNOWN_DEFECT else None


def _slower(base: Mapping[str, Test], new: Mapping[str, Test]) -> tuple[frozenset[str], float | None]:
    """Ids of passes that took longer than noise explains, and the ratio by which all did where that is much.

    Durations vary by factors, so their ratios' logarithms are looked at. How much these scatter over all tests is the
    noise of this very pair of runs: a test is slower if it is so many deviations above the middle, half as long again
    as the middle explains, and a second. The middle and the deviation are medians, which a few slow tests do not move.
    """
    ratios = {test_id: math.log(pair[1] / pair[0]) for test_id, pair in _durations(base, new)}
    if not ratios:
        return frozenset(), None
    enough = len(ratios) >= _LEAST_PAIRS
    middle = statistics.median(ratios.values()) if enough else 0.0
    deviation = _SIGMA_PER_MAD * statistics.median(abs(ratio - middle) for ratio in ratios.values())
    threshold = max(_DEVIATIONS * (deviation if enough else _UNKNOWN_DEVIATION), math.log(_LEAST_RATIO))
    slower = frozenset(
        test_id
        for test_id, (before, now) in _durations(base, new)
        if ratios[test_id] - middle > threshold and now - before * math.exp(middle) > _LEAST_SECONDS
    )
    whole = math.exp(middle)
    lost = sum(now - before for _, (before, now) in _durations(base, new))
    return slower, whole if enough and whole > _WHOLE_RUN_RATIO and lost > _LEAST_SECONDS else None


def _durations(base: Mapping[str, Test], new: Mapping[str, Test]) -> Iterable[tuple[str, tuple[float, float]]]:
    for test_id, now in new.items():
        before = base.get(test_id)
        if before is None or before.status is not Status.PASSED or now.status is not Status.PASSED:
            continue
        if before.seconds and now.seconds:
            yield test_id, (before.seconds, now.seconds)


def _differences(base: Mapping[str, str], new: Mapping[str, str]) -> dict[str, tuple[str | None, str | None]]:
    names = dict.fromkeys([*base, *new])
    return {name: (base.get(name), new.get(name)) for name in names if base.get(name) != new.get(name)}
