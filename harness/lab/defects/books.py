"""Defects of the capacity that is counted on hosts."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.defects.defect import Defect, Part, api
from harness.lab.management.ledger import Amount, CapacityLedger
from harness.lab.seams import Seams

_BOOKS = api("allocated MHz of", "allocated MiB of")


class _Other(CapacityLedger):
    """Implements a ledger by another one."""

    def __init__(self, inner: CapacityLedger) -> None:
        super().__init__(())
        self._used, self._reserved = inner._used, inner._reserved


class _Keeping(_Other):
    def release(self, host_id: str, amount: Amount, *, keep_reserved: bool = False) -> None:
        if keep_reserved:
            super().release(host_id, amount, keep_reserved=True)


class _Doubling(_Other):
    def allocate(self, host_id: str, amount: Amount, *, from_reserved: bool = False) -> None:
        super().allocate(host_id, amount + amount, from_reserved=from_reserved)


class _OneVcpu(_Other):
    """Memory only is given back."""

    def release(self, host_id: str, amount: Amount, *, keep_reserved: bool = False) -> None:
        super().release(host_id, Amount(0, amount.memory_bytes), keep_reserved=keep_reserved)


class _Misplacing(_Other):
    """What is to be counted on one host is counted on another."""

    def allocate(self, host_id: str, amount: Amount, *, from_reserved: bool = False) -> None:
        others = [each for each in self._used if each != host_id]
        super().allocate(others[-1], amount, from_reserved=from_reserved)


def _taking_nothing_back() -> Callable[[CapacityLedger], CapacityLedger]:
    given_back: set[str] = set()

    class Giving(_Other):
        """A scale gives the old size back and takes nothing."""

        def release(self, host_id: str, amount: Amount, *, keep_reserved: bool = False) -> None:
            super().release(host_id, amount, keep_reserved=keep_reserved)
            given_back.add(host_id)

        def allocate(self, host_id: str, amount: Amount, *, from_reserved: bool = False) -> None:
            if host_id in given_back:
                given_back.remove(host_id)
            else:
                super().allocate(host_id, amount, from_reserved=from_reserved)

    return Giving


def _book(
    name: str, says: str, story: str, sections: str, ledger: Callable[[CapacityLedger], CapacityLedger]
) -> Defect:
    return Defect(name, says, Part.MANAGEMENT, sections, story, _BOOKS, Seams(ledger=ledger))


BOOKS = (
    _book(
        "capacity-not-given-back",
        "The old size stays counted after a scale or a migration.",
        "The release is skipped where the host is the same, and the condition is inverted.",
        "MIG,LIM",
        _Keeping,
    ),
    _book(
        "capacity-counted-twice",
        "Capacity is counted twice.",
        "Both the manager and the state listener allocate.",
        "MIG,LIM",
        _Doubling,
    ),
    _book(
        "capacity-cpu-not-given-back",
        "Of the old size the CPU stays counted.",
        "CPU and memory are two rows, and one update fails.",
        "MIG,LIM",
        _OneVcpu,
    ),
    _book(
        "capacity-on-another-host",
        "Capacity is counted on another host.",
        "The host's id comes from the plan and not from the destination.",
        "MIG,LIM",
        _Misplacing,
    ),
    _book(
        "capacity-not-taken",
        "What is taken on a host right after something was given back there is not counted.",
        "The capacity row is updated with the value read before.",
        "MIG,LIM",
        _taking_nothing_back(),
    ),
)
