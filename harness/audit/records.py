"""What an audit found, as it is written to audit.jsonl: a line for the cloud, each host and each instance."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict


class Grade(StrEnum):
    """What a state asks of an operator."""

    WRONG = "wrong"
    """What is there is not what must be there."""
    UNREADY = "unready"
    """Right as it is, but a live scale would be refused or would fail."""
    NOTE = "note"
    """Worth to know, and nothing to mend."""


_GRAVEST_FIRST = list(Grade)


class Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StateLine(Line):
    """A state that something is in; `rule` is the reference's rule behind it, "" where it rests on none."""

    state: str
    grade: Grade
    says: str
    expected: str = ""
    observed: str = ""
    rule: str = ""


class InstanceLine(Line):
    """A running instance. What was not seen is None, and `not_seen` has the reasons.

    `prepared`: its running domain; `prepared_at_restart`: the domain that a stop and start would give it now.
    Quota and period are the kernel's, in us; -1 stands for no quota.
    """

    kind: Literal["instance"] = "instance"
    id: str
    name: str
    instance_name: str
    account: str
    account_domain: str
    zone: str
    cluster: str
    host: str
    offering: str
    offering_class: str
    cpu_cap: bool | None
    cpus: int
    speed_mhz: int
    memory_mib: int
    scalable_flag: bool
    prepared: bool | None = None
    prepared_at_restart: bool | None = None
    running_since: datetime | None = None
    domain_cpus: int | None = None
    domain_memory_mib: int | None = None
    max_cpus: int | None = None
    max_memory_mib: int | None = None
    dimm_slots_left: int | None = None
    shares: int | None = None
    quota_us: int | None = None
    period_us: int | None = None
    guest_cpus: int | None = None
    guest_memory_mib: int | None = None
    states: list[StateLine] = []
    not_seen: list[str] = []

    @property
    def grade(self) -> Grade | None:
        return worst(self.states)

    @property
    def is_ready(self) -> bool:
        """Whether it can be scaled live now and nothing is wrong with it."""
        return not self.not_seen and self.grade not in (Grade.WRONG, Grade.UNREADY)


class HostLine(Line):
    """A host: what CloudStack declares and counts (MHz, MiB), what libvirt says, and the sum of what runs there."""

    kind: Literal["host"] = "host"
    id: str
    name: str
    zone: str
    cluster: str
    state: str
    cpus: int
    speed_mhz: int
    memory_mib: int
    libvirt_cpus: int | None = None
    libvirt_speed_mhz: int | None = None
    libvirt_memory_mib: int | None = None
    cgroup_version: int | None = None
    libvirt: str | None = None
    qemu: str | None = None
    counted_mhz: int | None = None
    counted_mib: int | None = None
    running_mhz: int | None = None
    running_mib: int | None = None
    instances: int = 0
    seconds: float = 0.0
    states: list[StateLine] = []
    not_seen: list[str] = []

    @property
    def grade(self) -> Grade | None:
        return worst(self.states)


class CloudLine(Line):
    """The first line: what was looked at, when, and by what rules."""

    kind: Literal["cloud"] = "cloud"
    schema_version: int = 1
    endpoint: str
    cloudstack: str
    release: str
    zone: str
    zone_id: str
    selection: str
    began: datetime
    guests_asked: bool
    scaling_enabled: bool


class EndLine(Line):
    """The last line: how it went. `not_seen` says, by reason, of how many hosts or instances something was not seen."""

    kind: Literal["end"] = "end"
    finished: datetime
    seconds: float
    instances: int
    hosts: int
    api_calls: int
    not_seen: dict[str, int]


def worst(states: list[StateLine]) -> Grade | None:
    """The gravest grade among them."""
    return min((state.grade for state in states), key=_GRAVEST_FIRST.index, default=None)
