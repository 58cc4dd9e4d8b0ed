"""The cases that there are can be listed, and the list in the repository is fresh."""

import subprocess
import sys
from pathlib import Path

_CLI = [sys.executable, "-c", "from harness.cli import main; main()"]
ROOT = Path(__file__).parents[2]


def _cases(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_CLI, "cases", *options], capture_output=True, text=True, timeout=60, check=False)


def test_the_page_in_the_repository_is_fresh() -> None:
    done = _cases("--markdown")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (ROOT / "docs" / "cases.md").read_text(encoding="utf-8")


def test_every_case_has_an_id_and_a_title_of_its_own() -> None:
    rows = [line.split(" | ") for line in _cases("--markdown").stdout.splitlines() if line.startswith("| ")]
    cases = [row for row in rows if "-" in row[0]]
    assert len({row[0] for row in cases}) == len(cases) > 160
    assert len({row[-1] for row in cases}) == len(cases)


def test_sections_ids_and_the_smoke_cases_can_be_selected() -> None:
    lines = _cases("--select", "LIM-0*,XML-05").stdout.splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("LIM", "XML"))][-1] == "XML-05"
    assert "enable.dynamic.scale.vm false" in lines[-1]
    assert {line.split()[1] for line in _cases("--select", "smoke").stdout.splitlines()[1:]} == {"smoke"}


def test_each_section_has_one_smoke_case_and_none_holds_the_zone() -> None:
    def sections(*options: str) -> list[str]:
        return [line.split("-")[0] for line in _cases(*options).stdout.splitlines()[1:] if "-" in line.split()[0]]

    assert sections("--select", "smoke") == sorted(set(sections()))
    assert "zone" not in "".join(line[:40] for line in _cases("--select", "smoke").stdout.splitlines()[1:])


def test_a_selection_that_no_case_has_is_told_in_one_line() -> None:
    done = _cases("--select", "NOPE")
    assert done.returncode == 2
    assert "--select NOPE: no such case; there are " in done.stderr
