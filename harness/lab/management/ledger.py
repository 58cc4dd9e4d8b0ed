"""Capacity accounting: what is used and what is reserved on each host, moved as CloudStack moves it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.reference.offering import Size


@dataclass(frozen=True)
class Amount:
    """CPU in MHz and memory in bytes."""

    cpu_mhz: int = 0
    memory_bytes: int = 0

    @classmethod
    def of(cls, size: Size) -> Amount:
        return cls(size.cpu_mhz, size.memory_bytes)

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpu_mhz + other.cpu_mhz, self.memory_bytes + other.memory_bytes)

    def without(self, other: Amount) -> Amount:
        """What is left; where there is less than is to be taken, CloudStack takes nothing."""
        return Amount(_less(self.cpu_mhz, other.cpu_mhz), _less(self.memory_bytes, other.memory_bytes))


def _less(count: int, taken: int) -> int:
    return count - taken if count >= taken else count


class CapacityLedger:
    """Used and reserved amounts by host id.

    It has no lock of its own: every call is made with the lock of `CloudState` held, which owns the one ledger.
    A stopped instance's capacity stays reserved on its last host until it starts again, is destroyed, or the books
    are drawn up anew. Source: CapacityManagerImpl.postStateTransitionEvent, allocateVmCapacity, releaseVmCapacity.
    """

    def __init__(self, host_ids: Iterable[str]) -> None:
        self._used = dict.fromkeys(host_ids, Amount())
        self._reserved = dict.fromkeys(self._used, Amount())

    def used(self, host_id: str) -> Amount:
        return self._used[host_id]

    def reserved(self, host_id: str) -> Amount:
        return self._reserved[host_id]

    def allocate(self, host_id: str, amount: Amount, *, from_reserved: bool = False) -> None:
        self._used[host_id] += amount
        if from_reserved:
            self._reserved[host_id] = self._reserved[host_id].without(amount)

    def release(self, host_id: str, amount: Amount, *, keep_reserved: bool = False) -> None:
        self._used[host_id] = self._used[host_id].without(amount)
        if keep_reserved:
            self._reserved[host_id] += amount

    def release_reserved(self, host_id: str, amount: Amount) -> None:
        self._reserved[host_id] = self._reserved[host_id].without(amount)

    def redraw(self, running: Iterable[tuple[str, Amount]], stopped: Iterable[tuple[str, Amount]]) -> None:
        """Draw the books up anew from what runs and what is stopped, as the periodic recalculation does."""
        self._used = dict.fromkeys(self._used, Amount())
        self._reserved = dict.fromkeys(self._reserved, Amount())
        for host_id, amount in running:
            self._used[host_id] += amount
        for host_id, amount in stopped:
            self._reserved[host_id] += amount
