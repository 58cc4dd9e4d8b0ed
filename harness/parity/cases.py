"""The matrix as a part of the corpus: what a case did and saw on a real cloud, and on our own lab."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.parity.exchanges import CorpusError, Difference, comparable, leaf_differences
from harness.run.record import CaseRecord, LookRecord, Outcome, RunRecord

_INSTANCE = re.compile(r"\bi-\d+-\d+-VM\b")
# What a case makes is numbered, what is not compared as well.
_MADE = re.compile(r"\bcsh-<run>-[\w-]+-\d+\b")
_NUMBERED = re.compile(r"(Domain Id = |Host\[-?|Cluster\[-?|\{\"id\":)\d+")
# What a plain user's instances need where the zone has no network for everybody.
_OF_THE_PLACE = {"createNetwork"}
# What was measured, and what names a thing of one run only.
_NOT_COMPARED = {"seconds", "began", "before_its_turn", "job_id", "expected_xml", "observed_xml"}


class SeenCases(BaseModel):
    """What the cases of a run on a real cloud did and saw, kept as data: `version` is what the server told.

    `homes` are the hosts where they took place, without which nothing can be compared.
    """

    model_config = ConfigDict(extra="forbid")

    version: str
    release: str
    homes: dict[str, str]
    cases: dict[str, Any]


def seen_cases(run: RunRecord, homes: dict[str, str]) -> SeenCases:
    """Those of a finished run that came to a verdict. Raises CorpusError where the run has no cloud."""
    if run.environment is None:
        raise CorpusError(f"run {run.run_id} never reached a cloud: {run.could_not_run}")
    judged = (Outcome.PASSED, Outcome.FAILED, Outcome.KNOWN_DEFECT)
    cases = {case.id: comparable_case(case, run.run_id) for case in run.cases if case.outcome in judged}
    return SeenCases(
        version=run.environment.cloudstack,
        release=run.environment.release,
        homes={case_id: home for case_id, home in homes.items() if case_id in cases},
        cases=cases,
    )


def load_cases(file: Path) -> SeenCases:
    """Raises CorpusError."""
    try:
        return SeenCases.model_validate_json(file.read_bytes())
    except OSError as failure:
        raise CorpusError(f"{file}: cannot be read: {failure.strerror}") from None
    except ValidationError as failure:
        first = failure.errors()[0]
        raise CorpusError(f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def comparable_case(case: CaseRecord, run_id: str) -> dict[str, Any]:
    """A case without ids, times and what was named for its run: the changes that were asked for and how they were
    answered, starts, scales with their jobs' ends and scheduler values, and the domain at each look."""
    known = case.known_defect
    told = {
        "outcome": case.outcome.value,
        "known_defect": None if known is None else known.id,
        "notes": sorted(note.rule for note in case.notes),
        "calls": [
            call.model_dump(mode="json", exclude=_NOT_COMPARED)
            for call in case.calls
            if not call.before_its_turn and call.command not in _OF_THE_PLACE
        ],
        "starts": [start.model_dump(mode="json") for start in case.starts],
        "scales": [scale.model_dump(mode="json", exclude=_NOT_COMPARED) for scale in case.scales],
        "looks": [_look(look) for look in case.looks],
    }
    numbers: dict[str, str] = {}
    names: dict[str, str] = {}

    def clean(text: str) -> str:
        text = text.replace(run_id, "<run>")
        text = _INSTANCE.sub(lambda found: numbers.setdefault(found[0], f"<instance {len(numbers) + 1}>"), text)
        text = _MADE.sub(lambda found: names.setdefault(found[0], f"<made {len(names) + 1}>"), text)
        return _NUMBERED.sub(r"\1<n>", text)

    cleaned: dict[str, Any] = comparable(_each_text(told, clean))
    return cleaned


def case_differences(real: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[Difference]:
    """Where cases part, leaf by leaf; one that our lab did not come to a verdict on parts as a whole."""
    for case_id, seen in sorted(real.items()):
        if case_id in ours:
            yield from leaf_differences(case_id, "case", seen, ours[case_id])
        else:
            yield Difference(case_id, "case", "came to a verdict", "did not")


def _look(look: LookRecord) -> dict[str, Any]:
    # Line by line, so that a difference names its element.
    xml = look.observed_xml or look.expected_xml
    return {"instance": look.instance, "host": look.host, "domain": [line.strip() for line in xml.splitlines()]}


def _each_text(tree: Any, change: Callable[[str], str]) -> Any:
    if isinstance(tree, dict):
        return {key: _each_text(value, change) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_each_text(value, change) for value in tree]
    return change(tree) if isinstance(tree, str) else tree
