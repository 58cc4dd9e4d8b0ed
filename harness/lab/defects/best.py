"""The cases that show a defect best: few, quick, and each names what is wrong with its first finding."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path

BEST_CASES_FILE = Path(__file__).with_name("best_cases.toml")
BEST_CASES_COMMAND = "cs-harness defects --hosts simulated --keep-best"
AS_MANY = 2


@cache
def best_cases() -> Mapping[str, tuple[str, ...]]:
    """By defect, as the last whole run found them."""
    return {defect: tuple(cases) for defect, cases in tomllib.loads(BEST_CASES_FILE.read_text("utf-8")).items()}


def best_cases_toml(naming: Iterable[tuple[str, Sequence[str]]]) -> str:
    """The file's text, given for each defect's id the cases that name it, best first."""
    lines = [f"# Made by `{BEST_CASES_COMMAND}`; do not edit it by hand.\n"]
    for defect, cases in naming:
        chosen = ", ".join(f'"{case}"' for case in cases[:AS_MANY])
        lines.append(f"{defect} = [{chosen}]\n")
    return "".join(lines)
