"""Runs the cases against labs that have one defect each, and tells which defects were caught, by what."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.control import embedded_lab
from harness.lab.defects.defect import Defect, Sign
from harness.lab.options import LabOptions
from harness.run.record import CaseRecord, FindingRecord, Outcome, RunRecord, load

_LONGEST_RUN_SECONDS = 1800.0
# As a person would call it; the same interpreter, so that nothing has to be in PATH.
_COMMAND = (sys.executable, "-c", "from harness.cli import main; main()", "verify")


class CasesDidNotRunError(HarnessError):
    """The cases could not be run against a lab; the text has what they said."""


class Verdict(StrEnum):
    CAUGHT = "caught"
    MISNAMED = "caught, but the first finding names something else"
    MISSED = "not caught"
    BROKEN = "the cases could not run"


@dataclass(frozen=True)
class Trial:
    """What became of one defect. `cases` failed; the first finding of the first of them is `finding`."""

    defect: Defect
    verdict: Verdict
    cases: tuple[str, ...]
    layers: tuple[str, ...]
    finding: FindingRecord | None
    seconds: float
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """On which hosts, as which release, and where labs keep their files."""

    hosts: str
    release: str
    state: Path


def names(sign: Sign, finding: FindingRecord) -> bool:
    """Whether a finding points at what is wrong; numbers and names may follow a quantity ("quota of vCPU 1 in us")."""
    return finding.layer == sign.layer and any(finding.what.startswith(each) for each in sign.quantities)


def judge(defect: Defect, record: RunRecord, seconds: float) -> Trial:
    """What a run against a lab with this defect proves."""
    failed = [case for case in record.cases if case.outcome is Outcome.FAILED]
    if not failed:
        verdict = Verdict.MISSED if _has_run(record.cases) else Verdict.BROKEN
        return Trial(defect, verdict, (), (), None, seconds, _excuses(record))
    first = failed[0].findings[0]
    verdict = Verdict.CAUGHT if names(defect.sign, first) else Verdict.MISNAMED
    layers = tuple(dict.fromkeys(finding.layer for case in failed for finding in case.findings))
    return Trial(defect, verdict, tuple(case.id for case in failed), layers, first, seconds)


def _has_run(cases: Sequence[CaseRecord]) -> bool:
    return any(case.outcome in (Outcome.PASSED, Outcome.KNOWN_DEFECT) for case in cases)


def _excuses(record: RunRecord) -> str:
    reasons = dict.fromkeys(case.reason for case in record.cases if case.reason)
    return record.could_not_run or "; ".join(filter(None, reasons))


def trials(plan: Plan, defects: Sequence[Defect], workers: int) -> Iterator[Trial]:
    """Try them side by side; in their order. A lab or cases that could not be run are a verdict."""
    with ThreadPoolExecutor(max_workers=workers) as threads:
        yield from threads.map(lambda defect: _trial(plan, defect), defects)


def _trial(plan: Plan, defect: Defect) -> Trial:
    began = time.monotonic()
    try:
        record = _cases_against(plan, defect.id, defect.sections)
    except HarnessError as failure:
        return Trial(defect, Verdict.BROKEN, (), (), None, time.monotonic() - began, str(failure))
    return judge(defect, record, time.monotonic() - began)


def clean_run(plan: Plan, select: str | None = None) -> list[CaseRecord]:
    """The cases that report something on a lab without defects.

    Raises:
        LabFailedError, CasesDidNotRunError: the lab or its cases could not be run at all.
    """
    record = _cases_against(plan, None, select)
    return [case for case in record.cases if case.outcome in (Outcome.FAILED, Outcome.COULD_NOT_RUN)]


def _cases_against(plan: Plan, defect_id: str | None, select: str | None) -> RunRecord:
    # A state folder for each: labs of one process would share one.
    with tempfile.TemporaryDirectory(prefix="csh-", dir=_made(plan.state)) as folder:
        state, reports = Path(folder) / "lab", Path(folder) / "reports"
        with embedded_lab(state, plan.hosts, plan.release, LabOptions(defect=defect_id)) as cloud_file:
            chosen = [] if select is None else ["--select", select]
            done = _run([*_COMMAND, "--cloud", str(cloud_file), "--reports", str(reports), "--json", *chosen])
        try:
            return load(reports / "latest")
        except OSError as missing:
            said = done.stderr.strip().splitlines() or ["nothing"]
            raise CasesDidNotRunError(f"the cases against {defect_id or 'a clean lab'} said: {said[-1]}") from missing


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_RUN_SECONDS, check=False)
