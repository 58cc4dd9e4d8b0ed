"""A comparison as one HTML file."""

from __future__ import annotations

from harness.report.comparison import Change, Changed, Comparison
from harness.report.comparison_text import counted_changes, whole_run_line
from harness.report.html_text import render
from harness.report.page import CHANGE_TONES
from harness.report.quarantine import Held, breaks_the_gate

_NO_REGRESSION = (Change.FIXED, Change.APPEARED, Change.STILL_FAILING)


def comparison_html(compared: Comparison, held: tuple[Held, ...] = ()) -> str:
    groups: dict[Change, list[Changed]] = {}
    for changed in counted_changes(compared, held):
        groups.setdefault(changed.change, []).append(changed)
    return render(
        "comparison.html.j2",
        compared=compared,
        held=held,
        groups=list(groups.items()),
        tones=CHANGE_TONES,
        slower=whole_run_line(compared),
        worst=breaks_the_gate(held) or bool(set(groups) - set(_NO_REGRESSION)),
    )
