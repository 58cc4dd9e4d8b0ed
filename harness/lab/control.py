"""Starts, describes and ends the process that a lab is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.errors import HarnessError
from harness.lab.config_files import CLOUD_FILE
from harness.lab.control_endpoint.client import LabControl
from harness.lab.folder import KEPT_LAB, LabDescription, LabFolder, clear_dead_labs
from harness.lab.kvm.preflight import missing as missing_for_kvm
from harness.lab.options import DEFAULT_OPTIONS, LabOptions
from harness.waiting import wait_until

# Ten thousand instances on a machine that does other things, too, took more than a minute.
_DOWN_SECONDS = 180.0


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
        raise LabFailedError(f"--hosts kvm cannot be had here: {reason}; mend that or use --hosts simulated")
    return HostsChoice("simulated", reason)


def start_kept_lab(state: Path, kind: str, release: str, options: LabOptions = DEFAULT_OPTIONS) -> LabDescription:
    """Start a lab that goes on when this process ends.

    Raises:
        LabBusyError: there is one already.
        LabFailedError: it did not come up.
    """
    folder = _free_folder(state)
    return _kept(folder, _command(folder, kind, release, options))


def start_cloudstack(state: Path, wish: str, said: Callable[[str], None], jacoco: Path | None = None) -> LabDescription:
    """Start a lab of a real CloudStack that goes on when this process ends: `wish` is a built tree or "packages".

    `said` hears what is being done; `jacoco` is the jar of JaCoCo's agent where coverage is wanted.

    Raises:
        LabBusyError: there is one already.
        LabFailedError: it did not come up.
    """
    folder = _free_folder(state)
    where = ["--state", str(folder.state), "--name", folder.path.name]
    command = [sys.executable, "-m", "harness.lab.cloudstack.server", *where, "--cloudstack", wish]
    return _kept(folder, [*command, *(["--jacoco", str(jacoco)] if jacoco is not None else [])], said)


def _free_folder(state: Path) -> LabFolder:
    clear_dead_labs(state)
    folder = LabFolder(state, KEPT_LAB)
    if folder.is_owned:
        raise LabFailedError(f"a lab is up in {folder.path} already; `cs-harness lab down` ends it")
    return folder


def _kept(folder: LabFolder, command: list[str], said: Callable[[str], None] | None = None) -> LabDescription:
    with tempfile.TemporaryFile("w+") as complaints, _process(command, complaints, kept=True) as process:
        try:
            _wait_until_up(process, complaints, said)
        except KeyboardInterrupt:
            # A lab that nobody waits for any more takes itself down.
            if process.stdout is not None:
                process.stdout.close()
            _wait_until_down(folder)
            raise LabFailedError("stopped before the lab was up; what was started of it is down again") from None
    return _described(folder)


def _wait_until_down(folder: LabFolder) -> None:
    wait_until("the lab to go down", lambda: folder.is_owned, lambda owned: not owned, _DOWN_SECONDS)


def end_kept_lab(state: Path) -> bool:
    """End the kept lab and remove what dead ones left; False where there was nothing to end or to remove."""
    folder = LabFolder(state, KEPT_LAB)
    owner = folder.owner
    ended = False
    if folder.is_owned and owner is not None:
        # The lock says that this process lives, and it is what holds the lock, be the lab up yet or not.
        os.kill(owner, signal.SIGTERM)
        _wait_until_down(folder)
        ended = True
    elif folder.path.exists() and folder.is_a_labs:
        ended = True
    clear_dead_labs(state)
    return ended


def kept_lab(state: Path) -> LabDescription | None:
    """The lab that `lab up` left running under `state`, or None."""
    folder = LabFolder(state, KEPT_LAB)
    return folder.description() if folder.is_owned else None


def kept_control(state: Path) -> LabControl:
    """A client of the kept lab's control endpoint.

    Raises:
        LabFailedError: no lab is up.
    """
    description = kept_lab(state)
    if description is None:
        raise LabFailedError(f"no lab is up in {state}; `cs-harness lab up` starts one")
    if description.control is None:
        raise LabFailedError(f"the lab in {state} is a real CloudStack and has no control endpoint and no faults")
    return LabControl.of_folder(description.control, lab_path(state))


def lab_path(state: Path) -> Path:
    """The folder of the kept lab, with its configuration files and logs."""
    return LabFolder(state, KEPT_LAB).path


@contextmanager
def embedded_lab(state: Path, kind: str, release: str, options: LabOptions = DEFAULT_OPTIONS) -> Iterator[Path]:
    """A lab for the time of a `with` block; gives its environment file.

    It goes down with the block, and by itself when this process dies.

    Raises:
        LabFailedError: it did not come up.
    """
    clear_dead_labs(state)
    folder = LabFolder(state, f"run-{os.getpid()}")
    command = _command(folder, kind, release, options)
    with tempfile.TemporaryFile("w+") as complaints, _process(command, complaints, kept=False) as process:
        try:
            _wait_until_up(process, complaints)
            yield folder.path / CLOUD_FILE
        finally:
            # The end of its input tells the lab to go down; the kernel does the same when this process dies.
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=_DOWN_SECONDS)


def _command(folder: LabFolder, kind: str, release: str, options: LabOptions) -> list[str]:
    command = [sys.executable, "-m", "harness.lab.server", "--state", str(folder.state), "--name", folder.path.name]
    return [*command, "--hosts", kind, "--release", release, *options.arguments()]


def _process(command: list[str], complaints: IO[str], *, kept: bool) -> subprocess.Popen[str]:
    return subprocess.Popen(
        # A kept lab is nobody's child; an owned one has a session of its own, so that Ctrl-C in the terminal ends the
        # run, and the run ends its lab.
        ["setsid", "--fork", *command] if kept else [*command, "--owned"],
        stdin=subprocess.DEVNULL if kept else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
        text=True,
        start_new_session=not kept,
    )


def _wait_until_up(
    process: subprocess.Popen[str], complaints: IO[str], said: Callable[[str], None] | None = None
) -> None:
    """Wait for the line with which a lab says that it is up, or why it is not. Raises LabFailedError."""
    assert process.stdout is not None
    for line in process.stdout:
        message = json.loads(line)
        if "doing" not in message:
            break
        if said is not None:
            said(message["doing"])
    else:
        complaints.seek(0)
        message = {"error": (complaints.read().strip().splitlines() or ["it said nothing"])[-1]}
    if "error" in message:
        raise LabFailedError(f"the lab did not come up: {message['error']}")


def _described(folder: LabFolder) -> LabDescription:
    description = folder.description()
    if description is None:
        raise LabFailedError(f"the lab in {folder.path} went down again; see {folder.log}")
    return description
