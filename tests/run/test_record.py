"""The record of a run: verdicts, exit codes and the file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.run.record import (
    CaseRecord,
    NoFolderError,
    Outcome,
    RunFolder,
    RunRecord,
    case_outcome,
    layer_lines,
    load,
)
from harness.verify.finding import HOST_SIDE_LAYERS, Comparison, Finding, Layer

FINDING = Finding(Layer.API, "state", "Running", "Stopped", "listVirtualMachines", "in-place")
ALL_SEEN = Comparison((), frozenset(Layer), {})


def _case(outcome: Outcome, case_id: str = "XML-01") -> CaseRecord:
    return CaseRecord(
        id=case_id,
        section=case_id.split("-")[0],
        title="t",
        outcome=outcome,
        layers={},
        findings=[],
        reason=None,
        steps=[],
        seconds=1.0,
    )


def test_a_case_passes_only_with_all_required_layers_seen_and_nothing_found() -> None:
    assert case_outcome(ALL_SEEN, HOST_SIDE_LAYERS) == (Outcome.PASSED, None)
    assert case_outcome(Comparison((FINDING,), frozenset(Layer), {}), HOST_SIDE_LAYERS) == (Outcome.FAILED, None)
    without_guest = Comparison((), frozenset(Layer) - {Layer.GUEST}, {Layer.GUEST: "silent"})
    assert case_outcome(without_guest, HOST_SIDE_LAYERS)[0] is Outcome.PASSED
    assert case_outcome(without_guest, tuple(Layer)) == (Outcome.NOT_VERIFIED, "guest: silent")


@pytest.mark.parametrize("layer", [Layer.API, Layer.DOMAIN, Layer.SCHEDULER])
def test_a_case_that_could_not_look_is_not_verified(layer: Layer) -> None:
    blind = Comparison((), frozenset(Layer) - {layer}, {layer: "no virsh"})
    assert case_outcome(blind, HOST_SIDE_LAYERS) == (Outcome.NOT_VERIFIED, f"{layer}: no virsh")
    never = Comparison((), frozenset(Layer) - {layer}, {})
    assert case_outcome(never, HOST_SIDE_LAYERS) == (Outcome.NOT_VERIFIED, f"{layer}: never looked at")


def test_layers_say_that_they_were_seen_or_why_not() -> None:
    lines = layer_lines(Comparison((), frozenset({Layer.API}), {Layer.GUEST: "no agent"}))
    assert lines == {
        "api": "seen",
        "domain": "not verified: never looked at",
        "scheduler": "not verified: never looked at",
        "guest": "not verified: no agent",
    }


@pytest.mark.parametrize(
    ("outcomes", "exit_code"),
    [
        ([Outcome.PASSED], 0),
        ([Outcome.PASSED, Outcome.NOT_VERIFIED], 0),
        ([Outcome.PASSED, Outcome.FAILED], 1),
        ([Outcome.FAILED, Outcome.COULD_NOT_RUN], 1),
        ([Outcome.PASSED, Outcome.COULD_NOT_RUN], 2),
        ([Outcome.NOT_VERIFIED], 2),
        ([], 2),
    ],
)
def test_the_exit_code_is_zero_only_where_something_was_proved(outcomes: list[Outcome], exit_code: int) -> None:
    record = RunRecord(run_id="r", started="2026-01-01T00:00:00Z", cases=[_case(outcome) for outcome in outcomes])
    assert record.exit_code == exit_code


def test_a_section_that_nobody_looked_at_and_leftovers_are_no_success() -> None:
    cases = [_case(Outcome.PASSED), _case(Outcome.NOT_VERIFIED, "LS-01")]
    assert RunRecord(run_id="r", started="2026-01-01T00:00:00Z", cases=cases).exit_code == 2
    with_leftover = RunRecord(
        run_id="r", started="2026-01-01T00:00:00Z", cases=[_case(Outcome.PASSED)], leftovers=["instance x"]
    )
    assert with_leftover.exit_code == 2


def test_the_file_can_be_read_after_every_case_and_latest_points_to_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert load(tmp_path / "latest").cases == []
    folder.add(_case(Outcome.PASSED))
    unfinished = load(tmp_path / "latest")
    assert [case.id for case in unfinished.cases] == ["XML-01"]
    assert unfinished.finished is None
    folder.finish()
    assert load(folder.path).finished is not None
    assert sorted(path.name for path in folder.path.iterdir()) == ["results.json"]


def test_a_clock_that_jumped_meanwhile_makes_no_run_longer_or_shorter(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for said in (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)):
        folder.record.started = said
        folder.finish()
        assert folder.record.finished is not None
        assert 0 <= (folder.record.finished - said).total_seconds() < 60


def test_the_file_is_the_record_as_a_whole_whatever_texts_are_in_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    hostile = 'two\nlines, "quotes" and\n  "cases": [],\n'
    for outcome in (Outcome.PASSED, Outcome.FAILED):
        folder.record.warnings.append(hostile)
        folder.add(_case(outcome).model_copy(update={"reason": hostile}))
        assert (folder.path / "results.json").read_text() == folder.record.model_dump_json(indent=2) + "\n"


def test_where_no_folder_can_be_made_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NoFolderError, match=f"{file} is no folder, and a run's report goes there"):
        RunFolder(file)
    with pytest.raises(NoFolderError, match="Not a directory; a run's report goes there"):
        RunFolder(file / "below")


def test_runs_of_one_process_in_one_second_have_folders_of_their_own(tmp_path: Path) -> None:
    folders = [RunFolder(tmp_path) for _ in range(50)]
    assert len({folder.record.run_id for folder in folders}) == 50
    assert all(load(folder.path).run_id == folder.path.name for folder in folders)
