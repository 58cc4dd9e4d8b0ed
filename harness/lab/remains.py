"""Writes down what a lab is about to create, and removes exactly that later, however the lab ended."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from harness.errors import HarnessError
from harness.waiting import DeadlineExpired, wait_until

Kind = Literal["directory", "link", "cgroup", "process"]

PATIENCE_S = 10.0
# Killing and unlinking settle within milliseconds, so the looks come fast.
FIRST_PAUSE_S = 0.005
LONGEST_PAUSE_S = 0.1


class NotSweptError(HarnessError):
    """Some of what was recorded is still there; the record keeps it for the next sweep."""

    def __init__(self, record: Path, leftovers: tuple[str, ...]) -> None:
        self.record = record
        self.leftovers = leftovers
        super().__init__(f"{record}: could not remove {'; '.join(leftovers)}; mend the cause and sweep again")


@dataclass(frozen=True)
class Thing:
    """One created thing: `name` is a path, link or pid; a process is also known by start time and boot."""

    kind: Kind
    name: str
    started: int = 0
    boot: str = ""


@dataclass(frozen=True)
class ProcessStat:
    """State letter and start time (clock ticks since boot) of a process."""

    state: str
    started: int


def process_stat(pid: int) -> ProcessStat | None:
    """What /proc says of a process; None if there is none with this pid."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name may hold spaces and brackets, so the fields are counted from the last bracket.
    fields = text.rpartition(")")[2].split()
    return ProcessStat(state=fields[0], started=int(fields[19]))


def boot_id() -> str:
    """The running kernel's boot; pids mean nothing across boots."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class Remains:
    """The record of one lab. Each method is to be called before the thing exists and returns once it is on disk."""

    def __init__(self, record: Path) -> None:
        self.record = record
        self._lock = threading.Lock()

    def directories(self, *paths: Path) -> None:
        self._write(Thing("directory", str(path)) for path in paths)

    def links(self, *names: str) -> None:
        """Network links in the namespace of the one who sweeps."""
        self._write(Thing("link", name) for name in names)

    def cgroups(self, *paths: Path) -> None:
        """Cgroup directories, which are removed with every process and every child group in them."""
        self._write(Thing("cgroup", str(path)) for path in paths)

    def process(self, pid: int) -> None:
        """A process that was started but held back, see `harness.lab.kvm.gate`."""
        stat = process_stat(pid)
        if stat is not None:
            self._write([Thing("process", str(pid), stat.started, boot_id())])

    def _write(self, things: Iterable[Thing]) -> None:
        lines = "".join(json.dumps(vars(thing)) + "\n" for thing in things)
        with self._lock, self.record.open("a", encoding="utf-8") as record:
            record.write(lines)
            record.flush()
            os.fsync(record.fileno())


def recorded(record: Path) -> tuple[Thing, ...]:
    """What the record holds, in the order of creation; nothing if there is no record."""
    try:
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return ()
    # A line cut off by a crash belongs to a thing that was not created yet.
    return tuple(Thing(**json.loads(line)) for line in lines if line.endswith("\n"))


def sweep(record: Path) -> None:
    """Remove everything in the record, last thing first, then the record; what is already gone is fine.

    Raises:
        NotSweptError: after all has been tried, naming what is still there.
    """
    failures: list[tuple[Thing, str]] = []
    for thing in reversed(recorded(record)):
        try:
            _REMOVERS[thing.kind](thing)
        except (OSError, DeadlineExpired, subprocess.SubprocessError) as error:
            failures.append((thing, f"{thing.kind} {thing.name} ({error})"))
    if failures:
        kept = "".join(json.dumps(vars(thing)) + "\n" for thing, _ in reversed(failures))
        replacement = record.with_name(record.name + ".new")
        replacement.write_text(kept, encoding="utf-8")
        replacement.replace(record)
        raise NotSweptError(record, tuple(text for _, text in failures))
    record.unlink(missing_ok=True)


def _remove_directory(thing: Thing) -> None:
    try:
        shutil.rmtree(thing.name)
    except FileNotFoundError:
        # Gone already, or a file vanished while we walked: then the directory is still there and that counts.
        if Path(thing.name).exists():
            raise


def _remove_link(thing: Thing) -> None:
    if not Path("/sys/class/net", thing.name).exists():
        return
    done = subprocess.run(["ip", "link", "delete", thing.name], capture_output=True, text=True, check=False)
    if Path("/sys/class/net", thing.name).exists():
        raise OSError(done.stderr.strip())


def _remove_process(thing: Thing) -> None:
    if thing.boot == boot_id():
        _kill(int(thing.name), lambda: is_running(int(thing.name), thing.started))
        _wait(f"process {thing.name} to end", lambda: not is_running(int(thing.name), thing.started))


def _remove_cgroup(thing: Thing) -> None:
    top = Path(thing.name)

    def gone() -> bool:
        for group in _groups_below(top):
            for pid in _members(group):
                _kill(pid, partial(_is_member, group, pid))
            # Killed processes leave their group a moment later; the next look finds it empty.
            with suppress(OSError):
                group.rmdir()
        return not top.exists()

    _wait(f"cgroup {top} to empty", gone)


def _groups_below(top: Path) -> list[Path]:
    return [Path(folder) for folder, _, _ in os.walk(top, topdown=False)]


def _members(group: Path) -> set[int]:
    try:
        return {int(pid) for pid in (group / "cgroup.procs").read_text(encoding="ascii").split()}
    except OSError:
        # The group was removed in the meantime, which shows in different ways.
        return set()


def _is_member(group: Path, pid: int) -> bool:
    return pid in _members(group)


def is_running(pid: int, started: int) -> bool:
    """Whether this very process lives, and not another one that got its pid."""
    stat = process_stat(pid)
    return stat is not None and stat.started == started and stat.state not in "ZX"


def _kill(pid: int, is_still_ours: Callable[[], bool]) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle pins the process: if it is ours now, the signal cannot reach a stranger with a recycled pid.
        if is_still_ours():
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def _wait(what: str, look: Callable[[], bool]) -> None:
    wait_until(what, look, bool, PATIENCE_S, first_pause_s=FIRST_PAUSE_S, longest_pause_s=LONGEST_PAUSE_S)


_REMOVERS: dict[Kind, Callable[[Thing], None]] = {
    "directory": _remove_directory,
    "link": _remove_link,
    "cgroup": _remove_cgroup,
    "process": _remove_process,
}
