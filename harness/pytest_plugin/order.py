"""Which cases run, and in which order: so that as few as possible wait for each other."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from harness.pytest_plugin.cases import case_id, claim_of
from harness.run.selection import FULL, SMOKE, select


def chosen(wanted: str | None, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The items that `--select` means; tests that are no cases go only where something is selected.

    Raises:
        SelectionError: a pattern that no case has.
    """
    if wanted in (None, FULL):
        return list(items)
    if wanted == SMOKE:
        return [item for item in items if item.get_closest_marker("smoke")]
    ids = select(str(wanted), [found for found in map(case_id, items) if found is not None])
    return [item for item in items if case_id(item) in ids]


def arranged(items: list[pytest.Item], seed: int | None) -> list[pytest.Item]:
    """In an order drawn from the seed, or else: what wants other zone settings first and together, then the chains."""
    if seed is not None:
        return random.Random(seed).sample(items, len(items))  # noqa: S311 - an order, not a secret
    return sorted(items, key=_rank)


def _rank(item: pytest.Item) -> tuple[int, str]:
    claim = claim_of(item)
    if claim.zone_settings:
        return 0, ""
    return (1, claim.chain) if claim.chain else (2, "")
