"""A run as one HTML file: verdict, matrix in pictures, time line, and a page for each case."""

from __future__ import annotations

from markupsafe import Markup

from harness.reference.catalogue import RULES
from harness.report import matrix, pictures
from harness.report.comparison import Change
from harness.report.html_text import render
from harness.report.overview import Overview, Verdict, overview
from harness.report.page_data import details_json, keys, list_json, script_json
from harness.report.subject import Subject
from harness.run.record import CaseRecord, Outcome, RunRecord

TONES = {Verdict.GOOD: "good", Verdict.BAD: "bad", Verdict.UNPROVEN: "unproven", Verdict.UNFINISHED: "unfinished"}
CHANGE_TONES = {
    Change.NEW_FAILURE: "o-failed",
    Change.STILL_FAILING: "o-failed",
    Change.FLAKY: "o-could-not-run",
    Change.NEW_DEFECT: "o-known-defect",
    Change.NEWLY_NOT_VERIFIED: "o-not-verified",
    Change.VANISHED: "o-not-verified",
    Change.SLOWER: "o-could-not-run",
    Change.FIXED: "o-passed",
    Change.APPEARED: "o-passed",
}


def run_html(about: Subject) -> str:
    record = about.record
    seen = overview(record)
    named = list(zip(keys(record), record.cases, strict=True))
    all_ceilings = list(matrix.ceilings(record))
    hosts, arrows = pictures.migration_arrows(matrix.migrations(record))
    return render(
        "run.html.j2",
        script="page.js",
        record=record,
        seen=seen,
        tone=TONES[seen.verdict],
        wrong=[(key, case) for key, case in named if case.outcome in (Outcome.FAILED, Outcome.COULD_NOT_RUN)],
        defects=[(key, case) for key, case in named if case.outcome is Outcome.KNOWN_DEFECT],
        unseen=_unseen(record, seen),
        since=about.since,
        told_changes=[one for one in about.since.changes if one.change is not Change.APPEARED] if about.since else [],
        held=about.held,
        change_tones=CHANGE_TONES,
        classes={kind: matrix.class_name(*kind) for kind in matrix.CLASSES},
        transitions=matrix.transitions(record),
        switch_names=matrix.SWITCHES,
        switches=pictures.seen_switches(record),
        ceilings={unit: pictures.ceiling_bars(all_ceilings, unit) for unit in ("vCPUs", "MiB")},
        plot=pictures.quota_plot(matrix.quotas(record)),
        hosts=hosts,
        arrows=arrows,
        line=pictures.time_line(record),
        waits=pictures.longest_waits(record),
        # script_json leaves nothing in these that could end their elements.
        list_json=Markup(list_json(record)),  # noqa: S704
        details_json=Markup(details_json(record)),  # noqa: S704
        rules_json=Markup(script_json(_rules(record.cases))),  # noqa: S704
    )


def _unseen(record: RunRecord, seen: Overview) -> list[tuple[str, list[str]]]:
    """Reasons with the ids of cases: what was not verified, then layers that passes lack."""
    reasons: dict[str, list[str]] = {}
    for case in record.cases:
        if case.outcome is Outcome.NOT_VERIFIED:
            reasons.setdefault(case.reason or "no reason was told", []).append(case.id)
    by_number = sorted(reasons.items(), key=lambda item: -len(item[1]))
    return [*by_number, *seen.unseen.items()]


def _rules(cases: list[CaseRecord]) -> dict[str, dict[str, str]]:
    """Those that findings and notes name, and no others."""
    named = {finding.rule for case in cases for finding in case.findings}
    named |= {note.rule for case in cases for note in case.notes}
    return {
        rule_id: {"says": rule.says, "note": rule.note, "source": rule.source, "certainty": str(rule.certainty)}
        for rule_id, rule in RULES.items()
        if rule_id in named
    }
