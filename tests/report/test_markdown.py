"""Markdown for pull requests and for GitHub's step summary."""

from harness.report.markdown import report_markdown, summary_markdown
from harness.report.reading import printable
from harness.report.subject import Subject
from harness.run.record import Outcome
from tests.report.runs import (
    HOSTILE,
    SEEN,
    make_case,
    make_defect,
    make_finding,
    make_run,
    make_scale,
    make_size,
    make_start,
)


def test_the_head_tells_verdict_environment_and_sections() -> None:
    text = report_markdown(
        Subject(make_run(make_case("XML-01"), make_case("LS-01", Outcome.FAILED, findings=[make_finding()])))
    )
    lines = text.splitlines()
    assert lines[0] == "## ❌ Live scaling on CloudStack 4.23.0.0: not as predicted"
    assert "**1 passed, 1 failed** in 61 s" in lines[2]
    assert "| XML | 1 |  |" in lines
    assert "| LS |  | 1 |" in lines
    assert "  - domain: shares should be **1**, is **2** (virsh dumpxml; rule `shares`)" in lines


def test_matrix_and_switches_are_tables() -> None:
    after = make_size("custom constrained", cpu_cap=True)
    case = make_case("LS-01", scales=[make_scale(after=after)], starts=[make_start(), make_start(zone_switch=False)])
    text = report_markdown(Subject(make_run(case)))
    assert "| **fixed** |  |  |  | ✅ in place |  |  |" in text
    assert "| on | on | on | on | ✅ prepared |" in text
    assert "| off | on | on | on | ✅ prepared |" in text


def test_what_nobody_looked_at_and_known_defects_stand_apart() -> None:
    run = make_run(
        make_case("XML-01", layers=SEEN | {"guest": "not verified: no agent"}),
        make_case("XML-02", Outcome.NOT_VERIFIED, reason="needs a second host"),
        make_case("XML-03", Outcome.KNOWN_DEFECT, known_defect=make_defect()),
    )
    text = report_markdown(Subject(run))
    assert "- ⚪ XML-02: needs a second host" in text
    assert "- ⚪ XML-01: passed without a look at a layer: guest: no agent" in text
    assert "- 🐞 **XML-03** What XML-03 shows \\[and more\\]." in text
    assert "  - promised: a\n  - seen: b" in text


def test_both_keep_below_githubs_limits_and_say_what_is_left_out() -> None:
    cases = [
        make_case(f"LS-{number}", Outcome.FAILED, title="ü" * 200, findings=[make_finding()] * 3)
        for number in range(3000)
    ]
    report, summary = report_markdown(Subject(make_run(*cases))), summary_markdown(Subject(make_run(*cases)))
    assert len(report.encode()) <= 65_536
    assert len(summary.encode()) <= 1_000_000
    assert len(summary) > len(report) * 4
    assert "more lines: see the whole report" in report


def test_hostile_text_makes_no_markup_and_mentions_nobody() -> None:
    name = printable(HOSTILE)
    case = make_case("X-1", Outcome.FAILED, title=name, reason=name, findings=[make_finding(observed=name)])
    text = report_markdown(Subject(make_run(case)))
    assert "<script" not in text.replace("\\<", "")
    assert "@everyone" not in text
    assert "](javascript" not in text.replace("\\]", "")
