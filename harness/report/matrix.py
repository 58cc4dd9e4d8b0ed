"""The matrix of a run as plain data, for pictures and tables: transitions, switches, ceilings, quotas, migrations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.reference.cpu_tuning import QUOTA_REMOVED_US
from harness.reference.offering import OfferingClass
from harness.reference.scaling import Outcome as Predicted
from harness.run.record import CaseRecord, Outcome, RunRecord, ScaleRecord, SizeRecord, StartRecord

CLASSES = tuple((kind.value, cap) for kind in OfferingClass for cap in (False, True))
SWITCHES = ("zone", "offering", "template", "instance")


def class_name(offering_class: str, cpu_cap: bool) -> str:
    return f"{offering_class} + cap" if cpu_cap else offering_class


@dataclass
class Tally:
    """What was seen in one cell: how often each prediction came true, and the cases behind it."""

    came_true: dict[str, int] = field(default_factory=dict)
    differed: int = 0
    known_defect: int = 0
    cases: list[str] = field(default_factory=list)

    def add(self, case: CaseRecord, came_true: str, *, differs: bool, known_defect: bool = False) -> None:
        if case.id not in self.cases:
            self.cases.append(case.id)
        if differs:
            self.differed += 1
        elif known_defect:
            self.known_defect += 1
        else:
            self.came_true[came_true] = self.came_true.get(came_true, 0) + 1

    @property
    def words(self) -> str:
        parts = [f"{number} {what}" if number > 1 else what for what, number in self.came_true.items()]
        if self.known_defect:
            parts.append("known defect")
        if self.differed:
            parts.append("differs")
        return ", ".join(parts)


Transition = tuple[tuple[str, bool], tuple[str, bool]]


def transitions(record: RunRecord) -> dict[Transition, Tally]:
    """Scales by offering class and cap before and after."""
    found: dict[Transition, Tally] = {}
    for case, scale in scales(record):
        wrong = case.outcome is Outcome.FAILED and (_differs(scale) or not any(map(_differs, case.scales)))
        known = case.outcome is Outcome.KNOWN_DEFECT
        cell = found.setdefault((_class(scale.before), _class(scale.after)), Tally())
        cell.add(case, scale.predicted, differs=wrong, known_defect=known)
    return found


def _differs(scale: ScaleRecord) -> bool:
    """Whether the scale itself was other than predicted; of a failed case without one every scale is suspect."""
    as_predicted = scale.succeeded is (scale.predicted != Predicted.REFUSED)
    return not as_predicted or (scale.quota_us, scale.period_us) != (scale.expected_quota_us, scale.expected_period_us)


def _class(size: SizeRecord) -> tuple[str, bool]:
    return size.offering_class, size.cpu_cap


def switches(record: RunRecord) -> dict[tuple[bool, bool, bool, bool], Tally]:
    """Starts by their four switches; what is told of each is whether the domain was prepared."""
    found: dict[tuple[bool, bool, bool, bool], Tally] = {}
    for case, start in starts(record):
        row = (start.zone_switch, start.offering_switch, start.template_switch, start.instance_switch)
        seen = "not seen" if start.prepared is None else "prepared" if start.prepared else "not prepared"
        limits = (start.max_vcpus, start.max_memory_kib)
        wrong = start.prepared is not None and limits != (start.expected_max_vcpus, start.expected_max_memory_kib)
        found.setdefault(row, Tally()).add(case, seen, differs=wrong)
    return found


@dataclass(frozen=True)
class Ceiling:
    """A prepared domain's upper limit beside what was requested and what the host has; memory in MiB.

    `observed` and `expected` are None where there is no ceiling.
    """

    case: str
    instance: str
    unit: str
    requested: int
    observed: int | None
    expected: int | None
    host: int

    @property
    def agrees(self) -> bool:
        return self.observed == self.expected


def ceilings(record: RunRecord) -> Iterator[Ceiling]:
    """Of each start whose domain was seen: one of vCPUs, one of memory."""
    for case, start in starts(record):
        if start.prepared is None:
            continue
        # A domain without ceilings says its current vCPUs as the maximum.
        expected = start.expected_max_vcpus
        yield Ceiling(case.id, start.instance, "vCPUs", start.size.cpus, start.max_vcpus, expected, start.host.cpus)
        observed_mib, expected_mib = (
            None if kib is None else kib // 1024 for kib in (start.max_memory_kib, start.expected_max_memory_kib)
        )
        memory = start.size.memory_mib
        yield Ceiling(case.id, start.instance, "MiB", memory, observed_mib, expected_mib, start.host.memory_mib)


@dataclass(frozen=True)
class Quota:
    """A capped domain after a scale: the part of a host's CPU that it asked for, and quota / period as seen."""

    case: str
    instance: str
    asked: float
    expected: float
    observed: float | None


def quotas(record: RunRecord) -> Iterator[Quota]:
    for case, scale in scales(record):
        expected = _part(scale.expected_quota_us, scale.expected_period_us)
        if expected is None or not scale.host_speed_mhz:
            continue
        size = scale.after if scale.succeeded else scale.before
        asked = size.speed_mhz / scale.host_speed_mhz
        yield Quota(case.id, scale.instance, asked, expected, _part(scale.quota_us, scale.period_us))


def _part(quota_us: int | None, period_us: int | None) -> float | None:
    if quota_us is None or not period_us or quota_us < 0 or quota_us >= QUOTA_REMOVED_US:
        return None
    return quota_us / period_us


@dataclass(frozen=True)
class Migration:
    case: str
    instance: str
    left: str
    reached: str
    agrees: bool


def migrations(record: RunRecord) -> Iterator[Migration]:
    for case, scale in scales(record):
        if scale.host_before and scale.host_after and scale.host_before != scale.host_after:
            # One that was moved and then refused is predicted as refused; where that was right the case has not failed.
            agrees = scale.predicted == Predicted.MIGRATED or case.outcome is not Outcome.FAILED
            yield Migration(case.id, scale.instance, scale.host_before, scale.host_after, agrees)


def scales(record: RunRecord) -> Iterator[tuple[CaseRecord, ScaleRecord]]:
    for case in record.cases:
        for scale in case.scales:
            yield case, scale


def starts(record: RunRecord) -> Iterator[tuple[CaseRecord, StartRecord]]:
    for case in record.cases:
        for start in case.starts:
            yield case, start
