"""What a run is about to create or change, on disk before it happens, so that it can be taken back whoever dies.

SQLite in WAL mode with every commit synced: workers write side by side, and a line that was written survives a kill.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from harness.cloud.configuration import Place
from harness.errors import HarnessError
from harness.run.environment import Allowed

LEDGER_FILE = "ledger.sqlite"
# In place of a case: what the run itself changed.
THE_RUN = ""
_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    run_id TEXT NOT NULL, endpoint TEXT NOT NULL, cloud_file TEXT NOT NULL, on_lab INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS line (
    number INTEGER PRIMARY KEY, case_id TEXT NOT NULL, change TEXT NOT NULL, settled INTEGER NOT NULL DEFAULT 0
);
"""


class LedgerError(HarnessError):
    """The ledger cannot be read or written; the text names the file."""


class _Change(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    def purpose(self) -> str:
        """What a run needs that may not do it."""
        return f"to make {self}"


class InstanceMade(_Change):
    """An instance; `id` is None until the API has told it.

    `runs_on`: host and domain where that may go on though CloudStack says that it is stopped.
    """

    permission: ClassVar = Allowed.INSTANCES
    kind: Literal["instance"] = "instance"
    name: str
    id: str | None = None
    runs_on: tuple[str, str] | None = None

    def __str__(self) -> str:
        return f"instance {self.name}"


class OfferingMade(_Change):
    permission: ClassVar = Allowed.OFFERINGS
    kind: Literal["offering"] = "offering"
    name: str
    id: str | None = None

    def __str__(self) -> str:
        return f"offering {self.name}"


class AccountMade(_Change):
    permission: ClassVar = Allowed.ACCOUNTS
    kind: Literal["account"] = "account"
    name: str
    id: str | None = None

    def __str__(self) -> str:
        return f"account {self.name}"


class NetworkMade(_Change):
    """The run's own network, in its own account."""

    permission: ClassVar = Allowed.ACCOUNTS
    kind: Literal["network"] = "network"
    name: str
    id: str | None = None

    def __str__(self) -> str:
        return f"network {self.name}"


class ThingMade(_Change):
    """Something that a test of somebody else's made; `thing` names its kind in harness.cloud.kinds.

    `id` is None until the API has told it. Its name may be anybody's, so that it is not found by that.
    """

    permission: ClassVar = Allowed.ACCOUNTS
    kind: Literal["thing"] = "thing"
    thing: str
    name: str
    id: str | None = None

    def __str__(self) -> str:
        text = f"{self.thing} {self.name or 'without a name'}"
        return text if self.id is None else f"{text} ({self.id})"


class SettingChanged(_Change):
    """A setting that is to be `former` again; `inherited`: as far as the API shows it had no value of its own there."""

    kind: Literal["setting"] = "setting"
    name: str
    former: str
    ours: str
    inherited: bool
    zone_id: str | None = None
    cluster_id: str | None = None

    @property
    def place(self) -> Place:
        return Place(zone_id=self.zone_id, cluster_id=self.cluster_id)

    @property
    def permission(self) -> Allowed:
        if self.cluster_id is not None:
            return Allowed.CLUSTER_SETTINGS
        return Allowed.ZONE_SETTINGS if self.zone_id is not None else Allowed.GLOBAL_SETTINGS

    def __str__(self) -> str:
        back = f"{self.former} (taken for inherited)" if self.inherited else self.former
        return f"setting {self.name} back to {back}"


class HostTagsChanged(_Change):
    """A host's tags, comma separated as updateHost takes them."""

    permission: ClassVar = Allowed.HOSTS
    kind: Literal["host tags"] = "host tags"
    host_id: str
    host_name: str
    former: str
    ours: str

    @property
    def purpose(self) -> str:
        return f"to change the tags of host {self.host_name}"

    def __str__(self) -> str:
        return f"tags of host {self.host_name} back to {self.former or 'none'}"


class TemplateFlagChanged(_Change):
    """The dynamic-scaling flag of a template that was there before the run."""

    permission: ClassVar = Allowed.TEMPLATES
    kind: Literal["template flag"] = "template flag"
    template_id: str
    template_name: str
    former: bool

    @property
    def purpose(self) -> str:
        return f"to switch the dynamic-scaling flag of template {self.template_name}"

    def __str__(self) -> str:
        return f"dynamic-scaling flag of template {self.template_name} back to {'on' if self.former else 'off'}"


class LockTaken(_Change):
    """The zone's lock: a tag of a user, and tags that say until when it is held."""

    permission: ClassVar = Allowed.ZONE_SETTINGS
    kind: Literal["lock"] = "lock"
    name: str
    zone_id: str
    value: str

    def __str__(self) -> str:
        return f"lock of zone {self.zone_id}"


Change = (
    LockTaken
    | InstanceMade
    | OfferingMade
    | AccountMade
    | NetworkMade
    | ThingMade
    | SettingChanged
    | HostTagsChanged
    | TemplateFlagChanged
)
CHANGES: TypeAdapter[Change] = TypeAdapter(Annotated[Change, Field(discriminator="kind")])


@dataclass(frozen=True)
class Line:
    """A change that has not been taken back; `case_id` may be THE_RUN."""

    number: int
    case_id: str
    change: Change


@dataclass(frozen=True)
class LedgerRun:
    """Whose ledger it is. What was `on_lab`, an embedded one, is gone when that is."""

    run_id: str
    endpoint: str
    cloud_file: Path
    on_lab: bool


class Notes(Protocol):
    """Where lines are kept besides, see CloudNotes. Its methods may raise HarnessError."""

    def write(self, number: int, change: Change) -> None: ...

    def forget(self, number: int, change: Change) -> None: ...


class Ledger:
    """One run's ledger. Every method may raise LedgerError and may be called from any process and thread."""

    notes: Notes | None = None

    def __init__(self, path: Path) -> None:
        """One connection for all: what SQLite needs to read is there before a disk can be full."""
        self.path = path
        self._lock = threading.Lock()
        self._database = self._connected()
        weakref.finalize(self, self._database.close)

    def describe(self, run: LedgerRun) -> None:
        """Say once whose it is: what a later clean-up needs to reach the cloud. No secrets."""
        with self._open() as database:
            database.execute("DELETE FROM run")
            values = (run.run_id, run.endpoint, str(run.cloud_file), run.on_lab)
            database.execute("INSERT INTO run VALUES (?, ?, ?, ?)", values)

    def run(self) -> LedgerRun | None:
        """Whose it is, or None where its run ended before it had looked at the cloud."""
        with self._open() as database:
            row = database.execute("SELECT run_id, endpoint, cloud_file, on_lab FROM run").fetchone()
        return None if row is None else LedgerRun(row[0], row[1], Path(row[2]), bool(row[3]))

    def intend(self, case_id: str, change: Change) -> int:
        """Write down what is about to happen; returns the line's number. Raises what `notes` does as well."""
        with self._open() as database:
            made = database.execute(
                "INSERT INTO line (case_id, change) VALUES (?, ?)", (case_id, change.model_dump_json())
            )
            number = int(made.lastrowid or 0)
        if self.notes is not None:
            self.notes.write(number, change)
        return number

    def amend(self, number: int, change: Change) -> None:
        """Replace a line by what is known better now."""
        with self._open() as database:
            database.execute("UPDATE line SET change = ? WHERE number = ?", (change.model_dump_json(), number))

    def settle(self, number: int) -> None:
        """The change has been taken back, or never happened."""
        with self._open() as database:
            database.execute("UPDATE line SET settled = 1 WHERE number = ?", (number,))
            row = database.execute("SELECT change FROM line WHERE number = ?", (number,)).fetchone()
        if self.notes is not None and row is not None:
            # One that stays tells of what is so already.
            with suppress(HarnessError):
                self.notes.forget(number, CHANGES.validate_json(row[0]))

    def unsettled(self, case_id: str | None = None) -> list[Line]:
        """What is still to be taken back, newest first; of one case, or of all."""
        if case_id is None:
            return self._lines("settled = 0")
        return self._lines("settled = 0 AND case_id = ?", case_id)

    def reopen(self, number: int) -> None:
        """It is to be taken back after all."""
        with self._open() as database:
            database.execute("UPDATE line SET settled = 0 WHERE number = ?", (number,))

    def settled(self) -> list[Line]:
        """What was taken back or never happened, newest first."""
        return self._lines("settled = 1")

    def may_run_on(self) -> list[tuple[str, str, str]]:
        """Of each instance that may run on though it was stopped: whose case it is, its host and its domain."""
        left = [(line.case_id, line.change) for line in self.unsettled()]
        return [(case, *made.runs_on) for case, made in left if isinstance(made, InstanceMade) and made.runs_on]

    def _lines(self, which: str, *values: str) -> list[Line]:
        query = f"SELECT number, case_id, change FROM line WHERE {which} ORDER BY number DESC"  # noqa: S608 - our own
        with self._open() as database:
            rows = database.execute(query, values).fetchall()
        return [Line(int(row[0]), str(row[1]), CHANGES.validate_json(row[2])) for row in rows]

    def _connected(self) -> sqlite3.Connection:
        try:
            database = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, check_same_thread=False)
            try:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("PRAGMA synchronous=FULL")
                database.executescript(_SCHEMA)
            except sqlite3.Error:
                database.close()
                raise
        except sqlite3.Error as failure:
            raise LedgerError(f"{self.path}: {failure}") from None
        return database

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._lock, self._database as database:
                yield database
        except sqlite3.Error as failure:
            raise LedgerError(f"{self.path}: {failure}") from None
