"""What every result has in common, ours and others': tests by id, each with a status, its seconds and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from harness.report.overview import environment_facts
from harness.run.record import CaseRecord, Outcome, RunRecord


class Status(StrEnum):
    """`BAD` ones are failures; a test that flipped within one result is flaky whatever else it was."""

    PASSED = "passed"
    KNOWN_DEFECT = "known defect"
    FAILED = "failed"
    ERROR = "could not run"
    NOT_VERIFIED = "not verified"


BAD = frozenset({Status.FAILED, Status.ERROR})

STATUSES = {
    Outcome.PASSED: Status.PASSED,
    Outcome.KNOWN_DEFECT: Status.KNOWN_DEFECT,
    Outcome.FAILED: Status.FAILED,
    Outcome.COULD_NOT_RUN: Status.ERROR,
    Outcome.NOT_VERIFIED: Status.NOT_VERIFIED,
}
# The worst of several tries is what counts.
_WORST_FIRST = (Status.FAILED, Status.ERROR, Status.KNOWN_DEFECT, Status.NOT_VERIFIED, Status.PASSED)


@dataclass(frozen=True, slots=True)
class Test:
    """`seconds` is None where the result does not tell it; `flaky`: it passed in one try and failed in another."""

    id: str
    status: Status
    seconds: float | None
    text: str = ""
    flaky: bool = False

    __test__ = False


@dataclass(frozen=True)
class Results:
    """One run's tests by id. `whole` is False where a source names only what did not pass."""

    name: str
    tests: Mapping[str, Test]
    environment: Mapping[str, str] = field(default_factory=dict)
    started: datetime | None = None
    release: str | None = None
    whole: bool = True


def of_tests(tests: Iterable[Test]) -> dict[str, Test]:
    """By id; several tries of one test become one, with the worst status and the last try's seconds."""
    found: dict[str, Test] = {}
    for test in tests:
        before = found.get(test.id)
        found[test.id] = test if before is None else _both(before, test)
    return found


def _both(first: Test, second: Test) -> Test:
    worst = min(first, second, key=lambda test: _WORST_FIRST.index(test.status))
    flipped = len({first.status in BAD, second.status in BAD}) == 2 and Status.PASSED in (first.status, second.status)
    return Test(first.id, worst.status, second.seconds, worst.text, first.flaky or second.flaky or flipped)


def of_run(record: RunRecord) -> Results:
    return Results(
        name=record.run_id,
        tests=of_tests(_test(case) for case in record.cases),
        environment=dict(environment_facts(record.environment)),
        started=record.started,
        release=record.environment.release if record.environment else None,
    )


def _test(case: CaseRecord) -> Test:
    told = [str(finding) for finding in case.findings] or ([case.reason] if case.reason else [])
    return Test(case.id, STATUSES[case.outcome], case.seconds, "\n".join(told))
