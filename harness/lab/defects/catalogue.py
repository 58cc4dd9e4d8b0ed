"""All defects that a lab can be given, by id."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import HarnessError
from harness.lab.defects.agents import AGENTS
from harness.lab.defects.answers import ANSWERS
from harness.lab.defects.books import BOOKS
from harness.lab.defects.commands import COMMANDS
from harness.lab.defects.decisions import DECISIONS
from harness.lab.defects.defect import Defect
from harness.lab.defects.kept import KEPT
from harness.lab.defects.looks import LOOKS
from harness.lab.defects.moves import MOVES
from harness.lab.defects.predicates import PREDICATES
from harness.lab.defects.starts import STARTS

CATALOGUE: Mapping[str, Defect] = {
    defect.id: defect
    for defect in (*STARTS, *PREDICATES, *DECISIONS, *MOVES, *COMMANDS, *KEPT, *AGENTS, *LOOKS, *ANSWERS, *BOOKS)
}


class UnknownDefectError(HarnessError):
    """The catalogue has no defect of this id."""


def found(defect_id: str) -> Defect:
    """Raises UnknownDefectError."""
    try:
        return CATALOGUE[defect_id]
    except KeyError:
        raise UnknownDefectError(f"{defect_id}: no such defect; docs/defects.md lists them") from None
