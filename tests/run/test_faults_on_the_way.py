"""What breaks on the way is no finding against CloudStack; a question is asked again, a change never is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cloud.client import ApiUnreachableError
from harness.lab.faults.order import FaultOrder
from harness.run.case import Case, RunContext
from harness.run.holds import Claim, Holds
from harness.run.record import Cause, Outcome
from harness.run.session import Session
from tests.conftest import SimulatedLab


@pytest.fixture
def case(session: Session, lab: SimulatedLab, tmp_path: Path) -> Iterator[Case]:
    case = Case("LS-99", "What it shows.", "test", lambda _: None)
    case.open_stage(RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main"), Claim(alone="zone", hosts=2))
    yield case
    lab.faults.clear()
    case.close_stage()


def _arm(lab: SimulatedLab, kind: str, **given: object) -> None:
    lab.faults.arm(FaultOrder.model_validate({"kind": kind, **given}))


def _scaled(case: Case, lab: SimulatedLab, *faults: dict[str, str]) -> None:
    stage = case._stage
    assert stage is not None
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    request = instance.request(stage.fixed(2, 500, 256))
    for fault in faults:
        _arm(lab, **fault)
    request.send().finish()


def test_differences_on_a_host_that_went_down_are_not_findings(case: Case, lab: SimulatedLab, tmp_path: Path) -> None:
    raised = None
    try:
        _scaled(case, lab, {"kind": "host-down", "host": "kvm1"})
    except Exception as failure:  # noqa: BLE001 - whatever the case could not go on after
        raised = failure
    verdict = case.judge(raised)
    assert (verdict.outcome, verdict.cause) == (Outcome.COULD_NOT_RUN, Cause.ENVIRONMENT)
    assert "kvm1" in str(verdict.reason)
    assert case.findings_text() == ""
    assert (tmp_path / "evidence" / "LS-99" / "api.jsonl").exists()


def test_differences_on_hosts_that_are_well_stay_findings(case: Case) -> None:
    verdict = case.judge(AssertionError("it is otherwise"))
    assert (verdict.outcome, verdict.cause) == (Outcome.FAILED, Cause.PRODUCT)


def test_a_question_is_asked_again_and_a_change_is_not(session: Session, lab: SimulatedLab) -> None:
    session.hosts()
    try:
        _arm(lab, "connection-reset", command="listHosts", times=2)
        assert session.hosts()
        # Sent again it would be answered.
        _arm(lab, "connection-reset", command="updateConfiguration", times=1)
        with pytest.raises(ApiUnreachableError):
            session.api.call("updateConfiguration", name="enable.dynamic.scale.vm", value="false")
    finally:
        lab.faults.clear()
