"""What is told of a change, from what JaCoCo reported of a small program of ours.

JaCoCo is not there on every machine, so what it wrote is kept, and a program in its place writes it again;
`test_with_jacoco.py` compares it with JaCoCo itself.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.coverage.change import read_change
from harness.coverage.jacoco import JacocoReportError, read_report
from harness.coverage.methods import OUTSIDE, method_of_lines
from harness.coverage.result import ChangeCoverage, Reached, change_coverage
from harness.run.coverage import CoverageRecorder, NoCoverageError, recorder
from tests.coverage.programs import DATA, DIFF, environment

SCALE = "org/example/Scale.java"

# In place of Java: what is asked of JaCoCo's command line is told from the names of the execution files.
JAVA = f"""#!/bin/sh
case " $* " in *" dump "*) while [ "$1" != --destfile ]; do shift; done; echo data >"$2"; exit 0;; esac
names=; xml=; before=
for word; do
    [ "$before" = --xml ] && xml=$word
    case $word in *.exec)
        grep -q data "$word" || {{ echo 'Exception in thread "main" java.io.IOException: Invalid file.' >&2; exit 1; }}
        names=${{names:+$names+}}$(basename "$(dirname "$word")")
        read -r _ name <"$word"; [ -z "$name" ] || names=$name;;
    esac
    before=$word
done
cp "{DATA}/$names.xml" "$xml"
if [ -e "{{mismatch}}" ]; then echo "[WARN] Execution data for class org/example/Scale does not match."; fi
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programs = tmp_path / "programs"
    programs.mkdir()
    java = programs / "java"
    java.write_text(JAVA.replace("{mismatch}", str(tmp_path / "mismatch")), encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (tmp_path / "jacococli.jar").touch()
    with zipfile.ZipFile(tmp_path / "app.jar", "w") as jar:
        for name in ("Scale", "Scale$1", "Server", "Unused"):
            jar.writestr(f"org/example/{name}.class", name)
    recording = _recorder(tmp_path)
    recording.begin()
    recording.take("LS")
    recording.take("NEG")
    return tmp_path


def _recorder(folder: Path) -> CoverageRecorder:
    servers = {"server": "127.0.0.1:6300"}
    found = recorder(environment(folder, folder / "jacococli.jar", servers, [str(folder / "app.jar")]), folder)
    assert found is not None
    return found


def told(run: Path) -> ChangeCoverage:
    return change_coverage(run, DIFF)


def report(run: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["report", str(run), "--format=coverage", *arguments])


def test_every_changed_line_is_exercised_partly_exercised_unreached_or_has_no_code(run: Path) -> None:
    (file,) = told(run).files
    lines = {line.number: line for line in file.lines}
    assert {number: line.reached for number, line in lines.items()} == {
        **dict.fromkeys((3, 4, 21, 23, 24, 27, 30, 39, 41, 43, 44), Reached.NO_CODE),
        **dict.fromkeys((6, 18, 19, 20, 22, 31, 35), Reached.FULLY),
        **dict.fromkeys((15, 28), Reached.PARTLY),
        **dict.fromkeys((25, 26, 29, 40, 42), Reached.NEVER),
    }
    assert lines[15].sections == ["LS", "NEG"]
    assert (lines[15].missed_branches, lines[15].branches) == (1, 4)
    assert lines[35].sections == ["NEG"]


def test_what_ran_only_before_the_first_case_was_not_exercised_by_the_matrix(run: Path) -> None:
    # The start is as the section LS was, and that section as a start is.
    for section, name in (("before", "LS"), ("LS", "before"), ("NEG", "before")):
        (run / "coverage" / section / "server.exec").write_text(f"data {name}\n", encoding="utf-8")
    lines = {line.number: line for line in told(run).files[0].lines}
    assert (lines[18].reached, lines[18].sections) == (Reached.ONLY_BEFORE, [])
    assert lines[25].reached is Reached.NEVER


def test_lines_are_told_by_the_method_that_they_are_in() -> None:
    file = read_report((DATA / "LS.xml").read_text(encoding="utf-8"), [SCALE])[SCALE]
    names = method_of_lines(file)
    assert names == {
        6: "Scale.(static)",
        **dict.fromkeys((9, 10, 11), "Scale.(constructor)"),
        **dict.fromkeys((14, 15, 16, 18, 19, 20, 22, 28, 29, 31), "Scale.grow"),
        **dict.fromkeys((25, 26), "Scale$1.run"),
        **dict.fromkeys((35, 36), "Scale.refuse"),
        40: "Unused.(constructor)",
        42: "Unused.nothing",
    }
    assert OUTSIDE not in names.values()


def test_the_command_prints_it_and_writes_it_into_the_runs_folder(run: Path) -> None:
    done = report(run, f"--diff={DIFF}")
    assert done.exit_code == 0, done.output
    assert "9 of 14 changed lines with code were exercised by the sections LS, NEG" in done.output
    assert "  Scale.refuse: 1 of 1 changed lines with code exercised by NEG\n" in done.output
    assert "    29: not reached: never.run();\n" in done.output
    assert "    15: 3 of 4 branches: if (wanted > CEILING || by < 0) {\n" in done.output
    written = ChangeCoverage.model_validate_json((run / "coverage.json").read_bytes())
    assert written == told(run)
    text = (run / "coverage.md").read_text(encoding="utf-8")
    assert "| `Scale$1.run` | 2 | 0 | none |" in text
    assert "| `Scale.grow` | 8 | 7 | LS, NEG |" in text


def test_markdown_alone_is_printed_where_that_is_asked_for(run: Path) -> None:
    done = report(run, f"--diff={DIFF}", "--output=-")
    assert done.output.startswith("## Coverage of `change.diff`\n")
    assert not (run / "coverage.json").exists()


def test_data_of_other_class_files_are_told_and_not_taken_for_unreached(run: Path) -> None:
    (run / "mismatch").touch()
    with pytest.raises(NoCoverageError, match=r"org\.example\.Scale was another one in section LS") as refused:
        told(run)
    assert "\n" not in str(refused.value)


def test_data_that_are_none_are_told_in_jacocos_words(run: Path) -> None:
    (run / "coverage" / "NEG" / "server.exec").write_text("rubbish", encoding="utf-8")
    with pytest.raises(JacocoReportError, match=r"reporter ended with 1: Exception .*Invalid file"):
        told(run)


def test_a_run_without_execution_data_is_told(tmp_path: Path) -> None:
    done = report(tmp_path, f"--diff={DIFF}")
    assert done.exit_code == 2
    assert "has no execution data; run against a cloud of `lab up --cloudstack TREE --jacoco JAR`" in done.output
    assert done.output.count("\n") == 1


def test_a_run_without_data_of_a_case_is_told(run: Path) -> None:
    for section in ("LS", "NEG"):
        (run / "coverage" / section / "server.exec").unlink()
    with pytest.raises(NoCoverageError, match="has no execution data of a case"):
        told(run)


def test_a_reporter_that_has_gone_is_told(run: Path) -> None:
    (run / "jacococli.jar").unlink()
    with pytest.raises(NoCoverageError, match=r"jacococli\.jar is not there any more"):
        told(run)


def test_jars_that_have_gone_are_told(run: Path) -> None:
    (run / "app.jar").write_text("rubbish", encoding="utf-8")
    done = report(run, f"--diff={DIFF}")
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert "app.jar cannot be read" in done.output


def test_a_change_of_no_class_that_ran_is_told(run: Path) -> None:
    with zipfile.ZipFile(run / "app.jar", "w") as jar:
        jar.writestr("org/example/Server.class", "Server")
    with pytest.raises(NoCoverageError, match="no class of the change is among those that ran"):
        told(run)


def test_a_file_whose_class_was_not_built_is_not_looked_at_and_not_unreached(run: Path, tmp_path: Path) -> None:
    recorded = run / "coverage" / "recorded.json"
    known = json.loads(recorded.read_text(encoding="utf-8")) | {"sources": None}
    recorded.write_text(json.dumps(known), encoding="utf-8")
    more = DIFF.read_text(encoding="utf-8").replace("Scale.java", "Plugin.java")
    both = tmp_path / "both.diff"
    both.write_text(DIFF.read_text(encoding="utf-8") + more, encoding="utf-8")
    found = change_coverage(run, both)
    assert [file.path for file in found.files] == ["src/main/java/org/example/Scale.java"]
    assert found.lacking == ["src/main/java/org/example/Plugin.java: its class is not among those that ran"]
    assert not found.sources_checked
    assert len(read_change(both).files) == 2


@pytest.mark.parametrize("arguments", [(), ("--format=coverage",), ("--format=html", f"--diff={DIFF}")])
def test_coverage_and_its_diff_belong_together(run: Path, arguments: tuple[str, ...]) -> None:
    if not arguments:
        arguments = (f"--diff={DIFF}",)
    done = CliRunner().invoke(main, ["report", str(run), *arguments])
    assert done.exit_code == 2
    assert "belong together" in done.output


@pytest.mark.parametrize(
    "xml",
    ["", "<report><package/></report>", '<!DOCTYPE x [<!ENTITY a "a">]><report/>', "<report>" + "<group>" * 20],
)
def test_what_is_no_report_of_jacocos_is_told(xml: str) -> None:
    text = xml.replace("<package/>", '<package><sourcefile name="Scale.java"/></package>')
    with pytest.raises(JacocoReportError, match="cannot be read"):
        read_report(text, [SCALE])
