"""Collects equalities of one layer into a comparison."""

from __future__ import annotations

from harness.reference.rule import Rule
from harness.verify.finding import Comparison, Finding, Layer


class Checks:
    """Equalities of one `layer`, all read from one place."""

    def __init__(self, layer: Layer, read_from: str) -> None:
        self.layer = layer
        self.read_from = read_from
        self._findings: list[Finding] = []

    def equal(self, what: str, expected: object, observed: object, rule: Rule) -> None:
        """Note a finding unless both are equal."""
        if expected != observed:
            self.differs(what, str(expected), str(observed), rule)

    def differs(self, what: str, expected: str, observed: str, rule: Rule) -> None:
        self._findings.append(Finding(self.layer, what, expected, observed, self.read_from, rule.id))

    def done(self) -> Comparison:
        """The layer was seen."""
        return Comparison(tuple(self._findings), frozenset({self.layer}), {})


def not_verified(layer: Layer, reason: str) -> Comparison:
    """The layer could not be seen."""
    return Comparison((), frozenset(), {layer: reason})
