"""`cs-harness compare` as a gate in CI."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.report.junit import junit_xml
from harness.report.subject import Subject
from harness.run.record import Outcome, RunRecord
from tests.report.runs import make_case, make_environment, make_finding, make_run

GOOD = make_run(make_case("XML-01"), make_case("LS-01"), run_id="old")
BAD = make_run(
    make_case("XML-01", Outcome.FAILED, findings=[make_finding()]),
    make_case("LS-01"),
    run_id="new",
    environment=make_environment(cloudstack="4.23.1.0"),
)


def _file(folder: Path, run: RunRecord) -> str:
    file = folder / f"{run.run_id}.json"
    file.write_text(run.model_dump_json(), encoding="utf-8")
    return str(file)


def _compare(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["compare", *arguments])


def test_changes_are_told_with_the_environment_beside_them(tmp_path: Path) -> None:
    done = _compare(_file(tmp_path, GOOD), _file(tmp_path, BAD))
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "old -> new: 1 new failure, 1 unchanged",
        "environment: CloudStack: 4.23.0.0 -> 4.23.1.0",
        "new failure: XML-01: passed -> failed: domain: shares should be 1, is 2 (virsh dumpxml; rule shares)",
    ]


@pytest.mark.parametrize(
    ("fail_on", "code"), [("new-failure", 1), ("any", 1), ("vanished, slower", 0), ("flaky,new-failure", 1)]
)
def test_the_gate_closes_on_what_it_is_told_to(tmp_path: Path, fail_on: str, code: int) -> None:
    assert _compare(_file(tmp_path, GOOD), _file(tmp_path, BAD), "--fail-on", fail_on).exit_code == code


def test_a_wrong_gate_is_refused_with_what_there_is(tmp_path: Path) -> None:
    done = _compare(_file(tmp_path, GOOD), _file(tmp_path, BAD), "--fail-on", "worse")
    assert done.exit_code == 2
    assert done.output.startswith("cs-harness: --fail-on worse: there are new-failure, still-failing, ")


def test_quarantine_holds_the_gate_open_and_closes_it_when_it_is_not_needed(tmp_path: Path) -> None:
    quarantine = tmp_path / "q.toml"
    entry = '[[case]]\nid = "XML-01"\nreason = "known"\nlink = "https://x"\nexpires = 2999-01-01\n'
    quarantine.write_text(entry, encoding="utf-8")
    options = ["--fail-on", "any", "--quarantine", str(quarantine)]
    held = _compare(_file(tmp_path, GOOD), _file(tmp_path, BAD), *options)
    assert held.exit_code == 0
    assert "quarantine: XML-01: held: known (https://x; until 2999-01-01)" in held.output
    assert _compare(_file(tmp_path, BAD), _file(tmp_path, GOOD), *options).exit_code == 1


def test_junit_files_are_compared_and_markdown_is_written(tmp_path: Path) -> None:
    base, output = tmp_path / "base.xml", tmp_path / "compared.md"
    base.write_text(junit_xml(Subject(GOOD)), encoding="utf-8")
    done = _compare(str(base), _file(tmp_path, BAD), "--format", "markdown", "--output", str(output))
    assert (done.exit_code, done.output) == (0, "")
    text = output.read_text(encoding="utf-8")
    assert text.startswith("## ❌ old → new: 1 new failure, 1 unchanged\n")
    assert "| CloudStack | 4.23.0.0 | 4.23.1.0 |" in text
    assert "| ❌ new failure | **XML-01** | passed -\\> failed: domain:" in text


def test_a_file_that_is_no_result_ends_in_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.xml"
    broken.write_text("<testsuite><testcase", encoding="utf-8")
    done = _compare(str(broken), _file(tmp_path, GOOD))
    assert done.exit_code == 2
    assert done.output.startswith(f"cs-harness: {broken}: no XML, or cut short: ")
    assert done.output.count("\n") == 1
