"""The table that CloudStack's test bot posts under pull requests, in its very form.

The form was read off comments of blueorangutan under apache/cloudstack pull requests of 2026: bold title with the
test's number, four header lines, a sentence that counts files, and a table of what is neither passed nor well.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.report.markdown_text import fitting
from harness.report.overview import PLAYED_KINDS, ci_page, test_file, test_name
from harness.run.record import CaseRecord, Outcome, RunRecord

# GitHub refuses longer comments.
LONGEST_COMMENT = 65_536
_ROOM_FOR_THE_LAST_LINE = 40


class Word(StrEnum):
    """The results that the table knows."""

    FAILURE = "Failure"
    ERROR = "Error"
    SKIPPED = "Skipped"


@dataclass(frozen=True)
class Header:
    """`test_id` is what stands in "(tid-...)"; `seconds` of the whole run; `logs` an address or a path."""

    test_id: str
    environment: str
    seconds: float
    logs: str


@dataclass(frozen=True)
class FileCounts:
    """How many test files are all well, have an error or failure, or ran nothing."""

    well: int
    with_errors: int
    not_run: int


@dataclass(frozen=True)
class Row:
    """`seconds` None prints as "---", as the bot has it for what was skipped."""

    test: str
    result: Word
    seconds: float | None
    file: str


def comment(header: Header, counts: FileCounts, rows: Sequence[Row], longest: int = LONGEST_COMMENT) -> str:
    """The whole comment, at most `longest` bytes; rows that do not fit end in a line that counts them."""
    lines = [
        f"<b>[SF] Trillian test result (tid-{_cell(header.test_id)})</b>",
        f"Environment: {_cell(header.environment)}",
        f"Total time taken: {header.seconds:.0f} seconds",
        f"Marvin logs: {_cell(header.logs)}",
        f"Smoke tests completed. {counts.well} look OK, {counts.with_errors} have errors, {counts.not_run} did not run",
        "Only failed and skipped tests results shown below:",
        "",
        "Test | Result | Time (s) | Test File",
        "--- | --- | --- | ---",
    ]
    size = sum(len(line.encode()) + 1 for line in lines)
    kept, left_out = fitting(map(_line, rows), longest - _ROOM_FOR_THE_LAST_LINE, size)
    if left_out:
        kept.append(f"and {left_out} more")
    return "\n".join([*lines, *kept]) + "\n"


def _line(row: Row) -> str:
    seconds = "---" if row.seconds is None else f"{row.seconds:.2f}"
    return f"{_cell(row.test)} | `{row.result}` | {seconds} | {_cell(row.file)}"


def _cell(text: str) -> str:
    """Names as they are, but for what would break the table or the page."""
    line = " ".join(text.split())[:300]
    return line.replace("|", "\\|").replace("<", "&lt;").replace("@", "@\N{WORD JOINER}")


_WORDS = {
    Outcome.FAILED: Word.FAILURE,
    Outcome.COULD_NOT_RUN: Word.ERROR,
    Outcome.NOT_VERIFIED: Word.SKIPPED,
    Outcome.KNOWN_DEFECT: Word.SKIPPED,
}


def trillian(record: RunRecord) -> str:
    """A run in that form: files are the modules of the cases, a test is named by the case's id and the test's name."""
    end = record.finished or record.started
    return comment(
        Header(
            test_id=f"{record.started:%Y%m%d%H%M%S}",
            environment=_environment(record),
            seconds=(end - record.started).total_seconds(),
            logs=ci_page() or f"reports/{record.run_id}",
        ),
        _file_counts(record.cases),
        [_row(case) for case in record.cases if case.outcome is not Outcome.PASSED],
    )


def _environment(record: RunRecord) -> str:
    environment = record.environment
    if environment is None:
        return "none was reached"
    hypervisors = dict.fromkeys(f"libvirt{host.libvirt}-qemu{host.qemu}" for host in environment.hosts)
    kind = {"kvm": "kvm", "simulated": "simulator"}.get(environment.hosts_kind, "kvm")
    hosts = "-".join([kind, *hypervisors])
    zone = "Embedded lab" if environment.hosts_kind in PLAYED_KINDS else environment.endpoint
    return f"{hosts} (x{len(environment.hosts)}), zone: {zone} with Mgmt server {environment.cloudstack}"


def _file_counts(cases: Iterable[CaseRecord]) -> FileCounts:
    by_file: dict[str, set[Outcome]] = {}
    for case in cases:
        by_file.setdefault(test_file(case), set()).add(case.outcome)
    with_errors = sum(bool({Outcome.FAILED, Outcome.COULD_NOT_RUN} & seen) for seen in by_file.values())
    not_run = sum(seen == {Outcome.NOT_VERIFIED} for seen in by_file.values())
    return FileCounts(len(by_file) - with_errors - not_run, with_errors, not_run)


def _row(case: CaseRecord) -> Row:
    name = test_name(case)
    word = _WORDS[case.outcome]
    seconds = None if word is Word.SKIPPED else case.seconds
    return Row(case.id if name == case.id else f"{case.id} {name}", word, seconds, test_file(case))
