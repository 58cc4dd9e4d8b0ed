"""Where things stand in the pictures of a page: plain numbers that its template draws."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.report import matrix
from harness.report.matrix import Ceiling, Migration, Quota
from harness.report.page_data import keys
from harness.run.record import CaseRecord, Outcome, RunRecord
from harness.run.steps import WaitsFor

# More would be a list, not a picture.
MOST_BARS = 12
MOST_LINKED_BLOCKS = 600
# Parts of the whole width; what is narrower is drawn together with its neighbours.
_FINEST = 1 / 1500


@dataclass(frozen=True)
class Bar:
    """`ceiling`s that are alike in one line; `*_part` are parts of the longest value."""

    ceiling: Ceiling
    cases: list[str]
    requested_part: float
    observed_part: float
    host_part: float


def ceiling_bars(ceilings: Iterable[Ceiling], unit: str) -> tuple[list[Bar], int]:
    """The first bars, those that disagree before others, and how many more there are."""
    groups: dict[tuple[int, int | None, int | None, int], tuple[Ceiling, list[str]]] = {}
    for one in ceilings:
        if one.unit == unit:
            _, cases = groups.setdefault((one.requested, one.observed, one.expected, one.host), (one, []))
            if one.case not in cases:
                cases.append(one.case)
    ordered = sorted(groups.values(), key=lambda group: (group[0].agrees, group[0].host, group[0].observed or 0))
    longest = max((max(one.requested, one.observed or 0, one.host) for one, _ in ordered), default=1)
    bars = [
        Bar(one, cases, one.requested / longest, (one.observed or 0) / longest, one.host / longest)
        for one, cases in ordered[:MOST_BARS]
    ]
    return bars, len(ordered) - len(bars)


@dataclass(frozen=True)
class Dot:
    """`x` and the two `y` in the picture's units, from its upper left corner; `y` is None where no quota was seen."""

    quota: Quota
    x: float
    expected_y: float
    y: float | None

    @property
    def agrees(self) -> bool:
        return self.y is not None and math.isclose(self.quota.expected, self.quota.observed or 0, abs_tol=0.005)


@dataclass(frozen=True)
class Plot:
    """Dots in a picture of `width` x `height`; both axes end at the same part: what is predicted lies on the diagonal.

    `ticks` are (x on the lower axis, y on the left axis, label).
    """

    dots: list[Dot]
    width: float
    height: float
    ticks: list[tuple[float, float, str]]


def quota_plot(quotas: Iterable[Quota], width: float = 300, height: float = 220) -> Plot | None:
    """None where nothing is capped."""
    found = list({(one.asked, one.expected, one.observed): one for one in quotas}.values())
    if not found:
        return None
    top = max(1.0, *(max(one.asked, one.expected, one.observed or 0) for one in found)) * 1.08
    dots = [
        Dot(
            one,
            one.asked / top * width,
            height - one.expected / top * height,
            None if one.observed is None else height - one.observed / top * height,
        )
        for one in found
    ]
    step = 0.25 if top < 1.5 else math.ceil(top / 5)
    marks = [number * step for number in range(int(top / step) + 1)]
    ticks = [(mark / top * width, height - mark / top * height, f"{mark:.0%}") for mark in marks]
    return Plot(dots, width, height, ticks)


@dataclass(frozen=True)
class Arrow:
    """Migrations from the host in row `left` to that in row `reached`."""

    left: int
    reached: int
    number: int
    agrees: bool


def migration_arrows(migrations: Iterable[Migration]) -> tuple[list[str], list[Arrow]]:
    """The hosts, and the arrows between them."""
    found = list(migrations)
    hosts = sorted({one.left for one in found} | {one.reached for one in found})
    numbers: dict[tuple[int, int], list[Migration]] = {}
    for one in found:
        numbers.setdefault((hosts.index(one.left), hosts.index(one.reached)), []).append(one)
    arrows = [
        Arrow(left, reached, len(ones), all(one.agrees for one in ones)) for (left, reached), ones in numbers.items()
    ]
    return hosts, arrows


@dataclass(frozen=True)
class Block:
    """Something that lasts, in per cent of the run; `kind` is an outcome's or a wait's word."""

    x: float
    width: float
    kind: str
    label: str = ""
    key: str = ""


@dataclass(frozen=True)
class Lane:
    worker: str
    cases: list[Block]
    waits: list[Block]
    busy: float
    spent: dict[WaitsFor, float]


@dataclass(frozen=True)
class TimeLine:
    lanes: list[Lane]
    seconds: float
    ticks: list[tuple[float, str]]


def time_line(record: RunRecord) -> TimeLine | None:
    """Who ran which case when, and whose time it was. None where no case ran."""
    if not record.cases:
        return None
    whole = max(max(case.began + case.seconds for case in record.cases), 0.001)
    if record.finished is not None:
        whole = max(whole, (record.finished - record.started).total_seconds())
    linked = len(record.cases) <= MOST_LINKED_BLOCKS
    workers: dict[str, list[tuple[str, CaseRecord]]] = {}
    for key, case in zip(keys(record), record.cases, strict=True):
        workers.setdefault(case.worker, []).append((key, case))
    lanes = [_lane(worker, members, whole, linked) for worker, members in sorted(workers.items())]
    step = _tick_step(whole)
    ticks = [(100 * n * step / whole, f"{n * step:g} s") for n in range(int(whole / step) + 1)]
    return TimeLine(lanes, whole, ticks)


def _lane(worker: str, members: list[tuple[str, CaseRecord]], whole: float, linked: bool) -> Lane:
    spent = dict.fromkeys(WaitsFor, 0.0)
    blocks, waits = [], []
    for key, case in sorted(members, key=lambda member: member[1].began):
        x, width = 100 * case.began / whole, 100 * case.seconds / whole
        blocks.append(Block(x, width, case.outcome.value, case.id, key if linked else ""))
        for whose, seconds in case.waited.items():
            spent[whose] += seconds
        waits += [
            Block(100 * step.began / whole, 100 * step.seconds / whole, step.waits_for.value, f"{case.id}: {step.name}")
            for step in case.steps
        ]
    busy = sum(case.seconds for _, case in members) / whole
    return Lane(worker, blocks if linked else _merged(blocks), _merged(waits), busy, spent)


def _merged(blocks: list[Block]) -> list[Block]:
    """Neighbours too narrow to be seen become one, in the colour of the widest of its kinds; wide ones stay alone."""
    merged: list[Block] = []
    group: list[Block] = []
    for block in [*blocks, None]:
        if block is not None and (not group or block.x + block.width - group[0].x < 100 * _FINEST):
            group.append(block)
            continue
        if group:
            merged.append(_one(group))
        group = [] if block is None else [block]
    return merged


def _one(group: list[Block]) -> Block:
    if len(group) == 1:
        return group[0]
    widths: dict[str, float] = {}
    for block in group:
        widths[block.kind] = widths.get(block.kind, 0.0) + block.width
    worst = Outcome.FAILED.value if Outcome.FAILED.value in widths else max(widths, key=lambda kind: widths[kind])
    end = max(block.x + block.width for block in group)
    return Block(group[0].x, end - group[0].x, worst, f"{len(group)} together")


def _tick_step(seconds: float) -> float:
    """A round number of seconds, so that there are at most eight ticks."""
    size = 10 ** math.floor(math.log10(seconds / 8))
    return float(next(size * factor for factor in (1, 2, 5, 10) if seconds / (size * factor) <= 8))


@dataclass(frozen=True)
class Wait:
    key: str
    case: str
    step: str
    seconds: float


def longest_waits(record: RunRecord, most: int = 5) -> list[Wait]:
    """Where a case waited for another that held something."""
    waits = [
        Wait(key, case.id, step.name, step.seconds)
        for key, case in zip(keys(record), record.cases, strict=True)
        for step in case.steps
        if step.waits_for is WaitsFor.OTHERS
    ]
    return sorted(waits, key=lambda wait: -wait.seconds)[:most]


def seen_switches(record: RunRecord) -> list[tuple[tuple[bool, ...], matrix.Tally | None]]:
    """All sixteen rows of the truth table, with what was seen of each."""
    seen = matrix.switches(record)
    rows = [(bool(number & 8), bool(number & 4), bool(number & 2), bool(number & 1)) for number in range(15, -1, -1)]
    return [(row, seen.get(row)) for row in rows]
