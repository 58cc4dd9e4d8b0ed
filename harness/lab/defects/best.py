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
    """By defect, as the last run that tried it against all its cases found them."""
    return {defect: tuple(cases) for defect, cases in tomllib.loads(BEST_CASES_FILE.read_text("utf-8")).items()}


def keep(order: Iterable[str], naming: Mapping[str, Sequence[str]]) -> None:
    """Write down the cases that name each defect now, best first. Raises OSError."""
    BEST_CASES_FILE.write_text(best_cases_toml(order, best_cases(), naming), encoding="utf-8")
    best_cases.cache_clear()


def best_cases_toml(
    order: Iterable[str], before: Mapping[str, Sequence[str]], naming: Mapping[str, Sequence[str]]
) -> str:
    """The file's text: for each defect, in this order, the cases that name it, best first.

    A defect that no case of `naming` names keeps those that it had before.
    """
    lines = [f"# Made by `{BEST_CASES_COMMAND}`; do not edit it by hand.\n"]
    for defect in order:
        cases = naming.get(defect) or before.get(defect, ())
        chosen = ", ".join(f'"{case}"' for case in cases[:AS_MANY])
        lines.append(f"{defect} = [{chosen}]\n")
    return "".join(lines)
