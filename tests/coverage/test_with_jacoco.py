"""Real execution data: a small program with JaCoCo's agent, asked section by section by JaCoCo's command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.coverage.jacoco import read_report
from harness.coverage.result import Reached, change_coverage
from harness.lab.cloudstack.daemon import free_port
from harness.lab.cloudstack.jacoco import find_jacoco
from harness.run.coverage import CoverageRecorder, NoCoverageError, recorder
from tests.coverage.programs import DATA, DIFF, TREE, environment

AGENT = os.environ.get("JACOCO_AGENT")
WANTED = ["org/example/Scale.java", "org/example/Server.java"]
pytestmark = [
    pytest.mark.skipif(AGENT is None, reason="not verified: JACOCO_AGENT names no jar of JaCoCo's agent"),
    pytest.mark.skipif(shutil.which("javac") is None, reason="not verified: no javac (a JDK) compiles the program"),
]


@pytest.fixture(scope="module")
def jar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("java")
    sources = sorted(map(str, TREE.rglob("*.java")))
    subprocess.run(["javac", "-g", "--release", "17", "-d", folder / "classes", *sources], check=True)
    subprocess.run(["jar", "cf", folder / "app.jar", "-C", folder / "classes", "."], check=True)
    return folder / "app.jar"


class Program:
    def __init__(self, jar: Path, port: int) -> None:
        attached = find_jacoco(Path(str(AGENT))).attached("127.0.0.1", port).replace("com.cloud.*", "org.example.*")
        self._process = subprocess.Popen(
            ["java", attached, "-cp", jar, "org.example.Server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "up\n"

    def grow(self, by: int) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{by}\n")
        assert self._process.stdout.readline()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def program(jar: Path, port: int) -> Iterator[Program]:
    program = Program(jar, port)
    yield program
    program.close()


@pytest.fixture
def recording(tmp_path: Path, jar: Path, port: int) -> CoverageRecorder:
    cli = find_jacoco(Path(str(AGENT))).cli
    found = recorder(environment(tmp_path, cli, {"server": f"127.0.0.1:{port}"}, [str(jar)]), tmp_path)
    assert found is not None
    return found


@pytest.fixture
def run(recording: CoverageRecorder, program: Program, tmp_path: Path) -> Path:
    recording.begin()
    program.grow(1)
    recording.take("LS")
    program.grow(10)
    recording.take("NEG")
    assert recording.lacking() == []
    return tmp_path


def test_each_section_is_told_what_ran_in_it(run: Path) -> None:
    told = change_coverage(run, DIFF)
    (file,) = told.files
    lines = {line.number: line for line in file.lines}
    assert told.sections == ["LS", "NEG"]
    assert (lines[19].method, lines[19].reached, lines[19].sections) == ("Scale.grow", Reached.FULLY, ["LS"])
    assert (lines[35].method, lines[35].reached, lines[35].sections) == ("Scale.refuse", Reached.FULLY, ["NEG"])
    assert (lines[25].method, lines[25].reached) == ("Scale$1.run", Reached.NEVER)
    # Both sections together went three of its four ways.
    assert (lines[15].reached, lines[15].missed_branches, lines[15].branches) == (Reached.PARTLY, 1, 4)


def test_what_jacoco_reports_is_what_is_kept_as_data(run: Path, jar: Path, tmp_path: Path) -> None:
    cli = find_jacoco(Path(str(AGENT))).cli
    for name in ("before", "LS", "NEG", "LS+NEG"):
        files = [run / "coverage" / section / "server.exec" for section in name.split("+")]
        xml = tmp_path / f"{name}.xml"
        subprocess.run(["java", "-jar", cli, "report", *files, "--classfiles", jar, "--xml", xml], check=True)
        if os.environ.get("RECORD_COVERAGE"):
            shutil.copy(xml, DATA / xml.name)
        kept = (DATA / xml.name).read_text(encoding="utf-8")
        assert read_report(xml.read_text(encoding="utf-8"), WANTED) == read_report(kept, WANTED)


def test_a_section_that_comes_again_is_added_to_what_was_taken_of_it(
    recording: CoverageRecorder, program: Program, tmp_path: Path
) -> None:
    recording.begin()
    program.grow(1)
    recording.take("LS")
    program.grow(10)
    recording.take("LS")
    lines = {line.number: line for line in change_coverage(tmp_path, DIFF).files[0].lines}
    assert (lines[19].reached, lines[35].reached) == (Reached.FULLY, Reached.FULLY)


def test_classes_that_were_compiled_again_are_told_and_not_taken_for_unreached(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    source = folder / "org" / "example" / "Scale.java"
    source.parent.mkdir(parents=True)
    text = (TREE / "src/main/java/org/example/Scale.java").read_text(encoding="utf-8")
    source.write_text(text.replace("7777", "7778"), encoding="utf-8")
    subprocess.run(["javac", "-g", "--release", "17", "-d", folder / "classes", source], check=True)
    recorded = run / "coverage" / "recorded.json"
    jar = next(Path(entry) for entry in _classes(recorded))
    other = folder / "app.jar"
    shutil.copy(jar, other)
    subprocess.run(["jar", "uf", other, "-C", folder / "classes", "."], check=True)
    recorded.write_text(recorded.read_text(encoding="utf-8").replace(str(jar), str(other)), encoding="utf-8")
    with pytest.raises(NoCoverageError, match=r"not those that ran: org\.example\.Scale.* was another one in section"):
        change_coverage(run, DIFF)


def test_a_class_in_two_forms_is_looked_at_in_both(run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "again"
    source = TREE / "src/main/java/org/example/Scale.java"
    # Without the tables of variables it is another class file.
    subprocess.run(["javac", "-g:lines,source", "--release", "17", "-d", folder / "classes", source], check=True)
    other = folder / "other.jar"
    subprocess.run(["jar", "cf", other, "-C", folder / "classes", "."], check=True)
    before = change_coverage(run, DIFF)
    recorded = run / "coverage" / "recorded.json"
    jar = next(Path(entry) for entry in _classes(recorded))
    text = recorded.read_text(encoding="utf-8").replace(f'"{jar}"', f'"{other}", "{jar}"')
    recorded.write_text(text, encoding="utf-8")
    assert change_coverage(run, DIFF) == before


def test_a_program_that_is_gone_is_told_in_a_line(
    recording: CoverageRecorder, program: Program, tmp_path: Path
) -> None:
    recording.begin()
    program.grow(1)
    recording.take("LS")
    program.close()
    recording.take("NEG")
    (line,) = recording.lacking()
    assert line.startswith("NEG: JaCoCo of server at 127.0.0.1:")
    assert "Connection refused" in line
    assert change_coverage(tmp_path, DIFF).lacking == [line]


def test_a_run_does_not_begin_where_no_program_tells(recording: CoverageRecorder) -> None:
    with pytest.raises(NoCoverageError, match=r"JaCoCo of server at .*Connection refused"):
        recording.begin()


def _classes(recorded: Path) -> list[str]:
    classes: list[str] = json.loads(recorded.read_text(encoding="utf-8"))["classes"]
    return classes
