"""Looks at many hosts side by side, so many at once and no more."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.fleet import look_at_fleet
from harness.hosts.observation import FleetLook


@dataclass(frozen=True)
class Task:
    """A host to look at: at all its domains, or at those `wanted`. Travels to other machines."""

    host_id: str
    access: HostAccess
    wanted: tuple[str, ...] | None
    guests: bool
    cluster: str = ""


@dataclass(frozen=True)
class Looked:
    """What a look brought, or in one line why it brought nothing."""

    host_id: str
    look: FleetLook | None
    failure: str | None
    seconds: float


class Engine(Protocol):
    """Carries out tasks, in this process or elsewhere; each comes back once, in whatever order."""

    def look(self, tasks: Sequence[Task]) -> Iterator[Looked]: ...


@dataclass(frozen=True)
class HereEngine:
    """In this process, `max_ssh` hosts at once."""

    max_ssh: int

    def look(self, tasks: Sequence[Task]) -> Iterator[Looked]:
        pool = ThreadPoolExecutor(max_workers=min(len(tasks), self.max_ssh) or 1)
        try:
            for done in as_completed([pool.submit(_look, task) for task in tasks]):
                yield done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def look_at(tasks: Iterable[Task], max_ssh: int) -> list[Looked]:
    """What another process or machine is given: a part of the fleet."""
    return list(HereEngine(max_ssh).look(list(tasks)))


def _look(task: Task) -> Looked:
    began = time.monotonic()
    try:
        look, failure = look_at_fleet(task.access, task.wanted, guests=task.guests), None
    except HarnessError as wrong:
        look, failure = None, str(wrong)
    return Looked(task.host_id, look, failure, time.monotonic() - began)
