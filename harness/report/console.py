"""What a person sees of a run: a live line while it goes on, a table when it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from harness.run.record import RESULTS_FILE, CaseRecord, Outcome, RunRecord
from harness.run.steps import Step

PAGE_FILE = "index.html"

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.KNOWN_DEFECT: "dark_orange",
    Outcome.FAILED: "bold red",
    Outcome.NOT_VERIFIED: "yellow",
    Outcome.COULD_NOT_RUN: "magenta",
}


class Progress:
    """On a terminal one line that says what is being done and for how long; elsewhere a line for each case."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._now = ""
        self._count = 0
        self._takes_back = False
        self._ended = 0
        self._at_it: list[str] = []
        self._since = time.monotonic()
        self._spinner = Spinner("dots")
        self._live = Live(console=console, get_renderable=self._line, refresh_per_second=8, transient=True)

    def __enter__(self) -> Progress:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def doing(self, what: str) -> None:
        """Something that takes a while begins."""
        self._now = what
        self._since = time.monotonic()

    def note(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def begin(self, count: int) -> None:
        """So many cases follow."""
        self._count = count

    def running(self, case_id: str) -> None:
        """A case begins, maybe beside others."""
        self._at_it.append(case_id)
        self.doing(", ".join(self._at_it))

    def step(self, case_id: str, step: Step) -> None:
        self.doing(f"{case_id}: {step.name}" if step.seconds is None else f"{case_id}")

    def refresh(self) -> None:
        """Draw the live line now."""
        self._live.refresh()

    def case(self, record: CaseRecord) -> None:
        """A case has ended. On a terminal the table at the end says so."""
        self._ended += 1
        if record.id in self._at_it:
            self._at_it.remove(record.id)
            self.doing(", ".join(self._at_it))
        if self._console.is_terminal:
            return
        line = Text(f"{record.id:<10}{record.outcome.value:<15}{record.seconds:6.1f} s  {record.title}")
        line.stylize(_STYLES[record.outcome], 8, 8 + len(record.outcome.value))
        self._console.print(line, soft_wrap=True)

    def take_back(self, change: str, left: int) -> None:
        """The end of the run: so many things are left to be taken back, this one first."""
        after = f", {left - 1} more after it" if left > 1 else ""
        self.doing(f"taking back {change}{after}")
        if not self._takes_back and not self._console.is_terminal:
            self.note(self._now)
        self._takes_back = True

    def _line(self) -> RenderableType:
        seconds = time.monotonic() - self._since
        progress = f"{self._ended} of {self._count}  " if self._count else ""
        self._spinner.update(text=Text(f"{progress}{self._now}  {seconds:.0f} s"))
        return self._spinner


def print_result(console: Console, record: RunRecord, folder: Path) -> None:
    """The table of cases, what is wrong, what was not verified and why, and where the report lies."""
    if record.cases:
        table = Table(box=None, pad_edge=False)
        for heading in ("case", "result", "seconds"):
            table.add_column(heading, justify="right" if heading == "seconds" else "left")
        table.add_column("what it shows", overflow="fold")
        for case in record.cases:
            outcome = Text(case.outcome.value, style=_STYLES[case.outcome])
            table.add_row(case.id, outcome, f"{case.seconds:.1f}", Text(case.title))
        console.print()
        console.print(table)
    for line in plain_summary(record, folder):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def plain_summary(record: RunRecord, folder: Path) -> Iterator[str]:
    """What a person must know besides the table, line by line."""
    for case in record.cases:
        for finding in case.findings:
            yield f"{case.id}: {finding}"
        if case.reason is not None:
            yield f"{case.id}: {case.outcome.value}: {case.reason}"
    yield from _unverified_layers(record)
    for section in record.blind:
        yield f"{section}: nothing of this section was verified, so the run proves too little (--allow-unverified)"
    for line in record.unmet:
        yield f"required: {line}"
    for line in record.warnings:
        yield f"warning: {line}"
    for line in record.leftovers:
        yield f"left behind: {line}"
    if record.leftovers:
        yield f"to take it back: cs-harness cleanup --run {record.run_id} --reports {folder.parent}"
    if record.could_not_run is not None:
        yield f"could not run: {record.could_not_run}"
    if record.shuffle_seed is not None:
        yield f"in an order drawn anew: --shuffle {record.shuffle_seed} repeats it"
    yield _counts(record)
    page = folder / PAGE_FILE
    yield f"report: {page if page.exists() else folder / RESULTS_FILE}"


def _unverified_layers(record: RunRecord) -> Iterator[str]:
    if record.environment is not None and record.environment.hosts_kind == "simulated":
        yield "simulated hosts: domain, scheduler and guest were not verified on real parts (libvirt, QEMU, cgroups)"
    reasons: dict[str, list[str]] = {}
    for case in record.cases:
        for layer, seen in case.layers.items():
            if case.outcome is Outcome.PASSED and seen != "seen":
                reasons.setdefault(f"{layer}: {seen}", []).append(case.id)
    for reason, ids in reasons.items():
        yield f"{reason} ({', '.join(ids)})"


def _counts(record: RunRecord) -> str:
    counts = {outcome: sum(case.outcome is outcome for case in record.cases) for outcome in Outcome}
    parts = [f"{number} {outcome.value}" for outcome, number in counts.items() if number or outcome is Outcome.PASSED]
    seconds = (record.finished - record.started).total_seconds() if record.finished else 0.0
    on = f" on CloudStack {record.environment.cloudstack}" if record.environment else ""
    return f"{', '.join(parts)}{on} in {seconds:.0f} s"
