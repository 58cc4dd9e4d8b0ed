"""What a rule of the reference is: one sentence, its source, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Certainty(StrEnum):
    """How a rule is known."""

    SEEN = "seen on a real management server with its own agents"
    READ = "read in CloudStack's source"
    DERIVED = "derived from the source"
    ASSUMED = "assumed"


class Kind(StrEnum):
    """An oddity is what CloudStack does and a person would not expect; a defect contradicts what is promised."""

    RULE = "rule"
    ODDITY = "oddity"
    DEFECT = "defect"


@dataclass(frozen=True)
class Rule:
    """`id` is stable; `says` is one sentence; `source` names file and method; `note` is what a person should know."""

    id: str
    says: str
    source: str
    certainty: Certainty
    kind: Kind = Kind.RULE
    note: str = ""
