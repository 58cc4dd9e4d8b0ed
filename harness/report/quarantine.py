"""The file of known failures: each with a reason, a link and a last day, after which it counts again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

from harness import toml_file
from harness.errors import HarnessError
from harness.report.outcomes import BAD, Results, Status, Test, of_run
from harness.run.record import RunRecord


class QuarantineFileError(HarnessError):
    """The quarantine file cannot be used as it is."""


class Entry(toml_file.Table):
    """`expires` is the last day on which the failure is held."""

    id: str
    reason: str
    link: str
    expires: date


class QuarantineFile(toml_file.Table):
    case: tuple[Entry, ...] = ()


class Standing(StrEnum):
    """What becomes of an entry. EXPIRED and PASSING are failures of the gate: the entry has to go or to be renewed."""

    HELD = "held"
    EXPIRED = "expired"
    PASSING = "passes again"
    NOT_RUN = "was not run"


@dataclass(frozen=True)
class Held:
    """An entry beside what its case did."""

    entry: Entry
    standing: Standing
    test: Test | None

    @property
    def line(self) -> str:
        entry = self.entry
        return f"{entry.id}: {self.standing}: {entry.reason} ({entry.link}; until {entry.expires})"


def read_quarantine(file: Path) -> tuple[Entry, ...]:
    """Raises QuarantineFileError, in one line with file and key."""
    entries = toml_file.read(file, QuarantineFile, QuarantineFileError, given_as="--quarantine").case
    ids = [entry.id for entry in entries]
    for test_id in ids:
        if ids.count(test_id) > 1:
            raise QuarantineFileError(f"{file}: case: {test_id} is there {ids.count(test_id)} times; keep one")
    return entries


def standings(entries: Iterable[Entry], results: Results, day: date) -> tuple[Held, ...]:
    return tuple(
        Held(entry, _standing(entry, results.tests.get(entry.id), day), results.tests.get(entry.id))
        for entry in entries
    )


def _standing(entry: Entry, test: Test | None, day: date) -> Standing:
    if test is not None and test.status is Status.PASSED and not test.flaky:
        return Standing.PASSING
    if entry.expires < day:
        return Standing.EXPIRED
    return Standing.NOT_RUN if test is None or test.status not in BAD else Standing.HELD


def held_ids(held: Iterable[Held]) -> frozenset[str]:
    """Whose failures do not count."""
    return frozenset(one.entry.id for one in held if one.standing is Standing.HELD)


def breaks_the_gate(held: Iterable[Held]) -> bool:
    return any(one.standing in (Standing.EXPIRED, Standing.PASSING) for one in held)


def exit_code(record: RunRecord, entries: Iterable[Entry], day: date | None = None) -> int:
    """The run's own, as if the held cases had not been asked for; 1 where an entry expired or its case passes."""
    held = standings(entries, of_run(record), day or today())
    left_out = held_ids(held)
    code = record.model_copy(update={"cases": [case for case in record.cases if case.id not in left_out]}).exit_code
    return 1 if code == 0 and breaks_the_gate(held) else code


def today() -> date:
    """In UTC, where an entry's last day ends for everyone at once."""
    return datetime.now(UTC).date()
