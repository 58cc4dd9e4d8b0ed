"""Forms land beside results.json, and one that cannot be made costs the run nothing."""

from pathlib import Path

import pytest

from harness.report import forms
from harness.report.forms import FORMS, Form, write_all
from harness.report.subject import Subject
from harness.run.record import Outcome, RunRecord
from tests.report.runs import make_case, make_finding, make_run


@pytest.fixture(autouse=True)
def _outside_of_github(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.setenv("CS_HARNESS_HISTORY", str(tmp_path_factory.mktemp("history") / "history.sqlite"))


def _folder(folder: Path, run: RunRecord) -> Path:
    (folder / "results.json").write_text(run.model_dump_json(), encoding="utf-8")
    return folder


def test_all_forms_land_beside_the_results(tmp_path: Path) -> None:
    assert write_all(_folder(tmp_path, make_run(make_case("XML-01")))) == []
    assert {path.name for path in tmp_path.iterdir()} == {"results.json"} | {form.file for form in FORMS.values()}


def test_a_run_that_ended_before_its_first_case_has_forms_too(tmp_path: Path) -> None:
    run = make_run(environment=None, finished=None, could_not_run="no API")
    assert write_all(_folder(tmp_path, run)) == []


def test_a_form_that_fails_is_told_in_a_line_and_the_others_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: Subject) -> str:
        raise ZeroDivisionError("first\nsecond")

    monkeypatch.setitem(forms.FORMS, "junit", Form("junit.xml", fails))
    lines = write_all(_folder(tmp_path, make_run(make_case("XML-01"))))
    assert lines == [f"{tmp_path}/junit.xml could not be written: ZeroDivisionError: first second"]
    assert (tmp_path / "report.md").exists()


def test_results_that_cannot_be_read_are_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{", encoding="utf-8")
    (line,) = write_all(tmp_path)
    assert line.startswith("no report was written: ")


def test_in_github_actions_the_summary_is_added_and_failures_are_annotated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary"
    summary.write_text("# before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    failed = make_case("LS-01", Outcome.FAILED, findings=[make_finding(observed="a\nb: 100%")])
    lines = write_all(_folder(tmp_path, make_run(failed)))
    assert lines == [
        "::error file=testcases/test_ls.py,title=LS-01::domain: shares should be 1, is a%0Ab: 100%25 "
        "(virsh dumpxml; rule shares)"
    ]
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("# before\n## ❌ Live scaling")


def test_a_summary_that_would_be_too_long_with_what_is_there_is_the_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary"
    summary.write_text("x" * 900_000, encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    cases = [make_case(f"LS-{number}", title="long " * 40) for number in range(2000)]
    write_all(_folder(tmp_path, make_run(*cases)))
    assert 900_000 < summary.stat().st_size < 970_000


def test_at_most_ten_failures_are_annotated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    cases = [make_case(f"LS-{number}", Outcome.COULD_NOT_RUN, reason="x") for number in range(30)]
    assert len(write_all(_folder(tmp_path, make_run(*cases)))) == 10
