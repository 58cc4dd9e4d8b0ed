"""An audit as text: what is wrong and how much of it, what was not seen, and what would mend it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator

from harness.audit import Audit, Grade, HostLine, InstanceLine
from harness.audit.states import STATES, Mend
from harness.report.reading import printable
from harness.report.text_table import table_lines


def one_line(text: str) -> str:
    """A name or a reason that breaks out of no line and no terminal."""
    return printable(" ".join(text.split()))


_ORDER = {grade: number for number, grade in enumerate(Grade)}


def audit_text(found: Audit) -> str:
    """The summary for a terminal."""
    return "\n".join([*_head(found), "", *_table(found), *_unseen(found)]) + "\n"


def _head(found: Audit) -> Iterator[str]:
    cloud, instances = found.cloud, found.instances
    yield one_line(
        f"CloudStack {cloud.cloudstack} (behaves like {cloud.release}), zone {cloud.zone}: {cloud.selection}"
    )
    ready = sum(line.is_ready for line in instances)
    unseen = sum(bool(line.not_seen) for line in instances)
    restart = sum(_needs(line, Mend.RESTART) for line in instances)
    yield (
        f"{len(instances)} running instances on {len(found.hosts)} hosts: {ready} can be scaled live now, "
        f"{restart} would be mended by a stop and start, {unseen} were not wholly seen"
    )
    if not cloud.guests_asked:
        yield "guests were not asked (--guests)"


def _needs(line: InstanceLine | HostLine, mend: Mend) -> bool:
    return any(STATES[state.state].mend is mend for state in line.states if state.grade is not Grade.NOTE)


def _table(found: Audit) -> Iterator[str]:
    counts = state_counts(found)
    rows: list[tuple[str, ...]] = [("state", "grade", "number", "what it says", "what mends it")]
    for state_id, number in counts:
        state = STATES[state_id]
        rows.append((state.id, state.grade.value, str(number), state.says, state.mend.value))
    if counts:
        yield from table_lines(rows, right=frozenset({2}))
    else:
        yield "nothing is wrong with what was seen"


def state_counts(found: Audit) -> list[tuple[str, int]]:
    """How many hosts and instances are in each state, the gravest states first."""
    counts = Counter(state_id for line in found.lines for state_id in {state.state for state in line.states})
    return sorted(counts.items(), key=lambda item: (_ORDER[STATES[item[0]].grade], -item[1], item[0]))


def _unseen(found: Audit) -> Iterator[str]:
    hosts = [line for line in found.hosts if line.libvirt is None]
    if found.end is not None and found.end.not_seen:
        yield ""
        yield "not seen:"
        for reason, number in found.end.not_seen.items():
            yield f"  {number} x {one_line(reason)}"
    if hosts:
        yield f"hosts that were not looked at: {one_line(', '.join(line.name for line in hosts))}"


def fix_plan(found: Audit) -> str:
    """What would mend each thing. It is printed for a person to judge and to do; nothing here runs it."""
    return "\n".join(_plan(found)) + "\n"


def _plan(found: Audit) -> Iterator[str]:
    zone, seen_at = one_line(found.cloud.zone), f"{found.cloud.began:%F %T} UTC"
    yield f"# What would mend zone {zone}, as seen at {seen_at}. Nothing of it was done."
    todo: dict[Mend, list[InstanceLine | HostLine]] = {}
    for line in found.lines:
        for mend in sorted({STATES[s.state].mend for s in line.states if s.grade is not Grade.NOTE}):
            todo.setdefault(mend, []).append(line)
    if not todo:
        yield "# There is nothing to mend in what was seen."
    for mend in sorted(todo, key=_sequence):
        lines = todo[mend]
        yield ""
        yield f"# {len(lines)} x {mend.value}"
        if mend is Mend.ZONE_SETTING:
            yield f"updateConfiguration name=enable.dynamic.scale.vm value=true zoneid={found.cloud.zone_id}"
        elif mend in (Mend.RESTART, Mend.FLAG):
            yield from _by_account(lines, mend)
        else:
            for line in lines:
                yield f"#   {_called(line)}: {one_line('; '.join(_reasons(line, mend)))}"


def _sequence(mend: Mend) -> tuple[int, str]:
    """Settings and templates before flags, and both before the restarts that make use of them."""
    late = {Mend.FLAG: 1, Mend.RESTART: 2, Mend.LOOK: 3}
    return late.get(mend, 0), mend.value


def _by_account(lines: Iterable[InstanceLine | HostLine], mend: Mend) -> Iterator[str]:
    """By account, since whose instances they are must be asked or told."""
    accounts: dict[str, list[InstanceLine]] = {}
    for line in lines:
        if isinstance(line, InstanceLine):
            accounts.setdefault(f"{line.account_domain}/{line.account}", []).append(line)
    for account, theirs in sorted(accounts.items()):
        yield f"# account {one_line(account)}: {len(theirs)}"
        for line in sorted(theirs, key=lambda one: one.name):
            yield f"# {_called(line)}: {one_line('; '.join(_reasons(line, mend)))}"
            if mend is Mend.FLAG:
                yield f"updateVirtualMachine id={line.id} isdynamicallyscalable=true"
                if _needs(line, Mend.RESTART):
                    # It has its restart further down, for both.
                    continue
            yield f"stopVirtualMachine id={line.id}"
            yield f"startVirtualMachine id={line.id}"


def _reasons(line: InstanceLine | HostLine, mend: Mend) -> list[str]:
    return [
        state.says + (f" ({state.observed} in place of {state.expected})" if state.observed and state.expected else "")
        for state in line.states
        if STATES[state.state].mend is mend and state.grade is not Grade.NOTE
    ]


def _called(line: InstanceLine | HostLine) -> str:
    if isinstance(line, HostLine):
        return f"host {one_line(line.name)}"
    return one_line(f"{line.name} ({line.instance_name} on {line.host})")


_COLUMNS = [name for name in InstanceLine.model_fields if name not in ("kind", "states", "not_seen")] + [
    "grade",
    "states",
    "not_seen",
]


def audit_csv(found: Audit) -> str:
    """A row for each instance. What a spreadsheet would take for a formula is marked as text."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for line in found.instances:
        values = line.model_dump(mode="json", exclude={"kind", "states", "not_seen"})
        values["grade"] = "" if line.grade is None else line.grade.value
        values["states"] = " ".join(state.state for state in line.states)
        values["not_seen"] = "; ".join(line.not_seen)
        writer.writerow([_cell(values[name]) for name in _COLUMNS])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = str(value)
    # -1 is no formula, and a name such as =cmd() must not be one.
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
