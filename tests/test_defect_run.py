"""Which defects count as caught, and a few of them tried in earnest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.defect_run import Plan, Verdict, clean_run, judge, names, trials
from harness.lab.defects.catalogue import found
from harness.lab.defects.defect import Sign
from harness.run.record import CaseRecord, FindingRecord, Outcome, RunRecord

DEFECT = found("quota-not-set")


def _finding(layer: str, what: str) -> FindingRecord:
    return FindingRecord(layer=layer, what=what, expected="1", observed="2", read_from="there", rule="quota")


def _case(name: str, outcome: Outcome, *findings: FindingRecord, reason: str | None = None) -> CaseRecord:
    return CaseRecord.model_construct(id=name, outcome=outcome, findings=list(findings), reason=reason)


def _run(*cases: CaseRecord, could_not_run: str | None = None) -> RunRecord:
    return RunRecord.model_construct(
        run_id="r", started=datetime.now(UTC), cases=list(cases), could_not_run=could_not_run
    )


@pytest.mark.parametrize(
    ("layer", "what", "yes"),
    [
        ("domain", "quota in us", True),
        ("domain", "period in us", False),
        ("scheduler", "quota in us", False),
        ("scheduler", "quota of vCPU 3 in us", True),
    ],
)
def test_a_finding_names_a_layer_and_the_begin_of_a_quantity(layer: str, what: str, yes: bool) -> None:
    sign = Sign(layer if yes else "domain", ("quota in us", "quota of vCPU"))
    assert names(sign, _finding(layer, what)) is yes


def test_a_defect_is_caught_by_the_cases_that_failed() -> None:
    first, second = _finding("domain", "quota in us"), _finding("scheduler", "vcpu_quota in us")
    trial = judge(
        DEFECT,
        _run(
            _case("CAP-01", Outcome.PASSED),
            _case("CAP-02", Outcome.FAILED, first, second),
            _case("CAP-03", Outcome.FAILED, second),
        ),
        1.5,
    )
    assert (trial.verdict, trial.cases, trial.layers) == (
        Verdict.CAUGHT,
        ("CAP-02", "CAP-03"),
        ("domain", "scheduler"),
    )
    assert (trial.finding, trial.seconds) == (first, 1.5)


def test_a_first_finding_that_names_something_else_is_told_apart() -> None:
    trial = judge(DEFECT, _run(_case("CAP-02", Outcome.FAILED, _finding("api", "job"))), 1.0)
    assert trial.verdict is Verdict.MISNAMED


@pytest.mark.parametrize(
    ("run", "verdict", "note"),
    [
        (_run(_case("CAP-02", Outcome.PASSED)), Verdict.MISSED, ""),
        (_run(_case("CAP-02", Outcome.NOT_VERIFIED, reason="needs room")), Verdict.BROKEN, "needs room"),
        (_run(_case("CAP-02", Outcome.COULD_NOT_RUN, reason="it broke")), Verdict.BROKEN, "it broke"),
        (_run(could_not_run="no cloud"), Verdict.BROKEN, "no cloud"),
    ],
)
def test_where_no_case_failed_a_defect_is_missed_or_was_never_looked_for(
    run: RunRecord, verdict: Verdict, note: str
) -> None:
    trial = judge(DEFECT, run, 1.0)
    assert (trial.verdict, trial.note, trial.finding) == (verdict, note, None)


def test_defects_are_tried_on_labs_of_their_own(tmp_path: Path) -> None:
    plan = Plan("simulated", "4.23", tmp_path / "state")
    tried = {
        "quota-not-set": "CAP-02",
        "shown-flag-inverted": "XML-01",
        "vcpus-by-restart": "LS-01",
        "capacity-counted-twice": "MIG-01",
    }
    wanted = [replace(found(name), sections=case) for name, case in tried.items()]
    for trial in trials(plan, wanted, workers=2):
        assert trial.verdict is Verdict.CAUGHT, trial
    assert list((tmp_path / "state").iterdir()) == []


def test_a_lab_that_does_not_come_up_is_a_verdict(tmp_path: Path) -> None:
    (trial,) = trials(Plan("no-such-hosts", "4.23", tmp_path), [DEFECT], workers=1)
    assert trial.verdict is Verdict.BROKEN
    assert "the lab did not come up" in trial.note


def test_no_case_blames_a_lab_without_a_defect(tmp_path: Path) -> None:
    assert clean_run(Plan("simulated", "4.23", tmp_path), "smoke") == []
