"""What GitHub shows of a run in CI: the step's summary, and annotations of the first failures."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from harness.report.overview import test_file
from harness.run.record import Outcome, RunRecord

# GitHub shows no more than these of one step and level.
_MOST_ANNOTATIONS = 10
_LONGEST_ANNOTATION = 4_000


def summary_file() -> Path | None:
    """Where this step's summary goes, or None outside of GitHub Actions."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(name) if name else None


def error_annotations(record: RunRecord) -> Iterator[str]:
    """Workflow commands for standard output: an error for each of the first failures, and one for a broken run."""
    lines = []
    if record.could_not_run is not None:
        lines.append(("could not run", "", record.could_not_run))
    for case in record.cases:
        if case.outcome is Outcome.FAILED:
            lines.append((case.id, test_file(case), "\n".join(map(str, case.findings))))
        elif case.outcome is Outcome.COULD_NOT_RUN:
            lines.append((case.id, test_file(case), case.reason or ""))
    for title, file, text in lines[:_MOST_ANNOTATIONS]:
        place = f"file=testcases/{_property(file)}," if file.endswith(".py") else ""
        yield f"::error {place}title={_property(title)}::{_data(text[:_LONGEST_ANNOTATION])}"


def _data(text: str) -> str:
    """As GitHub's toolkit escapes the text of a workflow command (@actions/core, command.ts)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
