"""Keeps in memory what a case asked and saw while it runs, for the evidence of one that does not pass."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from harness.cloud.client import Exchange
from harness.hosts.cpu_use import CpuUse
from harness.hosts.observation import DomainView, GuestView, HostFacts, NotSeen, Observation
from harness.hosts.view import HostView

_MOST_EXCHANGES = 2000
_MOST_LOOKS = 500
# A list that is longer is kept by its beginning: on a cloud that people use each may have hundreds of instances.
_MOST_ITEMS = 30


@dataclass(frozen=True)
class Look:
    """`exchanges_before`: how many exchanges there had been."""

    exchanges_before: int
    seen: Observation


class Witness:
    """One case's exchanges with the API and looks at hosts, the newest where there are many."""

    def __init__(self) -> None:
        self.exchanges: deque[Exchange] = deque(maxlen=_MOST_EXCHANGES)
        self.looks: deque[Look] = deque(maxlen=_MOST_LOOKS)
        self.heard = 0
        # A line for each question that was not answered at first, and for each look that was had only the next time.
        self.overcome: list[str] = []
        self._first: dict[str, str] = {}
        self._last: dict[str, str] = {}

    def hears(self, exchange: Exchange) -> None:
        self.heard += 1
        if exchange.unanswered and len(self.overcome) < _MOST_LOOKS:
            self.overcome.append(f"{exchange.command}: {exchange.error}")
        self.exchanges.append(replace(exchange, answer=_shortened(exchange.answer)))

    def sees(self, seen: Observation) -> None:
        self.looks.append(Look(self.heard, seen))
        if isinstance(seen.domain, DomainView):
            self._first.setdefault(seen.instance_name, seen.domain.xml)
            self._last[seen.instance_name] = seen.domain.xml

    @property
    def domains(self) -> Iterator[tuple[str, str, str]]:
        """Of each instance its name and its domain XML at the first look and at the last."""
        for name, xml in self._first.items():
            yield name, xml, self._last[name]

    @property
    def job_ids(self) -> list[str]:
        """Of the jobs that were begun, in their order."""
        begun = (exchange.answer.get("jobid") for exchange in self.exchanges if exchange.answer)
        return list(dict.fromkeys(str(job_id) for job_id in begun if job_id))

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts that were looked at."""
        return list(dict.fromkeys(look.seen.host for look in self.looks))


class WatchedView:
    """A HostView whose looks at instances a witness sees too."""

    def __init__(self, view: HostView, witness: Witness) -> None:
        self._view = view
        self._witness = witness
        self.transport = view.transport
        self.host = view.host
        self.overcome = view.overcome

    def observe(self, instance_name: str, wait_s: int = 0) -> Observation:
        before = len(self.overcome)
        try:
            seen = self._view.observe(instance_name, wait_s)
        finally:
            self._witness.overcome += self.overcome[before:]
        self._witness.sees(seen)
        return seen

    def guest(self, instance_name: str, wait_s: int = 0) -> GuestView | NotSeen:
        return self._view.guest(instance_name, wait_s)

    def burn_cpu(self, instance_name: str, seconds: int) -> int | NotSeen:
        return self._view.burn_cpu(instance_name, seconds)

    def not_burning(self, instance_name: str, pid: int) -> NotSeen | None:
        return self._view.not_burning(instance_name, pid)

    def cpu_use(self, instance_name: str) -> CpuUse | NotSeen:
        return self._view.cpu_use(instance_name)

    def facts(self) -> HostFacts:
        return self._view.facts()

    def domain_names(self) -> tuple[str, ...]:
        return self._view.domain_names()

    def close(self) -> None:
        self._view.close()


def _shortened(answer: dict[str, Any] | None) -> dict[str, Any] | None:
    if answer is None or not any(isinstance(part, list) and len(part) > _MOST_ITEMS for part in answer.values()):
        return answer
    return {
        name: [*part[:_MOST_ITEMS], f"({len(part) - _MOST_ITEMS} more)"]
        if isinstance(part, list) and len(part) > _MOST_ITEMS
        else part
        for name, part in answer.items()
    }
