"""`cs-harness report` as a person uses it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli import main
from harness.report.schema import MARKDOWN_COMMAND
from harness.run.record import RunRecord
from tests.report.runs import make_case, make_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    (tmp_path / "results.json").write_text(make_run(make_case("XML-01")).model_dump_json(), encoding="utf-8")
    return tmp_path


def test_the_forms_asked_for_are_written_and_named(run_folder: Path) -> None:
    done = CliRunner().invoke(main, ["report", str(run_folder), "--format", "junit, trillian"])
    assert (done.exit_code, done.output.split()) == (0, [f"{run_folder}/junit.xml", f"{run_folder}/trillian.md"])


def test_another_folder_or_the_terminal_may_be_the_place(run_folder: Path, tmp_path: Path) -> None:
    file = str(run_folder / "results.json")
    done = CliRunner().invoke(main, ["report", file, "--format", "junit", "--output", str(tmp_path / "new")])
    assert done.output.strip() == str(tmp_path / "new" / "junit.xml")
    done = CliRunner().invoke(main, ["report", file, "--format", "trillian", "--output", "-"])
    assert done.output.startswith("<b>[SF] Trillian test result")


def test_a_form_that_there_is_not_is_refused(run_folder: Path) -> None:
    done = CliRunner().invoke(main, ["report", str(run_folder), "--format", "pdf"])
    assert done.exit_code == 2
    assert "--format pdf: there is none such; there are " in done.output


def test_an_unreadable_run_ends_in_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["report", str(tmp_path / "nothing")])
    assert (done.exit_code, done.output) == (2, f"cs-harness: {tmp_path}/nothing: No such file or directory\n")


def test_the_schema_is_published_and_fresh() -> None:
    command = MARKDOWN_COMMAND.split(" > ")[0].split()[1:]
    assert CliRunner().invoke(main, command).output == (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    printed = json.loads(CliRunner().invoke(main, ["report", "--schema", "json"]).output)
    assert printed == RunRecord.model_json_schema()
