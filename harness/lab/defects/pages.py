"""The catalogue as the page docs/defects.md."""

from __future__ import annotations

from collections.abc import Iterator

from harness.lab.defects.best import best_cases
from harness.lab.defects.catalogue import CATALOGUE
from harness.lab.defects.defect import Defect, Part

MARKDOWN_COMMAND = "cs-harness defects --markdown > docs/defects.md"


_INTRODUCTION = """\
The embedded lab and the checks share one reference, so a green run on the lab alone proves little. What proves that
the cases look is that each way of being wrong turns them red, and nothing else does. The lab can be given one of these
defects: `cs-harness lab up --defect ID`. `cs-harness defects` runs the cases of the sections named here against a lab
with each of them, and prints which cases and layers caught it, in what time, and the first finding. A defect that no
case catches makes it fail, and so does a first finding that names another layer or quantity, and a case that reports
anything on a lab without a defect. `--quick` takes the two cases that show a defect best (the last column), both of
which must catch it; that is part of CI. `--keep-best` writes that column anew after a run against whole sections, with
`--only ID` that of single defects. `--hosts kvm` tries what lives in agent, libvirt, kernel or guest on real
hosts. How good the tests of reference and comparisons are is told in [`mutation-testing.md`](mutation-testing.md)."""


def catalogue_markdown() -> str:
    """The text of docs/defects.md."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Why trust a green run: the catalogue of defects"
    yield ""
    yield f"Made by `{MARKDOWN_COMMAND}` from the code in `harness/lab/defects`; do not edit it by hand."
    yield ""
    yield _INTRODUCTION
    yield ""
    yield f"{len(CATALOGUE)} defects. Those with a * can be had on simulated hosts only."
    for part in Part:
        here = [defect for defect in CATALOGUE.values() if defect.part is part]
        if not here:
            continue
        yield from ("", f"## {str(part)[0].upper()}{str(part)[1:]}", "")
        yield "| id | what is wrong | how it may come about | sections | first finding | best seen by |"
        yield "|---|---|---|---|---|---|"
        yield from map(_row, here)


def _row(defect: Defect) -> str:
    mark = "" if defect.on_kvm else " *"
    best, sections = ", ".join(best_cases()[defect.id]), defect.sections.replace(",", ", ")
    cells = (f"`{defect.id}`{mark}", defect.says, defect.story, sections, str(defect.sign), best)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
