"""What the forms of a run are made of: its record, what changed since the run before it, and what is in quarantine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.report.comparison import Comparison, compare
from harness.report.outcomes import Results, of_run
from harness.report.outline import read_outline
from harness.report.quarantine import Entry, Held, standings, today
from harness.report.reading import read_run
from harness.run.record import RESULTS_FILE, RunRecord

# Runs before this one that are looked at for one to compare with.
_LOOKED_AT = 10


@dataclass(frozen=True)
class Subject:
    record: RunRecord
    since: Comparison | None = None
    held: tuple[Held, ...] = ()


def subject(folder: Path, quarantine: Iterable[Entry] = ()) -> Subject:
    """Of a run's folder or its results.json. Raises UnreadableResultError."""
    record = read_run(folder)
    before = _run_before(folder if folder.is_dir() else folder.parent, record)
    now = of_run(record)
    return Subject(
        record,
        None if before is None else compare(before, now),
        standings(quarantine, now, today()),
    )


def _run_before(folder: Path, record: RunRecord) -> Results | None:
    """The newest finished run beside this one that began earlier and had the same selection."""
    own = folder.resolve()
    names = sorted((path.name for path in own.parent.iterdir() if path.name < own.name), reverse=True)
    earlier = [own.parent / name for name in names if (own.parent / name / RESULTS_FILE).is_file()]
    for path in earlier[:_LOOKED_AT]:
        if path.is_symlink():
            continue
        try:
            found = read_outline(path)
        except HarnessError:
            continue  # a run of another schema, or one that was cut short, is none to compare with
        same = found.selection == record.selection and found.started < record.started
        if same and found.finished is not None and found.results.tests:
            return found.results
    return None
