"""Keeps what an audit has seen as it goes on, so that one that was cut off goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Annotated, Self

from pydantic import Field, TypeAdapter, ValidationError

from harness.audit.records import CloudLine, EndLine, HostLine, InstanceLine
from harness.errors import HarnessError

AUDIT_FILE = "audit.jsonl"
PART_FILE = "audit.jsonl.part"

AnyLine = CloudLine | HostLine | InstanceLine | EndLine
_LINES: TypeAdapter[AnyLine] = TypeAdapter(Annotated[AnyLine, Field(discriminator="kind")])


class AuditFileError(HarnessError):
    """A file of an audit cannot be used; the text says why."""


class Journal:
    """The part file of one audit. A host's line comes after those of its instances: with it they count."""

    def __init__(self, folder: Path, cloud: CloudLine, *, resume: bool) -> None:
        """Raises AuditFileError: there is an audit to resume of something else, or none at all."""
        self.file = folder / PART_FILE
        self.hosts: dict[str, HostLine] = {}
        self.instances: dict[str, InstanceLine] = {}
        self.cloud = cloud
        if resume:
            self._take_up(folder)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            self.file.write_text(cloud.model_dump_json() + "\n", encoding="utf-8")
        self._stream = self.file.open("a", encoding="utf-8")

    def _take_up(self, folder: Path) -> None:
        lines = read_lines(self.file) if self.file.exists() else read_lines(folder / AUDIT_FILE)
        first = next(iter(lines), None)
        if not isinstance(first, CloudLine):
            raise AuditFileError(f"--resume {folder}: no audit was begun there")
        for name in ("endpoint", "zone", "selection", "guests_asked", "cloudstack", "scaling_enabled"):
            was, is_now = getattr(first, name), getattr(self.cloud, name)
            if was != is_now:
                raise AuditFileError(f"--resume {folder}: that audit had {name} {was}, this one has {is_now}")
        self.cloud = first
        hosts = {line.id: line for line in lines if isinstance(line, HostLine)}
        # What could not be looked at is looked at again. In a part file hosts come after their instances, in a whole
        # one before them.
        self.hosts = {host_id: line for host_id, line in hosts.items() if line.libvirt is not None}
        seen = {line.name for line in self.hosts.values()}
        self.instances = {line.id: line for line in lines if isinstance(line, InstanceLine) and line.host in seen}
        fresh = self.file.with_name(f".{PART_FILE}")
        write_lines(fresh, [self.cloud, *self.instances.values(), *self.hosts.values()])
        fresh.replace(self.file)

    def add(self, host: HostLine, instances: Iterable[InstanceLine]) -> None:
        """Keep a host with its instances, in place of what was kept of it."""
        there = list(instances)
        self._keep(host, there)
        self._stream.write("".join(line.model_dump_json() + "\n" for line in (*there, host)))
        self._stream.flush()

    def _keep(self, host: HostLine, instances: Iterable[InstanceLine]) -> None:
        self.hosts[host.id] = host
        self.instances |= {line.id: line for line in instances}

    def finish(self, end: EndLine, order: Iterable[AnyLine]) -> Path:
        """Write the audit as a whole and take the part file away."""
        self._stream.close()
        file = self.file.with_name(AUDIT_FILE)
        fresh = file.with_name(f".{AUDIT_FILE}")
        write_lines(fresh, [self.cloud, *order, end])
        fresh.replace(file)
        self.file.unlink()
        return file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


def write_lines(file: Path, lines: Iterable[AnyLine]) -> None:
    with file.open("w", encoding="utf-8") as stream:
        for line in lines:
            stream.write(line.model_dump_json() + "\n")


def read_lines(file: Path) -> list[AnyLine]:
    """All whole lines of such a file; a last one that was cut off is left out. Raises AuditFileError."""
    try:
        texts = file.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as failure:
        raise AuditFileError(f"{file}: {failure.strerror}") from None
    found: list[AnyLine] = []
    for number, text in enumerate(texts[:-1], 1):
        try:
            found.append(_LINES.validate_json(text))
        except ValidationError as wrong:
            raise AuditFileError(f"{file}: line {number} is none of an audit: {wrong.errors()[0]['msg']}") from None
    return found
