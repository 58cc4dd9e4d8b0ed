"""A lab that stays up, and a process beside it in which the cases run against it again and again."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Thread

from harness.errors import HarnessError
from harness.lab.control import LabFailedError, embedded_lab
from harness.lab.control_endpoint.client import LabControl
from harness.lab.folder import LabFolder
from harness.run.record import RunRecord, load

# Where this system keeps files in memory, and what a few labs and the reports of their runs need at most.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - each lab gets a new folder of its own in it
_NEEDED_BYTES = 256 << 20


def memory_for(hosts: str) -> Path | None:
    """A folder in memory for labs that last for one command, where there is room: None where there is none.

    Simulated hosts are thousands of files, made and removed.
    """
    fits = os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free >= _NEEDED_BYTES
    return _IN_MEMORY if hosts == "simulated" and fits else None


class CasesDidNotRunError(HarnessError):
    """The cases could not be run against a lab; the text has what they said."""


@dataclass(frozen=True)
class Plan:
    """On which hosts, as which release, and where labs keep their files."""

    hosts: str
    release: str
    state: Path


class CasesProcess:
    """A process beside this one in which cases run. It does not outlive this one, whatever ends that."""

    def __init__(self) -> None:
        # Not forked: the threads that wait for it, and the locks they hold, are not to be in it.
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def run(self, *asked: object) -> int:
        """pytest's exit code of `_run_cases` with these arguments. Raises EOFError, OSError where the process died."""
        self._pipe.send(asked)
        return int(self._pipe.recv())

    def kill(self) -> None:
        """End it where it is; a thread that waits for it hears of that."""
        self._process.kill()

    def close(self) -> None:
        self.kill()
        self._process.join()
        self._pipe.close()


class Bench:
    """Runs cases against one lab, which begins anew each time."""

    def __init__(self, cloud_file: Path, control: LabControl, reports: Path) -> None:
        self._cloud_file = cloud_file
        self._control = control
        self._reports = reports
        self._cases = CasesProcess()
        self._given_up = False

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
            said = self._cases.run(self._cloud_file, self._reports, select, shuffle)
        except (EOFError, OSError) as died:
            if not self._given_up:
                self._cases.close()
                self._cases = CasesProcess()
            raise CasesDidNotRunError(f"the process of {against} died") from died
        try:
            return load(self._reports / "latest")
        except OSError as missing:
            raise CasesDidNotRunError(f"{against} left no record; pytest ended with {said}") from missing

    def give_up(self) -> None:
        """End what runs here now; whoever waits for it gets CasesDidNotRunError."""
        self._given_up = True
        self._cases.kill()

    def close(self) -> None:
        self._cases.close()
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


def _serve(pipe: Connection) -> None:
    """Run what is asked for until nobody asks any more."""
    # Ctrl-C in a terminal reaches both; the other one decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_parent, daemon=True).start()
    with suppress(EOFError):
        while True:
            pipe.send(_run_cases(*pipe.recv()))


def _end_with_the_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _run_cases(cloud_file: Path, reports: Path, select: str | None, shuffle: int | None) -> int:
    """pytest's exit code. What it has imported stays, and with it most of what a run costs."""
    from harness.console_run import RunOptions, run_silently

    return run_silently(
        RunOptions(cloud=cloud_file, reports=reports, select=select, shuffle=shuffle, results_only=True)
    )
