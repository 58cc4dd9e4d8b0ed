"""Starts, describes and ends the process that a lab is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.config_files import CLOUD_FILE
from harness.lab.folder import KEPT_LAB, LabDescription, LabFolder, clear_dead_labs
from harness.lab.kvm.preflight import missing as missing_for_kvm
from harness.waiting import wait_until

_DOWN_SECONDS = 60.0


class LabFailedError(HarnessError):
    """The lab did not come up; the text says why."""


@dataclass(frozen=True)
class HostsChoice:
    """Which kind of hosts a lab gets; `instead_because` says why not KVM where that was wished but cannot be."""

    kind: str
    instead_because: str | None = None


def choose_hosts(wish: str) -> HostsChoice:
    """What "auto", "kvm" or "simulated" means on this machine.

    Raises:
        LabFailedError: "kvm" was asked for and cannot be had.
    """
    if wish == "simulated":
        return HostsChoice("simulated")
    missing = missing_for_kvm()
    if not missing:
        return HostsChoice("kvm")
    reason = "; ".join(missing)
    if wish == "kvm":
        raise LabFailedError(f"--hosts kvm: this machine lacks {reason}; mend that or use --hosts simulated")
    return HostsChoice("simulated", reason)


def start_kept_lab(state: Path, kind: str, release: str) -> LabDescription:
    """Start a lab that goes on when this process ends.

    Raises:
        LabBusyError: there is one already.
        LabFailedError: it did not come up.
    """
    clear_dead_labs(state)
    folder = LabFolder(state, KEPT_LAB)
    if folder.is_owned:
        raise LabFailedError(f"a lab is up in {folder.path} already; `cs-harness lab down` ends it")
    _start(folder, kind, release, owned=False)
    return _described(folder)


def end_kept_lab(state: Path) -> bool:
    """End the kept lab and remove what dead ones left; False where there was nothing to end or to remove."""
    folder = LabFolder(state, KEPT_LAB)
    description = folder.description()
    ended = False
    if folder.is_owned and description is not None:
        # The lock says that this process lives, and it is what holds the lock.
        os.kill(description.pid, signal.SIGTERM)
        wait_until("the lab to go down", lambda: folder.is_owned, lambda owned: not owned, _DOWN_SECONDS)
        ended = True
    elif folder.path.exists():
        ended = True
    clear_dead_labs(state)
    return ended


def kept_lab(state: Path) -> LabDescription | None:
    """The lab that `lab up` left running under `state`, or None."""
    folder = LabFolder(state, KEPT_LAB)
    return folder.description() if folder.is_owned else None


def lab_path(state: Path) -> Path:
    """The folder of the kept lab, with its configuration files and logs."""
    return LabFolder(state, KEPT_LAB).path


@contextmanager
def embedded_lab(state: Path, kind: str, release: str) -> Iterator[Path]:
    """A lab for the time of a `with` block; gives its environment file.

    It goes down with the block, and by itself when this process dies.

    Raises:
        LabFailedError: it did not come up.
    """
    clear_dead_labs(state)
    folder = LabFolder(state, f"run-{os.getpid()}")
    process = _start(folder, kind, release, owned=True)
    try:
        yield folder.path / CLOUD_FILE
    finally:
        if process.stdin is not None:
            process.stdin.close()
        process.wait(timeout=_DOWN_SECONDS)
        if process.stdout is not None:
            process.stdout.close()


def _start(folder: LabFolder, kind: str, release: str, *, owned: bool) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness.lab.server", "--state", str(folder.state), "--name", folder.path.name]
    command += ["--hosts", kind, "--release", release]
    if owned:
        command.append("--owned")
    with tempfile.TemporaryFile("w+") as complaints:
        # A session of its own: Ctrl-C in the terminal ends the run, and the run ends its lab.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if owned else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            text=True,
            start_new_session=True,
        )
        line = process.stdout.readline() if process.stdout is not None else ""
        if line:
            message = json.loads(line)
        else:
            process.wait(timeout=_DOWN_SECONDS)
            complaints.seek(0)
            message = {"error": (complaints.read().strip().splitlines() or ["it said nothing"])[-1]}
    if "error" in message:
        process.wait(timeout=_DOWN_SECONDS)
        raise LabFailedError(f"the lab did not come up: {message['error']}")
    return process


def _described(folder: LabFolder) -> LabDescription:
    description = folder.description()
    if description is None:
        raise LabFailedError(f"the lab in {folder.path} went down again; see {folder.log}")
    return description
