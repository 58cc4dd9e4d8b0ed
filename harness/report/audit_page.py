"""An audit as one HTML file: the fleet as a picture, clusters with hosts with instances, each by its state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.audit import Audit, Grade, HostLine, InstanceLine
from harness.audit.states import STATES
from harness.report.audit_text import state_counts
from harness.report.html_text import render
from harness.report.reading import printable

_STEP = 12
_LEGEND = (
    ("ready", "can be scaled live"),
    ("note", "can be scaled live, with something to know"),
    ("unready", "cannot be scaled live as it is"),
    ("wrong", "something is wrong"),
    ("unseen", "not wholly seen"),
)
# Of one host; the rest is in audit.jsonl and in the CSV file.
_MOST_TOLD = 50


@dataclass(frozen=True)
class Mark:
    kind: str
    x: int
    y: int
    title: str


@dataclass(frozen=True)
class HostPicture:
    line: HostLine
    marks: tuple[Mark, ...]
    width: int
    height: int
    ready: int
    says: str
    told: tuple[str, ...]


def audit_html(found: Audit) -> str:
    pictures = _pictures(found)
    clusters: dict[str, list[HostPicture]] = {}
    for picture in pictures:
        clusters.setdefault(picture.line.cluster, []).append(picture)
    tone = "bad" if found.count(Grade.WRONG) else "unproven" if found.unseen or found.count(Grade.UNREADY) else "good"
    return render(
        "audit.html.j2",
        cloud=found.cloud,
        end=found.end,
        hosts=found.hosts,
        instances=found.instances,
        ready=sum(line.is_ready for line in found.instances),
        tone=tone,
        counts=[(STATES[state], number) for state, number in state_counts(found)],
        legend=_LEGEND,
        clusters=list(clusters.items()),
    )


def kind_of(line: InstanceLine) -> str:
    """How an instance is drawn: what is wrong outweighs what was not seen."""
    if line.grade is Grade.WRONG:
        return "wrong"
    if line.not_seen:
        return "unseen"
    return "ready" if line.grade is None else line.grade.value


def _pictures(found: Audit) -> list[HostPicture]:
    there: dict[str, list[InstanceLine]] = {}
    for line in found.instances:
        there.setdefault(line.host, []).append(line)
    return [_picture(host, there.get(host.name, [])) for host in found.hosts]


def _picture(host: HostLine, instances: list[InstanceLine]) -> HostPicture:
    columns = 10 if len(instances) <= 100 else 25
    marks = tuple(
        Mark(
            kind_of(line),
            1 + number % columns * _STEP,
            1 + number // columns * _STEP,
            printable(f"{line.name} ({line.instance_name}): {_text(line) or 'ready'}"),
        )
        for number, line in enumerate(instances)
    )
    rows = -(-len(instances) // columns)
    ready = sum(line.is_ready for line in instances)
    told = [*_told(host.name, host), *(text for line in instances for text in _told(line.name, line))]
    more = [f"and {len(told) - _MOST_TOLD} more"] if len(told) > _MOST_TOLD else []
    return HostPicture(
        line=host,
        marks=marks,
        width=columns * _STEP,
        height=rows * _STEP,
        ready=ready,
        says=f"{len(instances)} instances, {ready} ready",
        told=(*told[:_MOST_TOLD], *more),
    )


def _told(name: str, line: HostLine | InstanceLine) -> Iterable[str]:
    text = _text(line)
    if text:
        yield printable(f"{name}: {text}")


def _text(line: HostLine | InstanceLine) -> str:
    states = [
        state.says + (f" ({state.observed} in place of {state.expected})" if state.observed and state.expected else "")
        for state in line.states
    ]
    return "; ".join([*states, *(f"not seen: {reason}" for reason in line.not_seen)])
