"""A plain account of a case: its limits, its keys, and what CloudStack counts of it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.cloud import accounts
from harness.cloud.accounts import AccountCounts, AccountKeys, Limited
from harness.cloud.client import CloudApi
from harness.reference.capacity import AccountLimits
from harness.reference.offering import Size
from harness.run.scene import Scene


@dataclass
class _Most:
    cpus: int = -1
    memory_mib: int = -1


class StagedAccount:
    """An account that has no limits of the case's at first. `api` speaks with its user's keys."""

    def __init__(self, scene: Scene, made: AccountKeys, network_id: str | None) -> None:
        """`network_id` is of a network that its instances may use."""
        self.name = made.name
        self.address = made.address
        self.network_id = network_id
        self.api: CloudApi = scene.session.api_with(made.api_key, made.secret_key)
        self._scene = scene
        self._most = _Most()

    def limit_cpus(self, most: int) -> None:
        """Allow it so many vCPUs. Raises ApiError."""
        self._limit(Limited.CPUS, most)
        self._most.cpus = most

    def limit_memory(self, most_mib: int) -> None:
        """Allow it so much memory. Raises ApiError."""
        self._limit(Limited.MEMORY, most_mib)
        self._most.memory_mib = most_mib

    def limits_with(self, size: Size) -> AccountLimits:
        """Its limits while it has one instance of this size."""
        return AccountLimits(self.name, self._most.cpus, self._most.memory_mib, size.cpus, size.memory_mib)

    def counts(self) -> AccountCounts:
        """What CloudStack counts of it now."""
        return accounts.counts(self._scene.api, self.name)

    def _limit(self, what: Limited, most: int) -> None:
        with self._scene.steps.step(f"limit {what.name.lower()} of account {self.name}"):
            accounts.set_limit(self._scene.api, self.address, what, most)
