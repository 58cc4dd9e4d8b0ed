"""A lab's folder under the state directory: who owns it, what it left behind, and its removal."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import BaseModel, ValidationError

from harness.errors import HarnessError
from harness.lab.cache import cache_dir
from harness.lab.fleet import LabHost
from harness.lab.remains import boot_id, is_running, process_stat, sweep

KEPT_LAB = "lab"
_DESCRIPTION = "lab.json"
_RECORD = "remains.jsonl"
_OWNER = "owner.json"


class LabBusyError(HarnessError):
    """Another process runs a lab in this folder."""


class NotALabError(HarnessError):
    """Where a lab's folder is to be there is something that no lab made, and that nobody may remove for it."""


class HostDescription(BaseModel):
    name: str
    cluster: str
    cpus: int
    speed_mhz: int
    memory_mib: int
    address: str
    port: int

    @classmethod
    def of(cls, host: LabHost) -> HostDescription:
        return cls(
            name=host.spec.name,
            cluster=host.spec.cluster,
            cpus=host.spec.cpus,
            speed_mhz=host.spec.speed_mhz,
            memory_mib=host.spec.memory_mib,
            address=host.ssh.address,
            port=host.ssh.port,
        )


class CloudStackDescription(BaseModel):
    """What a lab of a real CloudStack has besides: of which tree or packages it is, its server, where a template is
    served, its logs by writer, and in what its hosts make a domain other than CloudStack wrote it."""

    origin: str
    server_pid: int
    templates: str
    logs: dict[str, Path]
    deviations: tuple[str, ...]


class LabDescription(BaseModel):
    """What a running lab tells of itself.

    `control` is its control endpoint's address, a page for browsers, which a real CloudStack does not have;
    `integration` that of the API's integration port, where there is one. `pid` is the process that runs it; `mended`
    is without known defects.
    """

    lab_id: str
    pid: int
    kind: str
    release: str
    mended: bool = False
    defect: str | None = None
    endpoint: str
    control: str | None = None
    cloudstack: CloudStackDescription | None = None
    integration: str | None = None
    hosts: list[HostDescription]


class _Owner(BaseModel):
    """The process that a lab is, known as those in the lab's record are."""

    pid: int
    started: int
    boot: str

    @classmethod
    def this_process(cls) -> _Owner:
        pid = os.getpid()
        stat = process_stat(pid)
        return cls(pid=pid, started=0 if stat is None else stat.started, boot=boot_id())


class LabFolder:
    """`<state>/<name>`, owned by the process that holds its lock for as long as the lab lives.

    The lock is the kernel's and ends with its process however that ends, so a lock that can be had means that nobody
    owns the folder and that what it records are remains. The lock's place depends on who asks (HOME), so the owner is
    written down in the folder too.
    """

    def __init__(self, state: Path, name: str) -> None:
        self.state = state.resolve()
        self.path = self.state / name
        # Not in the state directory, which is to vanish with its last lab: a lock file must outlive its owners.
        locks = cache_dir() / "locks"
        locks.mkdir(exist_ok=True)
        key = hashlib.sha256(str(self.path).encode()).hexdigest()[:24]
        self._lock_file = locks / f"{key}.lock"
        self._lock = FileLock(self._lock_file, timeout=0)

    @property
    def log(self) -> Path:
        return self.path / "lab.log"

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Own the folder, empty at first and gone afterwards.

        Raises:
            LabBusyError: another process owns it.
            NotALabError: there is something else in its place.
        """
        with self._held():
            self._clear()
            self.path.mkdir(mode=0o700, parents=True)
            (self.path / _OWNER).write_text(_Owner.this_process().model_dump_json(), encoding="utf-8")
            try:
                yield
            finally:
                self._clear()
                if self.path.name != KEPT_LAB:
                    # Nobody will ask for a run's own lock again; that of a name used anew must stay.
                    self._lock_file.unlink()

    def clear_remains(self) -> bool:
        """Remove what a dead owner left; False where there was nothing.

        Raises:
            LabBusyError: the owner lives.
            NotALabError: there is something else in its place.
            NotSweptError: something recorded could not be removed.
        """
        with self._held():
            there = self.path.exists()
            self._clear()
        return there

    @property
    def is_owned(self) -> bool:
        """Whether a living process owns the folder."""
        try:
            with self._held():
                return False
        except LabBusyError:
            return True

    @property
    def is_a_labs(self) -> bool:
        """Whether a lab made what is in its place: its first file is there, or nothing yet."""
        return (self.path / _OWNER).exists() or (self.path.is_dir() and not any(self.path.iterdir()))

    @property
    def owner(self) -> int | None:
        """The process that owns the folder, or owned it last; known from its first moment on."""
        owner = self._written_owner()
        return None if owner is None else owner.pid

    def describe(self, description: LabDescription) -> None:
        (self.path / _DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def description(self) -> LabDescription | None:
        """What the lab told of itself; None before it was up."""
        try:
            return LabDescription.model_validate_json((self.path / _DESCRIPTION).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None

    @contextmanager
    def _held(self) -> Iterator[None]:
        try:
            with self._lock:
                if self._owner_lives():
                    raise self._busy()
                yield
        except Timeout:
            raise self._busy() from None

    def _busy(self) -> LabBusyError:
        return LabBusyError(f"a lab runs in {self.path} already; take it down or choose another --state")

    def _written_owner(self) -> _Owner | None:
        """None where nothing is written, or where it ended while it wrote that down."""
        try:
            return _Owner.model_validate_json((self.path / _OWNER).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValidationError):
            return None

    def _owner_lives(self) -> bool:
        owner = self._written_owner()
        return owner is not None and owner.boot == boot_id() and is_running(owner.pid, owner.started)

    def _clear(self) -> None:
        if self.path.exists():
            if not self.is_a_labs:
                raise NotALabError(f"{self.path} was made by no lab; choose another --state")
            sweep(self.path / _RECORD)
            # What tells that it is a lab's goes last, however this ends.
            for each in self.path.iterdir():
                if each.is_dir() and not each.is_symlink():
                    shutil.rmtree(each)
                elif each.name != _OWNER:
                    each.unlink()
            (self.path / _OWNER).unlink(missing_ok=True)
            self.path.rmdir()
        # Other labs may live there; only an empty directory goes.
        with suppress(OSError):
            self.state.rmdir()


def clear_dead_labs(state: Path) -> None:
    """Remove the remains of every lab under `state` whose process is gone; living ones and all else are left alone."""
    if not state.exists():
        return
    for owner in sorted(state.glob(f"*/{_OWNER}")):
        folder = LabFolder(state, owner.parent.name)
        if not folder.is_owned:
            folder.clear_remains()
