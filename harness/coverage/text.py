"""What is told of a change's coverage: to a console, and as Markdown for a comment under a pull request."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from harness.coverage.result import ChangeCoverage, ChangedFile, ChangedLine, Reached
from harness.report.reading import printable

_RAN = (Reached.FULLY, Reached.PARTLY)
_MISSED = (Reached.NEVER, Reached.ONLY_BEFORE, Reached.PARTLY)


def markdown(told: ChangeCoverage) -> str:
    """Totals, a row for each method, and every line that was not wholly exercised."""
    rows = [
        "| file and method | changed lines with code | exercised | by sections |",
        "|---|---|---|---|",
        *(row for file in told.files for row in _rows(file)),
    ]
    parts = [f"## Coverage of {_cell(told.diff)}", *_summary(told), "\n".join(rows)]
    missed = [file for file in told.files if file.count(*_MISSED)]
    if missed:
        parts += ["### What was not exercised", *(_missed_block(file) for file in missed)]
    return "\n\n".join(parts) + "\n"


def console_lines(told: ChangeCoverage) -> Iterator[str]:
    """The same as plain lines."""
    yield from _summary(told)
    for file in told.files:
        yield f"{printable(file.path)}: {_share(file.lines)}"
        for method, lines in _methods(file):
            yield f"  {printable(method)}: {_share(lines)}{_by(lines)}"
        for line in file.lines:
            if line.reached in _MISSED:
                yield f"    {line.number}: {_how(line)}: {printable(line.text.strip())}"


def _summary(told: ChangeCoverage) -> list[str]:
    ran, code = told.count(*_RAN), told.with_code
    lines = [
        f"{ran} of {code} changed lines with code were exercised by the sections {', '.join(told.sections)}; "
        f"{told.count(Reached.PARTLY)} of them only partly, {told.count(Reached.NEVER)} were not reached, "
        f"{told.count(Reached.ONLY_BEFORE)} ran before the first case only; {told.count(Reached.NO_CODE)} have no code."
    ]
    if not told.sources_checked:
        lines.append("Nobody checked that the diff is of the sources that were built: their place is not known.")
    lines += [f"Not looked at: {printable(line)}" for line in told.lacking]
    if told.others:
        lines.append(f"No Java below src/main: {', '.join(map(printable, told.others))}.")
    return lines


def _methods(file: ChangedFile) -> Iterator[tuple[str, list[ChangedLine]]]:
    with_code = sorted((line for line in file.lines if line.method is not None), key=lambda line: str(line.method))
    groups = [(str(method), list(lines)) for method, lines in groupby(with_code, key=lambda line: line.method)]
    yield from sorted(groups, key=lambda group: group[1][0].number)


def _rows(file: ChangedFile) -> Iterator[str]:
    code = [line for line in file.lines if line.reached is not Reached.NO_CODE]
    yield f"| **{_cell(file.path)}** | {len(code)} | {_ran(code)} | |"
    for method, lines in _methods(file):
        sections = sorted({section for line in lines for section in line.sections})
        yield f"| {_cell(method)} | {len(lines)} | {_ran(lines)} | {', '.join(sections) or 'none'} |"


def _missed_block(file: ChangedFile) -> str:
    lines = [
        f"{line.number:6d}  {_how(line):30s}  {printable(line.text.strip())}"
        for line in file.lines
        if line.reached in _MISSED
    ]
    # Longer than any run of backticks in the code itself.
    fence = "`" * 3
    while any(fence in line for line in lines):
        fence += "`"
    return "\n".join([f"{_cell(file.path)}:", "", f"{fence}text", *lines, fence])


def _how(line: ChangedLine) -> str:
    if line.reached is Reached.PARTLY and line.branches:
        return f"{line.branches - line.missed_branches} of {line.branches} branches"
    return line.reached.value


def _share(lines: list[ChangedLine]) -> str:
    code = [line for line in lines if line.reached is not Reached.NO_CODE]
    return f"{_ran(code)} of {len(code)} changed lines with code exercised" if code else "no changed line has code"


def _by(lines: list[ChangedLine]) -> str:
    sections = sorted({section for line in lines for section in line.sections})
    return f" by {', '.join(sections)}" if sections else ""


def _ran(lines: list[ChangedLine]) -> int:
    return sum(line.reached in _RAN for line in lines)


def _cell(text: str) -> str:
    """Text in which Markdown finds nothing."""
    return "`" + printable(text).replace("`", "'").replace("|", "\\|") + "`"
