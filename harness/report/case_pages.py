"""The cases for people: as a table, and as the page docs/cases.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.report.markdown_text import escaped
from harness.report.text_table import table_lines

MARKDOWN_COMMAND = "cs-harness cases --markdown > docs/cases.md"
_SIGNS = "|*<>"


@dataclass(frozen=True)
class CaseLine:
    """A case as it can be listed without running it; `section` is its module's first line."""

    id: str
    title: str
    needs: str
    smoke: bool
    section: str


def cases_table(cases: Sequence[CaseLine]) -> str:
    """A line each: id, what it holds, what it shows."""
    rows = [(case.id, "smoke" if case.smoke else "", case.needs, case.title) for case in cases]
    return "\n".join(table_lines([("case", "", "needs", "what it shows"), *rows])) + "\n"


def cases_markdown(cases: Sequence[CaseLine]) -> str:
    """The text of docs/cases.md."""
    return "\n".join(_markdown_lines(cases)) + "\n"


def _markdown_lines(cases: Sequence[CaseLine]) -> Iterator[str]:
    yield "# The matrix"
    yield ""
    yield f"{len(cases)} cases. Made by `{MARKDOWN_COMMAND}`; do not edit it by hand."
    yield "[`writing-cases.md`](writing-cases.md) says how to add one. *Needs* is what a case holds for itself while it"
    yield "runs; `--select smoke` runs those marked so."
    section = None
    for case in cases:
        if case.section != section:
            section = case.section
            yield from (
                "",
                f"## {escaped(section, _SIGNS)}",
                "",
                "| case | | needs | what it shows |",
                "|---|---|---|---|",
            )
        yield f"| {case.id} | {'smoke' if case.smoke else ''} | {case.needs} | {escaped(case.title, _SIGNS)} |"
