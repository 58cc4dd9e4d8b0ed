"""A lab that stays up, and a process beside it in which the cases run against it again and again."""

from __future__ import annotations

import multiprocessing
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.control import LabFailedError, embedded_lab
from harness.lab.control_endpoint.client import LabControl
from harness.lab.folder import LabFolder
from harness.run.record import RunRecord, load


class CasesDidNotRunError(HarnessError):
    """The cases could not be run against a lab; the text has what they said."""


@dataclass(frozen=True)
class Plan:
    """On which hosts, as which release, and where labs keep their files."""

    hosts: str
    release: str
    state: Path


class Bench:
    """Runs cases against one lab, which begins anew each time."""

    def __init__(self, cloud_file: Path, control: LabControl, reports: Path) -> None:
        self._cloud_file = cloud_file
        self._control = control
        self._reports = reports
        self._cases = _process()

    def run(self, defect_id: str | None, select: str | None, shuffle: int | None = None) -> RunRecord:
        """The record of these cases against a lab that has this defect, or none.

        Raises:
            CasesDidNotRunError: they could not be run at all.
            ControlFailedError: the lab is gone, or has no such defect.
        """
        self._control.reset()
        self._control.set_defect(defect_id)
        shutil.rmtree(self._reports, ignore_errors=True)
        against = f"the cases against {defect_id or 'a clean lab'}"
        try:
            said = self._cases.submit(_run_cases, self._cloud_file, self._reports, select, shuffle).result()
        except BrokenProcessPool as broken:
            self._cases.shutdown()
            self._cases = _process()
            raise CasesDidNotRunError(f"the process of {against} died: {broken}") from broken
        try:
            return load(self._reports / "latest")
        except OSError as missing:
            raise CasesDidNotRunError(f"{against} left no record; pytest ended with {said}") from missing

    def close(self) -> None:
        self._cases.shutdown()
        self._control.close()


@contextmanager
def bench(plan: Plan) -> Iterator[Bench]:
    """A lab and a process for cases, for the time of a `with` block.

    Raises:
        LabFailedError: the lab did not come up.
    """
    plan.state.mkdir(parents=True, exist_ok=True)
    # A state folder for each: labs of one process would share one.
    with (
        tempfile.TemporaryDirectory(prefix="csh-", dir=plan.state) as folder,
        embedded_lab(Path(folder) / "lab", plan.hosts, plan.release) as cloud_file,
    ):
        made = Bench(cloud_file, _control_of(cloud_file.parent), Path(folder) / "reports")
        try:
            yield made
        finally:
            made.close()


def _control_of(lab: Path) -> LabControl:
    description = LabFolder(lab.parent, lab.name).description()
    if description is None or description.control is None:
        raise LabFailedError(f"the lab in {lab} went down again")
    return LabControl.of_folder(description.control, lab)


def _process() -> ProcessPoolExecutor:
    # Not forked: the threads that wait for it, and the locks they hold, are not to be in it.
    return ProcessPoolExecutor(max_workers=1, mp_context=multiprocessing.get_context("spawn"))


def _run_cases(cloud_file: Path, reports: Path, select: str | None, shuffle: int | None) -> int:
    """pytest's exit code. What it has imported stays, and with it most of what a run costs."""
    from harness.console_run import RunOptions, run_silently

    return run_silently(RunOptions(cloud=cloud_file, reports=reports, select=select, shuffle=shuffle))
