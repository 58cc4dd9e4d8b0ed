"""Runs the matrix on one environment of a campaign, in a process of its own: what a worker is given."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.run.record import RESULTS_FILE

# A part that is given to another worker waits until what is left of the first has let go of the cloud.
_WAIT_FOR_LOCK_S = 900
_SAID = 2000


class MemberRunError(HarnessError):
    """There is no record of the run; the text says what it said."""


@dataclass(frozen=True)
class Order:
    """`folder` is where its reports go, on the machine that runs it; `options` are those of `cs-harness verify`."""

    name: str
    folder: Path
    options: tuple[str, ...]


@dataclass(frozen=True)
class MemberRun:
    """`results` is the text of its results.json, `folder` the run's own on the machine `machine`."""

    name: str
    results: str
    exit_code: int
    folder: Path
    machine: str


def run_member(order: Order) -> MemberRun:
    """Run it to its end.

    Where its worker is killed it is ended like an interrupted run, and takes back what it did.

    Raises:
        MemberRunError: it left no record.
    """
    order.folder.mkdir(parents=True, exist_ok=True)
    before = _runs(order.folder)
    command = [sys.executable, "-m", "harness", "verify", *order.options]
    command += [f"--reports={order.folder}", f"--state={order.folder / '.lab'}"]
    command += [f"--wait-for-lock={_WAIT_FOR_LOCK_S}"]
    if (setpriv := shutil.which("setpriv")) is not None:
        command = [setpriv, "--pdeathsig", "TERM", "--", *command]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    new = sorted(_runs(order.folder) - before)
    if not new:
        said = " ".join(done.stdout[-_SAID:].split()) or "nothing"
        raise MemberRunError(f"{order.name}: verify ended with {done.returncode} and said: {said}")
    folder = new[-1]
    text = (folder / RESULTS_FILE).read_text(encoding="utf-8")
    return MemberRun(order.name, text, done.returncode, folder, _machine())


def _runs(folder: Path) -> set[Path]:
    return {file.parent for file in folder.glob(f"*/{RESULTS_FILE}") if not file.parent.is_symlink()}


def _machine() -> str:
    """Tells apart machines and what was started anew on them."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
