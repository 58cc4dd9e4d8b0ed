"""Which defects count as caught, and a few of them tried in earnest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.defects import bench as defects_bench
from harness.defects.bench import Plan, bench, memory_for
from harness.defects.trials import DefectRun, Verdict, defect_run, judge, names
from harness.lab.control import LabFailedError
from harness.lab.defects.catalogue import found
from harness.lab.defects.defect import Sign
from harness.run.record import CaseRecord, FindingRecord, Outcome, RunRecord

DEFECT = found("quota-not-set")


def _finding(layer: str, what: str) -> FindingRecord:
    return FindingRecord(layer=layer, what=what, expected="1", observed="2", read_from="there", rule="quota")


def _case(
    name: str, outcome: Outcome, *findings: FindingRecord, reason: str | None = None, steps: int = 0
) -> CaseRecord:
    return CaseRecord.model_construct(
        id=name, outcome=outcome, findings=list(findings), reason=reason, steps=[None] * steps
    )


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


def test_each_of_the_two_best_cases_has_to_catch() -> None:
    seen = _finding("domain", "quota in us")
    run = _run(_case("CAP-01", Outcome.PASSED), _case("CAP-02", Outcome.FAILED, seen))
    assert judge(DEFECT, run, 1.0, ["CAP-02"]).verdict is Verdict.CAUGHT
    blind = judge(DEFECT, run, 1.0, ["CAP-01", "CAP-02"])
    assert (blind.verdict, blind.note) == (Verdict.MISSED, "by CAP-01")


def test_the_cases_that_name_what_is_wrong_are_told_those_with_few_steps_first() -> None:
    named, other = _finding("domain", "quota in us"), _finding("api", "job")
    run = _run(
        _case("CAP-01", Outcome.FAILED, named, steps=3),
        _case("CAP-02", Outcome.FAILED, other, steps=1),
        _case("CAP-03", Outcome.FAILED, named, steps=2),
    )
    assert judge(DEFECT, run, 1.0).naming == ("CAP-03", "CAP-01")


def test_defects_are_tried_side_by_side_on_labs_that_begin_anew_each_time(tmp_path: Path) -> None:
    tried = {
        "quota-not-set": "CAP-02",
        "shown-flag-inverted": "XML-01",
        "vcpus-by-restart": "LS-01",
        "capacity-counted-twice": "MIG-01",
    }
    with defect_run(Plan("simulated", "4.23", tmp_path / "state"), workers=2) as run:
        done = list(run.trials([(found(name), case) for name, case in tried.items()], all_must_catch=True))
        # What a defect left behind is gone: the same labs are clean now.
        assert list(run.clean_runs([1, 2], "smoke")) == [[], []]
    assert [trial.defect.id for trial in done] == list(tried)
    assert [trial for trial in done if trial.verdict is not Verdict.CAUGHT] == []
    assert list((tmp_path / "state").iterdir()) == []


def test_a_case_that_fails_leaves_its_record_and_no_evidence(tmp_path: Path) -> None:
    with bench(Plan("simulated", "4.23", tmp_path / "state")) as lab:
        [case] = lab.run("quota-not-set", "CAP-02").cases
        assert (case.outcome, case.evidence) == (Outcome.FAILED, [])
        assert list((tmp_path / "state").glob("*/reports/**/evidence")) == []


def test_a_clean_lab_that_is_blamed_is_told_with_seed_and_finding(tmp_path: Path) -> None:
    class Spoilt:
        """A lab that is said to be clean and is not."""

        def run(self, defect_id: str | None, select: str | None, shuffle: int | None) -> RunRecord:
            return good.run(defect_id or "shown-flag-inverted", select, shuffle)

        def give_up(self) -> None:
            good.give_up()

    with bench(Plan("simulated", "4.23", tmp_path)) as good:
        run = DefectRun([Spoilt()])
        ((blame,),) = run.clean_runs([7], "XML-01")
        run.close()
    assert (blame.seed, blame.case) == (7, "XML-01")
    assert blame.says.startswith("api: instance flag should be True, is False")


def test_cases_that_leave_no_record_are_a_verdict(tmp_path: Path) -> None:
    with defect_run(Plan("simulated", "4.23", tmp_path), workers=1) as run:
        (trial,) = run.trials([(DEFECT, "NO-SUCH")])
    assert trial.verdict is Verdict.BROKEN
    assert "NO-SUCH" in trial.note or "left no record" in trial.note


def test_only_simulated_hosts_are_kept_in_memory_and_only_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(defects_bench, "_NEEDED_BYTES", 1)
    assert memory_for("simulated") == defects_bench._IN_MEMORY
    assert memory_for("kvm") is None
    monkeypatch.setattr(defects_bench, "_NEEDED_BYTES", 1 << 60)
    assert memory_for("simulated") is None
    monkeypatch.setattr(defects_bench, "_NEEDED_BYTES", 1)
    monkeypatch.setattr(defects_bench, "_IN_MEMORY", Path("/no/such/folder"))
    assert memory_for("simulated") is None


def test_a_lab_that_does_not_come_up_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(LabFailedError, match="the lab did not come up"), bench(Plan("no-such-hosts", "4.23", tmp_path)):
        pass
