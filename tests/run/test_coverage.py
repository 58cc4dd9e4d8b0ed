"""A run that is told which code ran: execution data are taken section by section, also with cases side by side."""

from __future__ import annotations

import itertools
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import SimulatedLab

CASES = "".join(
    f"""
@pytest.mark.case("{section}-{number}"){marker}
def test_{section}_{number}(stage):
    '''It deploys an instance.'''
    stage.instance(stage.fixed(1, 500, 256)).verify()
"""
    for number, marker in ((1, ""), (2, ""), (3, '\n@pytest.mark.alone("cluster")'))
    for section in ("XML", "LS", "CAP")
)
# In place of Java with JaCoCo's command line: keeps a line for each time that it is asked.
JAVA = """#!/bin/sh
while [ "$1" != --address ]; do shift; done
address=$2; port=$4
while [ "$1" != --destfile ]; do shift; done
[ "$port" = "$(cat "$(dirname "$0")/dead" 2>/dev/null)" ] && { echo "Exception in thread: Connection refused"; exit 1; }
echo "$address:$port" >>"$2"
echo "$(date +%s.%N) $(basename "$(dirname "$2")") $(basename "$2")" >>"$(dirname "$0")/asked"
"""
SERVERS = {"management": "127.0.0.1:6301", "kvm1": "10.77.0.11:6300"}


class CoverageRun:
    def __init__(self, pytester: pytest.Pytester, lab: SimulatedLab, programs: Path) -> None:
        self.pytester = pytester
        self.programs = programs
        self.cloud = lab.cloud_file.with_name("coverage.toml")
        servers = "".join(f'{name} = "{address}"\n' for name, address in SERVERS.items())
        self.cloud.write_text(
            lab.cloud_file.read_text(encoding="utf-8")
            + '\n[coverage]\njacoco_cli = "jacococli.jar"\nclasses = ["app.jar"]\n\n[coverage.servers]\n'
            + servers,
            encoding="utf-8",
        )
        pytester.makepyfile(f"import pytest\n{CASES}")

    def __call__(self, *options: str) -> tuple[pytest.RunResult, dict[str, Any]]:
        result = self.pytester.runpytest_subprocess(f"--cloud={self.cloud}", "-W", "error", *options)
        results: dict[str, Any] = json.loads((self.latest / "results.json").read_text(encoding="utf-8"))
        return result, results

    @property
    def latest(self) -> Path:
        return self.pytester.path / "reports" / "latest"

    @property
    def asked(self) -> list[tuple[float, str, str]]:
        file = self.programs / "asked"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [(float(when), section, name) for when, section, name in map(str.split, lines)]


@pytest.fixture
def run(pytester: pytest.Pytester, lab: SimulatedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CoverageRun:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "java").write_text(JAVA, encoding="utf-8")
    (programs / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return CoverageRun(pytester, lab, programs)


@pytest.mark.parametrize("workers", [(), ("-n", "3")], ids=["one process", "three workers"])
def test_what_ran_is_taken_for_each_section_when_its_cases_are_through(
    run: CoverageRun, workers: tuple[str, ...]
) -> None:
    result, results = run(*workers)
    result.assert_outcomes(passed=9)
    folder = run.latest / "coverage"
    assert {part.name for part in folder.iterdir() if part.is_dir()} == {"before", "XML", "LS", "CAP"}
    for section in ("before", "XML", "LS", "CAP"):
        assert {file.name for file in (folder / section).iterdir()} == {"management.exec", "kvm1.exec"}
    # A case began to do something when it had its turn, and belongs to the data that were taken next after it.
    began = datetime.fromisoformat(results["started"]).timestamp()
    taken = sorted((when, section) for when, section, name in run.asked if name == "kvm1.exec")
    assert taken[0][1] == "before"
    for case in results["cases"]:
        waited = sum(step["seconds"] for step in case["steps"] if step["name"] == "wait for its turn")
        first, last = began + case["began"] + waited, began + case["began"] + case["seconds"]
        following = next(section for when, section in taken if when > first)
        assert following == case["section"]
        assert not [when for when, _ in taken if first + 0.05 < when < last - 0.05], "taken in the midst of a case"
    assert json.loads((folder / "recorded.json").read_text(encoding="utf-8"))["servers"] == SERVERS


def test_sections_go_one_after_another(run: CoverageRun) -> None:
    _, results = run()
    sections = [case["section"] for case in results["cases"]]
    assert len([1 for one, other in itertools.pairwise(sections) if one != other]) == 2


def test_a_run_that_cannot_be_told_what_runs_does_not_begin(run: CoverageRun) -> None:
    (run.programs / "dead").write_text("6301", encoding="utf-8")
    result, results = run()
    assert result.ret == 2
    assert results["could_not_run"].startswith("[coverage]: JaCoCo of management at 127.0.0.1:6301: Exception")
    assert results["cases"] == []


def test_a_program_that_stops_telling_costs_no_case_and_is_a_warning(run: CoverageRun) -> None:
    text = 'import pytest, pathlib\n@pytest.mark.case("XML-1")\ndef test_kills(stage):\n    """It."""\n'
    text += f"    pathlib.Path({str(run.programs / 'dead')!r}).write_text('6300')\n"
    text += "    stage.instance(stage.fixed(1, 500, 256)).verify()\n"
    run.pytester.makepyfile(text)
    _, results = run("-k", "kills")
    assert [case["outcome"] for case in results["cases"]] == ["passed"]
    assert results["warnings"][-1].startswith("coverage lacks XML: JaCoCo of kvm1 at 10.77.0.11:6300")
