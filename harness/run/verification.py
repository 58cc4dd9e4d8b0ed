"""One run from its first look at the cloud to its finished record, and how other processes take part in it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from filelock import FileLock
from pydantic import BaseModel

from harness.errors import HarnessError
from harness.run.broken_hosts import BrokenHosts
from harness.run.case import RunContext
from harness.run.cloud_notes import CloudNotes
from harness.run.coverage import recorder
from harness.run.environment import Allowed, Environment, HandedOn
from harness.run.holds import Holds
from harness.run.ledger import LEDGER_FILE, Change, Ledger, LedgerRun
from harness.run.record import CaseRecord, EnvironmentRecord, HostRecord, RecordUnwrittenError, RunFolder
from harness.run.room import cases_at_once
from harness.run.run_account import RunAccount, open_account
from harness.run.session import Inventory, Session
from harness.run.trust import warnings
from harness.run.zone_lock import ZoneLock

MAIN = "main"
# Locked as long as the run goes on.
ALIVE_FILE = ".alive"
# What the folder of a run's holds is called, before the run's id, among the machine's temporary files.
HOLDS = "cs-harness-holds-"


class NoRunError(HarnessError):
    """The process that owns the run could not begin it; the text is its own."""


class Invitation(BaseModel):
    """What a worker needs to take part; `refusal` says why there is no run."""

    environment: HandedOn | None = None
    run_folder: Path = Path()
    holds: Path = Path()
    run_id: str = ""
    epoch: float = 0.0
    leave_settings: bool = False
    account: RunAccount | None = None
    places: dict[str, int] = {}
    homes: dict[str, str] = {}
    refusal: str | None = None


class Verification:
    """A run against one cloud; a context manager that leaves the cloud as it was and the record complete."""

    def __init__(self, reports: Path, taking_back: Callable[[Change, int], object] | None = None) -> None:
        """`taking_back` hears of each thing that is taken back at the end, and how many there are from it on."""
        self._taking_back = taking_back
        self.folder = RunFolder(reports)
        self._alive = FileLock(self.folder.path / ALIVE_FILE)
        self._alive.acquire()
        self._ledger = Ledger(self.folder.path / LEDGER_FILE)
        self._holds = Path(tempfile.mkdtemp(prefix=f"{HOLDS}{self.folder.record.run_id}-"))
        self._session: Session | None = None
        self._leave_settings = False
        self._account: RunAccount | None = None
        self._places: dict[str, int] = {}
        self._lock: ZoneLock | None = None
        # By case, the host where it is to take place.
        self.homes: dict[str, str] = {}
        self.keeps_evidence = True

    @property
    def context(self) -> RunContext:
        """For cases that run in this process. Raises RuntimeError before `connect`."""
        record = self.folder.record
        began = self.folder.began
        holds = Holds(self._holds, self._places)
        return RunContext(
            self._connected, holds, self.folder.path, record.run_id, began, MAIN, self.homes, self.keeps_evidence
        )

    @property
    def invitation(self) -> Invitation:
        """For cases that run in other processes. Raises RuntimeError before `connect`."""
        record = self.folder.record
        return Invitation(
            environment=self._connected.environment.handed_on,
            run_folder=self.folder.path.absolute(),
            holds=self._holds,
            run_id=record.run_id,
            epoch=self.folder.began,
            leave_settings=self._leave_settings,
            account=self._account,
            places=self._places,
            homes=self.homes,
        )

    @property
    def _connected(self) -> Session:
        if self._session is None:
            raise RuntimeError("connect() comes first")
        return self._session

    def connect(
        self,
        environment: Environment,
        release: str | None,
        *,
        leave_settings: bool,
        wait_for_lock_s: float = 0.0,
    ) -> None:
        """Look at the cloud and bring its settings to what the cases presume.

        Raises:
            HarnessError: the cloud cannot be used, or another run has its lock.
        """
        self._leave_settings = leave_settings
        self._session = Session(environment, self._ledger, leave_settings=leave_settings)
        inventory = self._session.open(release)
        self.folder.record.warnings.extend(warnings(environment))
        for failure in self._session.unreached.values():
            self.folder.record.warnings.append(f"{failure}; cases go round it")
        _go_round(self.folder.path, self._session)
        self.folder.record.environment = _environment_record(environment, inventory)
        self.folder.write()
        run_id = self.folder.record.run_id
        on_lab = environment.lab is not None
        self._ledger.describe(LedgerRun(run_id, environment.api.endpoint, environment.file.absolute(), on_lab))
        own_account = environment.cloud.account == "own" and Allowed.ACCOUNTS in environment.allow
        if self._session.permits.may_disturb:
            self._lock = ZoneLock(self._session, run_id, self.folder.path)
            self._lock.take(wait_for_lock_s)
        self._ledger.notes = _notes(self._session, run_id)
        if own_account:
            self._account = open_account(self._session, inventory, run_id)
            self._account.taken_by(self._session)
        self._session.presume()
        # Before the first case takes anything.
        world = self._session.world()
        self._places = {host.id: cases_at_once(world, host) for host in world.hosts}
        recording = recorder(environment, self.folder.path)
        if recording is not None:
            recording.begin()

    def add(self, record: CaseRecord) -> None:
        """Put a case that has ended into the record."""
        self.folder.add(record)

    def close(self) -> None:
        """Put the cloud back as it was; safe to call twice."""
        session, self._session = self._session, None
        if self._lock is not None:
            self._lock.stop()
        if session is not None:
            self._take_last(session)
            self.folder.record.leftovers.extend(session.take_back(said=self._taking_back))
            session.close()

    def _take_last(self, session: Session) -> None:
        recording, section = recorder(session.environment, self.folder.path), Holds(self._holds).last_section
        if recording is None:
            return
        if section is not None:
            recording.take(section)
        self.folder.record.warnings.extend(f"coverage lacks {line}" for line in recording.lacking())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self.folder.record
        if isinstance(raised, HarnessError):
            record.could_not_run = str(raised)
        elif isinstance(raised, KeyboardInterrupt):
            record.could_not_run = "it was interrupted"
        elif raised is not None:
            record.could_not_run = f"it was ended by {type(raised).__name__}"
        try:
            self.close()
        finally:
            shutil.rmtree(self._holds)
            self._alive.release()
            self._finish()

    def _finish(self) -> None:
        record = self.folder.record
        try:
            self.folder.finish()
        except RecordUnwrittenError as unwritten:
            record.could_not_run = f"{record.could_not_run}; {unwritten}" if record.could_not_run else str(unwritten)
            raise


def join(invitation: Invitation, worker: str) -> RunContext:
    """Take part in another process's run; the caller closes the context's session if there is one."""
    connected: Session | HarnessError
    try:
        if invitation.environment is None:
            raise NoRunError(invitation.refusal or "the run has no cloud")
        environment, ledger = invitation.environment.taken_over(), Ledger(invitation.run_folder / LEDGER_FILE)
        connected = Session(environment, ledger, leave_settings=invitation.leave_settings)
        # It has, to whoever sent the invitation: else one bad answer would cost all the cases of this process.
        connected.api.has_answered = True
        connected.open()
        ledger.notes = _notes(connected, invitation.run_id)
        _go_round(invitation.run_folder, connected)
        if invitation.account is not None:
            invitation.account.taken_by(connected)
    except HarnessError as failure:
        connected = failure
    holds, folder = Holds(invitation.holds, invitation.places), invitation.run_folder
    return RunContext(connected, holds, folder, invitation.run_id, invitation.epoch, worker, homes=invitation.homes)


def _notes(session: Session, run_id: str) -> CloudNotes | None:
    """Where the ledger's lines are on the cloud as well; an embedded lab's cloud goes with its lab."""
    environment = session.environment
    if environment.lab is not None or not session.permits.may_disturb:
        return None
    return CloudNotes(session.calling_api(), environment.time_limits.job, run_id)


def _go_round(run_folder: Path, session: Session) -> None:
    """Let cases go round hosts that could not be looked into; once they can be, they are known and used."""
    for failure in session.unreached.values():
        BrokenHosts(run_folder).add("the first look at it", failure.host, failure.reason)


def _environment_record(environment: Environment, inventory: Inventory) -> EnvironmentRecord:
    return EnvironmentRecord(
        endpoint=environment.api.endpoint,
        cloudstack=inventory.version,
        release=inventory.release.name,
        hosts_kind=environment.lab.hosts if environment.lab else "cloud",
        deviations=list(environment.lab.deviations) if environment.lab else [],
        hosts=[
            HostRecord(
                name=name,
                cpus=facts.cpus,
                speed_mhz=facts.speed_mhz,
                memory_kib=facts.memory_kib,
                cgroup_version=facts.cgroup_version,
                libvirt=facts.libvirt,
                qemu=facts.qemu,
                kernel=facts.kernel,
            )
            for name, facts in sorted(inventory.facts.items())
        ],
    )
