"""A finding: where what was observed is not what was predicted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Layer(StrEnum):
    """Where a case looks."""

    API = "api"
    DOMAIN = "domain"
    SCHEDULER = "scheduler"
    GUEST = "guest"


# The guest's view is the one that needs something in the template: its agent.
HOST_SIDE_LAYERS = (Layer.API, Layer.DOMAIN, Layer.SCHEDULER)


@dataclass(frozen=True)
class Finding:
    """`what` was `expected` so by the rule `rule_id`, and `observed` otherwise at the place `read_from`."""

    layer: Layer
    what: str
    expected: str
    observed: str
    read_from: str
    rule_id: str


@dataclass(frozen=True)
class Comparison:
    """What one look showed: findings, the layers that were seen, and why others were not."""

    findings: tuple[Finding, ...]
    seen: frozenset[Layer]
    not_verified: dict[Layer, str]

    def __add__(self, other: Comparison) -> Comparison:
        """Both together; a layer that either could not see counts as not verified."""
        not_verified = {**self.not_verified, **other.not_verified}
        return Comparison(
            findings=self.findings + other.findings,
            seen=(self.seen | other.seen) - not_verified.keys(),
            not_verified=not_verified,
        )


NOTHING_SEEN = Comparison((), frozenset(), {})
