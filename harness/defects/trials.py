"""Runs the cases against labs that have one defect each, and tells which defects were caught, by what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from queue import SimpleQueue
from typing import TypeVar

from harness.defects.bench import Bench, Plan, bench
from harness.errors import HarnessError
from harness.lab.defects.defect import Defect, Sign
from harness.run.record import CaseRecord, FindingRecord, Outcome, RunRecord

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Verdict(StrEnum):
    CAUGHT = "caught"
    MISNAMED = "caught, but the first finding names something else"
    MISSED = "not caught"
    BROKEN = "the cases could not run"


@dataclass(frozen=True)
class Trial:
    """What became of one defect. `cases` failed; the first finding of the first of them is `finding`.

    `naming` are those of them whose first finding names what is wrong, those with the fewest steps first.
    """

    defect: Defect
    verdict: Verdict
    cases: tuple[str, ...]
    layers: tuple[str, ...]
    finding: FindingRecord | None
    seconds: float
    note: str = ""
    naming: tuple[str, ...] = ()


@dataclass(frozen=True)
class Blame:
    """A case that says something of a lab without a defect, in the run of this seed."""

    seed: int
    case: str
    says: str


def names(sign: Sign, finding: FindingRecord) -> bool:
    """Whether a finding points at what is wrong; numbers and names may follow a quantity ("quota of vCPU 1 in us")."""
    return finding.layer == sign.layer and any(finding.what.startswith(each) for each in sign.quantities)


def judge(defect: Defect, record: RunRecord, seconds: float, every: Sequence[str] = ()) -> Trial:
    """What a run against a lab with this defect proves. Each case of `every` has to catch it."""
    failed = [case for case in record.cases if case.outcome is Outcome.FAILED]
    blind = [each for each in every if each not in {case.id for case in failed}]
    if not failed or blind:
        verdict = Verdict.MISSED if _has_run(record.cases) else Verdict.BROKEN
        note = f"by {', '.join(blind)} {_excuses(record)}" if blind else _excuses(record)
        return Trial(defect, verdict, (), (), None, seconds, note.rstrip())
    first = failed[0].findings[0]
    verdict = Verdict.CAUGHT if names(defect.sign, first) else Verdict.MISNAMED
    layers = tuple(dict.fromkeys(finding.layer for case in failed for finding in case.findings))
    naming = sorted((case for case in failed if names(defect.sign, case.findings[0])), key=lambda case: len(case.steps))
    return Trial(
        defect,
        verdict,
        tuple(case.id for case in failed),
        layers,
        first,
        seconds,
        naming=tuple(case.id for case in naming),
    )


def _has_run(cases: Sequence[CaseRecord]) -> bool:
    return any(case.outcome in (Outcome.PASSED, Outcome.KNOWN_DEFECT, Outcome.FAILED) for case in cases)


def _excuses(record: RunRecord) -> str:
    reasons = dict.fromkeys(case.reason for case in record.cases if case.reason)
    return record.could_not_run or "; ".join(filter(None, reasons))


class DefectRun:
    """Labs side by side, and the cases against each of them, for the time of a `with` block."""

    def __init__(self, benches: Sequence[Bench]) -> None:
        self._benches = benches
        self._threads = ThreadPoolExecutor(max_workers=len(benches))
        self._idle: SimpleQueue[Bench] = SimpleQueue()
        for each in benches:
            self._idle.put(each)

    def trials(self, defects: Sequence[tuple[Defect, str]], *, all_must_catch: bool = False) -> Iterator[Trial]:
        """Try each defect against the cases beside it; in their order. What could not be run is a verdict."""

        def tried(bench: Bench, asked: tuple[Defect, str]) -> Trial:
            defect, select = asked
            began = time.monotonic()
            try:
                record = bench.run(defect.id, select)
            except HarnessError as failure:
                return Trial(defect, Verdict.BROKEN, (), (), None, time.monotonic() - began, str(failure))
            return judge(defect, record, time.monotonic() - began, select.split(",") if all_must_catch else ())

        return self._on_benches(tried, defects)

    def clean_runs(self, seeds: Sequence[int], select: str | None = None) -> Iterator[list[Blame]]:
        """Run the cases against labs without a defect, in an order drawn from each seed; gives who was blamed.

        Raises:
            HarnessError: a lab or its cases could not be run at all.
        """

        def run(bench: Bench, seed: int) -> list[Blame]:
            record = bench.run(None, select, seed)
            return [
                Blame(seed, case.id, str(case.findings[0]) if case.findings else str(case.reason))
                for case in record.cases
                if case.outcome in (Outcome.FAILED, Outcome.COULD_NOT_RUN)
            ]

        return self._on_benches(run, seeds)

    def _on_benches(self, act: Callable[[Bench, Asked], Answer], asked: Sequence[Asked]) -> Iterator[Answer]:
        def on_an_idle_one(one: Asked) -> Answer:
            bench = self._idle.get()
            try:
                return act(bench, one)
            finally:
                self._idle.put(bench)

        return self._threads.map(on_an_idle_one, asked)

    def close(self) -> None:
        """What still runs is ended where it is."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for each in self._benches:
            each.give_up()
        self._threads.shutdown()


@contextmanager
def defect_run(plan: Plan, workers: int) -> Iterator[DefectRun]:
    """So many labs, brought up one after the other.

    Raises:
        LabFailedError: one did not come up.
    """
    with ExitStack() as stack:
        run = DefectRun([stack.enter_context(bench(plan)) for _ in range(workers)])
        stack.callback(run.close)
        yield run
