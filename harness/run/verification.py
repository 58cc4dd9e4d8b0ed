"""One run from its first look at the cloud to its finished record."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from harness.errors import HarnessError
from harness.run.case import Case
from harness.run.environment import Environment
from harness.run.record import CaseRecord, EnvironmentRecord, HostRecord, RunFolder
from harness.run.session import Inventory, Session


class Verification:
    """A run against one cloud; a context manager that leaves the cloud as it was and the record complete."""

    def __init__(self, reports: Path) -> None:
        self.folder = RunFolder(reports)
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        if self._session is None:
            raise RuntimeError("connect() comes first")
        return self._session

    def connect(self, environment: Environment, release: str | None) -> None:
        """Look at the cloud and bring its settings to what the cases presume. Raises HarnessError."""
        self._session = Session(environment)
        inventory = self._session.open(release)
        self.folder.record.environment = _environment_record(environment, inventory)
        self.folder.write()
        self._session.presume()

    def add(self, case: Case, began: float, seconds: float) -> CaseRecord:
        """Put a case that has ended into the record."""
        self.folder.record.leftovers.extend(case.leftovers)
        record = case.record(began, seconds, self.folder.record.started.timestamp())
        self.folder.add(record)
        return record

    def close(self) -> None:
        """Put the cloud back as it was; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            self.folder.record.leftovers.extend(session.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        record = self.folder.record
        if isinstance(raised, HarnessError):
            record.could_not_run = str(raised)
        elif raised is not None:
            record.could_not_run = f"it was ended by {type(raised).__name__}"
        try:
            self.close()
        finally:
            self.folder.finish()


def _environment_record(environment: Environment, inventory: Inventory) -> EnvironmentRecord:
    return EnvironmentRecord(
        endpoint=environment.api.endpoint,
        cloudstack=inventory.version,
        release=inventory.release.name,
        hosts_kind=environment.lab.hosts if environment.lab else "cloud",
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
