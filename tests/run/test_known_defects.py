"""A scale that meets a known defect: as built it is the case's outcome, anything third is a finding."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.reference.oddities import COUNTED_FOR_THE_CALLER, MOVED_FOR_NOTHING, STALE_SPEED, UNUSABLE_DIMM
from harness.reference.offering import CustomParameters
from harness.run.case import Case, RunContext
from harness.run.holds import Holds
from harness.run.record import CaseRecord, Outcome
from harness.run.session import Session
from harness.run.stage import Stage
from harness.verify.ways import Shown
from tests.conftest import SimulatedLab
from tests.run.stages import ALONE


def _outcome(case: Case, context: RunContext) -> CaseRecord:
    case.judge(None)
    return case.record(context)


@pytest.fixture
def case():
    case = Case("DEF-99", "What it shows.", "here", lambda _step: None)
    yield case
    case.close_stage()


@pytest.fixture
def context(session: Session, tmp_path: Path) -> RunContext:
    return RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main")


@pytest.fixture
def stage(case: Case, context: RunContext) -> Iterator[Stage]:
    yield case.open_stage(context, ALONE)
    case.close_stage()
    assert context.session.ledger.unsettled("DEF-99") == []


def test_a_defect_that_is_looked_for_and_shows_is_the_outcome(case: Case, context: RunContext, stage: Stage) -> None:
    stage.looks_for(UNUSABLE_DIMM)
    stage.instance(stage.fixed(1, 500, 256)).scale(stage.fixed(1, 500, 300))
    record = _outcome(case, context)
    assert record.outcome is Outcome.KNOWN_DEFECT
    assert record.known_defect is not None
    assert record.known_defect.id == "DEF-05"
    assert record.reason == record.known_defect.title
    assert record.known_defect.steps


def test_a_defect_that_is_not_looked_for_is_a_note(case: Case, context: RunContext, stage: Stage) -> None:
    stage.instance(stage.fixed(1, 500, 256)).scale(stage.fixed(1, 500, 300))
    record = _outcome(case, context)
    assert record.outcome is Outcome.PASSED
    assert record.known_defect is None
    assert [note.rule for note in record.notes if note.rule.startswith("DEF")] == ["DEF-05"]


def test_a_third_thing_is_a_finding(case: Case, context: RunContext, stage: Stage, lab: SimulatedLab) -> None:
    stage.looks_for(UNUSABLE_DIMM)
    instance = stage.instance(stage.fixed(1, 500, 256))
    request = instance.request(stage.fixed(1, 500, 300))
    request.send().wait()
    lab.hypervisors[stage.home.name].set_vcpus(instance.record.instance_name, 2)
    request.finish()
    record = _outcome(case, context)
    assert record.outcome is Outcome.FAILED
    assert {finding.what for finding in record.findings} >= {"current vCPUs"}
    assert stage.shown == {}


def test_a_defect_that_did_not_come_about_is_not_verified(case: Case, context: RunContext, stage: Stage) -> None:
    stage.looks_for(COUNTED_FOR_THE_CALLER)
    stage.instance(stage.fixed(1, 500, 256)).scale(stage.fixed(1, 500, 384))
    record = _outcome(case, context)
    assert (record.outcome, record.reason) == (Outcome.NOT_VERIFIED, "what would show the defect did not come about")


def test_what_only_the_next_start_shows_is_told_by_the_saved_speed(
    case: Case, context: RunContext, stage: Stage
) -> None:
    stage.looks_for(STALE_SPEED)
    instance = stage.instance(stage.unconstrained(), CustomParameters("1", "600", "256"))
    instance.scale(stage.constrained((1, 4), 700, (256, 1024), cap=True), CustomParameters("2", memory_mib="512"))
    assert stage.shown == {STALE_SPEED: Shown.AS_BUILT}
    instance.restart()
    assert instance.domain.shares == 1200
    assert _outcome(case, context).outcome is Outcome.KNOWN_DEFECT


def test_once_as_built_is_as_built(stage: Stage) -> None:
    stage.shows({MOVED_FOR_NOTHING: Shown.MENDED})
    assert stage.shown == {MOVED_FOR_NOTHING: Shown.MENDED}
    stage.shows({MOVED_FOR_NOTHING: Shown.AS_BUILT})
    stage.shows({MOVED_FOR_NOTHING: Shown.MENDED})
    assert stage.shown == {MOVED_FOR_NOTHING: Shown.AS_BUILT}
