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


def arranged(items: list[pytest.Item], seed: int | None, *, by_section: bool = False) -> list[pytest.Item]:
    """In an order drawn from the seed, or else: what wants other zone settings first and together, then the chains.

    `by_section`: and no section before the one before it is through.
    """
    items = sorted(items, key=_rank) if seed is None else random.Random(seed).sample(items, len(items))  # noqa: S311
    if not by_section:
        return items
    sections = list(dict.fromkeys(map(_section, items)))
    return sorted(items, key=lambda item: sections.index(_section(item)))


def _section(item: pytest.Item) -> str:
    return (case_id(item) or "").split("-", 1)[0]


def _rank(item: pytest.Item) -> tuple[int, str]:
    claim = claim_of(item)
    if claim.zone_settings:
        return 0, ""
    return (1, claim.chain) if claim.chain else (2, "")
