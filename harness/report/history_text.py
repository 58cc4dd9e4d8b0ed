"""The history for people: on a terminal, and as an HTML page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.report.history import ReleaseTrend, Run, Trend, releases
from harness.report.html_text import render
from harness.report.outcomes import Status
from harness.report.text_table import table_lines

SIGNS = {
    Status.PASSED: "+",
    Status.KNOWN_DEFECT: "d",
    Status.FAILED: "F",
    Status.ERROR: "E",
    Status.NOT_VERIFIED: ".",
}
# Rows of the page beyond these would make it slow; the terminal shows all.
_MOST_ROWS = 600


def history_text(runs: Sequence[Run], trends: Sequence[Trend]) -> str:
    return "\n".join(_lines(runs, trends)) + "\n"


def _lines(runs: Sequence[Run], trends: Sequence[Trend]) -> Iterator[str]:
    if not runs:
        yield "no run is in the history"
        return
    first, last = runs[0].started, runs[-1].started
    yield f"{len(runs)} runs, {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, the newest to the right"
    yield "  ".join(f"{sign} {status}" for status, sign in SIGNS.items()) + "  (blank: was not in that run)"
    yield ""
    rows: list[tuple[str, ...]] = [("case", "trend", "passed", "flips", "", "median s", "last s")]
    rows += [_row(runs, trend) for trend in trends]
    yield from table_lines(rows, right=frozenset({2, 3, 5, 6}))
    yield ""
    heading = ("release", "runs", *(str(status) for status in Status), "failing now")
    yield from table_lines([heading, *map(_release_row, releases(trends))], right=frozenset(range(1, 7)))


def _row(runs: Sequence[Run], trend: Trend) -> tuple[str, ...]:
    by_run = {look.run.number: look for look in trend.looks}
    signs = "".join(SIGNS[by_run[run.number].status] if run.number in by_run else " " for run in runs)
    rate = trend.pass_rate
    return (
        trend.id,
        signs,
        "" if rate is None else f"{rate:.0%}",
        str(trend.flips),
        "flaky" if trend.is_flaky else "",
        "" if trend.median_seconds is None else f"{trend.median_seconds:.1f}",
        f"{trend.durations[-1]:.1f}" if trend.durations else "",
    )


def _release_row(release: ReleaseTrend) -> tuple[str, ...]:
    counts = (str(release.counts[status] or "") for status in Status)
    failing = ", ".join(release.failing[:5]) + (" ..." if len(release.failing) > 5 else "")
    return (release.release, str(release.runs), *counts, failing)


def history_html(runs: Sequence[Run], trends: Sequence[Trend]) -> str:
    """Cases that fail or flip first."""
    ordered = sorted(trends, key=lambda trend: (not trend.is_flaky, trend.pass_rate == 1.0, trend.id))
    return render(
        "history.html.j2",
        runs=runs,
        trends=[(trend, _cells(runs, trend), _line(trend)) for trend in ordered[:_MOST_ROWS]],
        left_out=max(0, len(ordered) - _MOST_ROWS),
        releases=releases(trends),
        statuses=list(Status),
    )


def _cells(runs: Sequence[Run], trend: Trend) -> list[Status | None]:
    by_run = {look.run.number: look.status for look in trend.looks}
    return [by_run.get(run.number) for run in runs]


def _line(trend: Trend, width: float = 120, height: float = 24) -> str:
    """The points of a line over the durations of passes, empty where fewer than two are known."""
    known = trend.durations
    if len(known) < 2:
        return ""
    longest = max(known) or 1.0
    step = width / (len(known) - 1)
    return " ".join(
        f"{place * step:.1f},{height - 2 - (height - 4) * seconds / longest:.1f}" for place, seconds in enumerate(known)
    )
