"""Writes a run's forms beside its results.json. One that cannot be made is told in a line and costs the run nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.errors import HarnessError
from harness.report.console import PAGE_FILE
from harness.report.github import error_annotations, summary_file
from harness.report.history import opened
from harness.report.junit import junit_xml
from harness.report.markdown import LONGEST_SUMMARY, report_markdown, summary_markdown
from harness.report.outcomes import of_run
from harness.report.page import run_html
from harness.report.quarantine import Entry
from harness.report.reading import printable
from harness.report.replacing import replace_text
from harness.report.subject import Subject, subject
from harness.report.trillian import trillian


@dataclass(frozen=True)
class Form:
    file: str
    render: Callable[[Subject], str]


FORMS = {
    "html": Form(PAGE_FILE, run_html),
    "junit": Form("junit.xml", junit_xml),
    "markdown": Form("report.md", report_markdown),
    "trillian": Form("trillian.md", lambda about: trillian(about.record)),
    "summary": Form("summary.md", summary_markdown),
}


def write_all(folder: Path, quarantine: Iterable[Entry] = ()) -> list[str]:
    """Every form beside the folder's results.json, at a run's end; in GitHub Actions the step's summary too.

    Returns the lines that are to be printed: how quarantined cases did, what could not be written,
    and annotations for GitHub. Raises nothing.
    """
    try:
        about = subject(folder, quarantine)
    except HarnessError as failure:
        return [f"no report was written: {failure}"]
    lines = [f"quarantine: {one.line}" for one in about.held]
    lines += write(about, folder, FORMS) + _into_history(about, folder)
    summary = summary_file()
    if summary is not None:
        lines += _append_summary(about, summary)
        lines += map(printable, error_annotations(about.record))
    return lines


def write(about: Subject, folder: Path, names: Iterable[str]) -> list[str]:
    """The forms of these names; returns a line for each that could not be written."""
    lines = [_attempt(folder / FORMS[name].file, partial(FORMS[name].render, about)) for name in names]
    return [line for line in lines if line]


def _attempt(file: Path, render: Callable[[], str]) -> str | None:
    try:
        replace_text(file, render())
    except Exception as failure:  # noqa: BLE001 - whatever is wrong with a form, the run and its other forms stand
        return f"{file} could not be written: {type(failure).__name__}: {' '.join(str(failure).split())[:300]}"
    return None


def _into_history(about: Subject, folder: Path) -> list[str]:
    """Beside the folders of the runs, unless CS_HARNESS_HISTORY names another place."""
    file = Path(os.environ.get("CS_HARNESS_HISTORY") or folder.resolve().parent / "history.sqlite")
    try:
        with opened(file) as history:
            history.add(of_run(about.record))
    except HarnessError as failure:
        return [f"the run is not in the history: {failure}"]
    return []


def _append_summary(about: Subject, file: Path) -> list[str]:
    """Above its limit GitHub drops the whole summary of a step, so what other commands wrote there counts."""

    def text() -> str:
        before = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        own = summary_markdown(about)
        if len(before.encode()) + len(own.encode()) > LONGEST_SUMMARY:
            own = report_markdown(about)
        return before + own

    line = _attempt(file, text)
    return [line] if line else []
