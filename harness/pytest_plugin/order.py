"""Which cases run, and in which order: so that as few as possible wait for each other."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from harness.pytest_plugin.cases import case_id, claim_of
from harness.run.selection import FULL, SMOKE, select

# More than neighbours that are alike, such as the six transitions from one class of offerings.
_APART = 7


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
    """In an order drawn from the seed, or else one in which as few workers as possible wait for each other.

    `by_section`: and no section before the one before it is through.
    """
    items = _quickly(items) if seed is None else random.Random(seed).sample(items, len(items))  # noqa: S311
    if not by_section:
        return items
    sections = list(dict.fromkeys(map(_section, items)))
    return sorted(items, key=lambda item: sections.index(_section(item)))


def _section(item: pytest.Item) -> str:
    return (case_id(item) or "").split("-", 1)[0]


def _quickly(items: list[pytest.Item]) -> list[pytest.Item]:
    """What is alone in the zone comes first, since all others wait for it anyhow.

    Then what wants other settings of the zone, together, because each change of them waits for everybody. Then the
    chain that needs the largest cluster, beside cases that share another one; the other chains come when half of those
    are through, so that there is a cluster to share all the time. Neighbours of a module, which are alike, would all at
    once be busy, or wait for guests with a CPU cap: where cases may overlap they come far apart.
    """
    claims = [claim_of(item) for item in items]
    largest = max((claim.hosts for claim in claims if claim.alone == "cluster"), default=1)
    sharing = [number for number, claim in enumerate(claims) if claim.alone is None and not claim.zone_settings]
    spread = {number: place for place, number in enumerate(_far_apart(sharing))}

    def rank(number: int) -> tuple[int, int]:
        claim = claims[number]
        if claim.alone == "zone":
            return 0, 0
        if claim.alone == "cluster":
            return (2 if claim.hosts == largest else 4), -claim.hosts
        if claim.zone_settings:
            return 1, 0
        place = spread[number]
        return (3 if place < len(sharing) // 2 else 5), place

    return [items[number] for number in sorted(range(len(items)), key=rank)]


def _far_apart(numbers: Sequence[int]) -> list[int]:
    return [number for first in range(_APART) for number in numbers[first::_APART]]
