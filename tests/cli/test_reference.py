"""Asking the reference in a shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.report.prediction import PredictionDocument

COMMAND = str(Path(sys.executable).with_name("cs-harness"))
ROOT = Path(__file__).parents[2]
EXAMPLE = str(ROOT / "configs" / "predict.toml")


def shell(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_the_example_is_answered_as_text_and_as_json() -> None:
    text = shell("predict", "--offline", EXAMPLE)
    assert (text.returncode, text.stderr) == (0, "")
    assert text.stdout.startswith("CloudStack 4.23: i-2-3-VM is migrated to kvm2 and then scaled.\n")
    document = PredictionDocument.model_validate(json.loads(shell("predict", "--offline", EXAMPLE, "--json").stdout))
    assert document.hosts == ["kvm2"]
    assert document.domain_after.xml in text.stdout


def test_the_readme_shows_what_the_example_really_prints() -> None:
    printed = shell("predict", "--offline", EXAMPLE).stdout
    shown = (ROOT / "README.md").read_text(encoding="utf-8").split("predict --offline configs/predict.toml\n")[1]
    # The page leaves lines out, and says so by "...".
    parts = shown.split("```")[0].split("...\n")
    at = 0
    for part in parts:
        found = printed.find(part, at)
        assert found >= at, part
        at = found + len(part)


def test_rules_are_listed_told_and_printed_as_the_page() -> None:
    assert "\nDEF-01 " in shell("rules").stdout
    assert shell("rules", "scaling-down").stdout.startswith("scaling-down (rule): No size may shrink")
    assert shell("rules", "--markdown").stdout == (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["predict", "--offline", "none.toml"], "cs-harness: none.toml: cannot be read: No such file or directory"),
        (
            ["predict", "--offline", str(ROOT / "configs" / "real-cloud.toml")],
            f"cs-harness: {ROOT}/configs/real-cloud.toml: ",
        ),
        (["rules", "DEF-99"], "cs-harness: DEF-99: no such rule"),
    ],
)
def test_wrong_input_ends_in_a_line_for_each_mistake_and_two(arguments: list[str], says: str) -> None:
    done = shell(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(says)
    where = says.removeprefix("cs-harness: ")
    assert all(where in line for line in done.stderr.splitlines())


def test_options_that_do_not_go_together_end_with_two() -> None:
    assert shell("rules", "DEF-01", "--markdown").returncode == 2
    assert shell("predict").returncode == 2
