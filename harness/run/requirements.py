"""What a person requires of a run beyond the absence of findings, and where the run falls short of it."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from harness.errors import HarnessError
from harness.run.record import LOOKED, CaseRecord, Outcome
from harness.verify.finding import Layer

ALL = "all"


class RequirementError(HarnessError):
    """Not a layer, and no case of the run has it as id or section."""


def words(given: str | None) -> list[str]:
    """The parts of a comma-separated list."""
    return [] if given is None else [part.strip() for part in given.split(",") if part.strip()]


def check(required: Sequence[str], ids: Sequence[str]) -> None:
    """Raises RequirementError for something that no run of these cases could meet."""
    for wanted in required:
        if wanted.lower() not in set(Layer) and not any(_matches(wanted, case_id) for case_id in ids):
            layers = ", ".join(layer.value for layer in Layer)
            raise RequirementError(f"--require {wanted}: neither a layer ({layers}) nor a case or section of this run")


def forgiven(given: str | None, ids: Sequence[str]) -> list[str]:
    """Sections of `--allow-unverified`. Raises RequirementError for one that the run has not."""
    sections = {case_id.split("-", 1)[0] for case_id in ids}
    if given == ALL:
        return sorted(sections)
    asked = [word.upper() for word in words(given)]
    for section in asked:
        if section not in sections:
            there = ", ".join(sorted(sections))
            raise RequirementError(f"--allow-unverified {section}: no such section in this run; it has {there}")
    return asked


def unmet(required: Sequence[str], cases: Sequence[CaseRecord]) -> list[str]:
    """A line for each case that does not do what was required of it."""
    lines: list[str] = []
    for wanted in required:
        if wanted.lower() in set(Layer):
            lines += _blind_to(Layer(wanted.lower()), cases)
            continue
        for case in cases:
            if _matches(wanted, case.id) and case.outcome is not Outcome.PASSED:
                lines.append(f"{wanted}: {case.id} {case.outcome.value}")
        if not any(_matches(wanted, case.id) for case in cases):
            lines.append(f"{wanted}: no such case has run")
    return lines


def _blind_to(layer: Layer, cases: Sequence[CaseRecord]) -> list[str]:
    """A case that could not be verified at all did not see the layer either."""
    return [
        f"{layer}: {case.id}: {case.layers.get(layer.value, 'never looked at')}"
        for case in cases
        if case.outcome not in LOOKED or case.layers.get(layer.value) != "seen"
    ]


def _matches(wanted: str, case_id: str) -> bool:
    return fnmatchcase(case_id, wanted.upper()) or case_id.split("-", 1)[0] == wanted.upper()
