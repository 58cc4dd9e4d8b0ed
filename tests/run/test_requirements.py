"""What was required and was not verified is told case by case; what nobody could meet is refused at the start."""

import pytest

from harness.run.record import CaseRecord, Outcome
from harness.run.requirements import RequirementError, check, forgiven, unmet, words

SEEN = {"api": "seen", "domain": "seen", "scheduler": "seen", "guest": "seen"}
IDS = ["XML-01", "XML-02", "MIG-01"]


def _case(case_id: str, outcome: Outcome = Outcome.PASSED, **layers: str) -> CaseRecord:
    return CaseRecord(
        id=case_id,
        section=case_id.split("-", 1)[0],
        title="t",
        outcome=outcome,
        layers=SEEN | layers,
        findings=[],
        reason=None,
        steps=[],
        seconds=1.0,
    )


def test_a_layer_that_a_passed_case_did_not_see_is_told() -> None:
    cases = [_case("XML-01"), _case("XML-02", guest="not verified: no agent")]
    assert unmet(["guest"], cases) == ["guest: XML-02: not verified: no agent"]
    assert unmet(["domain"], cases) == []


def test_a_case_that_was_not_verified_sees_no_layer() -> None:
    assert unmet(["api"], [_case("XML-01", Outcome.NOT_VERIFIED)]) == ["api: XML-01: seen"]


@pytest.mark.parametrize("outcome", [each for each in Outcome if each is not Outcome.PASSED])
@pytest.mark.parametrize("wanted", ["MIG", "mig-01", "MIG-*"])
def test_a_section_or_case_that_did_not_pass_is_told(wanted: str, outcome: Outcome) -> None:
    assert unmet([wanted], [_case("XML-01"), _case("MIG-01", outcome)]) == [f"{wanted}: MIG-01 {outcome.value}"]


def test_a_case_that_never_ran_does_not_meet_what_is_required() -> None:
    assert unmet(["MIG"], [_case("XML-01")]) == ["MIG: no such case has run"]


def test_what_no_case_of_the_run_could_meet_is_refused() -> None:
    check(words("guest, MIG,xml-0?"), IDS)
    with pytest.raises(RequirementError, match=r"--require gest: neither a layer \(api, domain, scheduler, guest\)"):
        check(["gest"], IDS)


def test_sections_are_forgiven_by_name_or_all() -> None:
    assert forgiven("mig", IDS) == ["MIG"]
    assert forgiven("all", IDS) == ["MIG", "XML"]
    assert forgiven(None, IDS) == []
    with pytest.raises(RequirementError, match=r"--allow-unverified LS: no such section in this run; it has MIG, XML"):
        forgiven("LS", IDS)
