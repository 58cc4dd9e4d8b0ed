"""Looks at many hosts side by side, so many at once and no more; one that stays silent holds nobody up."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Protocol

from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.fleet import look_at_fleet
from harness.hosts.observation import FleetLook

# A host that has not answered by then is waited for beside the others and not in their place: it has no work.
_PATIENCE_S = 3.0
_SILENT_FOR_EACH = 4


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
        places = threading.BoundedSemaphore(self.max_ssh)
        pool = ThreadPoolExecutor(max_workers=min(len(tasks), self.max_ssh * _SILENT_FOR_EACH) or 1)
        try:
            for done in as_completed([pool.submit(_in_its_place, task, places) for task in tasks]):
                yield done.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def look_at(tasks: Iterable[Task], max_ssh: int) -> list[Looked]:
    """What another process or machine is given: a part of the fleet."""
    return list(HereEngine(max_ssh).look(list(tasks)))


def _in_its_place(task: Task, places: threading.BoundedSemaphore) -> Looked:
    places.acquire()
    given_back = threading.Lock()

    def give_back() -> None:
        if given_back.acquire(blocking=False):
            places.release()

    patience = threading.Timer(_PATIENCE_S, give_back)
    patience.daemon = True
    patience.start()
    try:
        return _look(task)
    finally:
        patience.cancel()
        give_back()


def _look(task: Task) -> Looked:
    began = time.monotonic()
    try:
        look, failure = look_at_fleet(task.access, task.wanted, guests=task.guests), None
    except HarnessError as wrong:
        look, failure = None, str(wrong)
    return Looked(task.host_id, look, failure, time.monotonic() - began)
