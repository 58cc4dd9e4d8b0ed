"""Resource limits and resource counts of accounts, kept as CloudStack keeps them: counts are moved, not derived."""

from __future__ import annotations

from collections import Counter
from enum import IntEnum

from harness.reference.capacity import AccountLimits
from harness.reference.offering import Size

UNLIMITED = -1
GIB = 1 << 30
# The one size of a root disk.
ROOT_DISK_BYTES = 16 * 1024 * 1024


class Resource(IntEnum):
    """Types of resources by the number that the API gives them."""

    USER_VM = 0
    PUBLIC_IP = 1
    VOLUME = 2
    SNAPSHOT = 3
    TEMPLATE = 4
    PROJECT = 5
    NETWORK = 6
    VPC = 7
    CPU = 8
    MEMORY = 9
    PRIMARY_STORAGE = 10
    SECONDARY_STORAGE = 11
    BACKUP = 12
    BACKUP_STORAGE = 13
    BUCKET = 14
    OBJECT_STORAGE = 15
    GPU = 16

    @property
    def shown(self) -> str:
        return self.name.lower()

    @property
    def unit(self) -> int:
        """How much the API's number 1 is in the books: storage is kept in bytes and shown in GiB."""
        return GIB if self.name.endswith("STORAGE") else 1


# What a plain account may have unless it is told otherwise: the defaults of the settings max.account.*.
_DEFAULTS = {
    Resource.PROJECT: 10,
    Resource.CPU: 40,
    Resource.MEMORY: 40960,
    Resource.PRIMARY_STORAGE: 200 * GIB,
    Resource.SECONDARY_STORAGE: 400 * GIB,
    Resource.BACKUP_STORAGE: 400 * GIB,
    Resource.OBJECT_STORAGE: 400 * GIB,
}
_DEFAULT = 20
# The defaults of the settings max.domain.*.
DOMAIN_DEFAULTS = {resource: 2 * _DEFAULTS.get(resource, _DEFAULT) for resource in Resource} | {
    Resource.PROJECT: 50,
    Resource.GPU: 20,
}


class ResourceBooks:
    """Limits by the id of an account or a domain, counts by that of an account.

    No lock of its own: every call is made with the lock of `CloudState` held, which owns the one instance. A count may
    become negative: a scale is counted for whoever asked for it (DEF-07), the end of an instance for its owner.
    """

    def __init__(self) -> None:
        self._unlimited: set[str] = set()
        self._limits: dict[tuple[str, Resource], int] = {}
        self._counts: dict[str, Counter[Resource]] = {}

    def open(self, account_id: str, *, unlimited: bool) -> None:
        """Begin to count for an account; root admins have no limits."""
        self._counts[account_id] = Counter()
        self.set_unlimited(account_id, unlimited=unlimited)

    def set_unlimited(self, account_id: str, *, unlimited: bool) -> None:
        (self._unlimited.add if unlimited else self._unlimited.discard)(account_id)

    def close(self, account_id: str) -> None:
        self._counts.pop(account_id, None)
        self._unlimited.discard(account_id)
        self._limits = {key: limit for key, limit in self._limits.items() if key[0] != account_id}

    def is_unlimited(self, account_id: str) -> bool:
        return account_id in self._unlimited

    def limit(self, account_id: str, resource: Resource) -> int:
        if account_id in self._unlimited:
            return UNLIMITED
        return self._limits.get((account_id, resource), _DEFAULTS.get(resource, _DEFAULT))

    def own_limit(self, owner_id: str, resource: Resource) -> int | None:
        """What was set for an account or a domain, None where nothing was."""
        return self._limits.get((owner_id, resource))

    def set_limit(self, owner_id: str, resource: Resource, limit: int) -> None:
        self._limits[owner_id, resource] = limit

    def count(self, account_id: str, resource: Resource) -> int:
        return self._counts[account_id][resource]

    def changed(self, account_id: str, resource: Resource, by: int) -> None:
        """Its account may be gone already."""
        if account_id in self._counts:
            self._counts[account_id][resource] += by

    def set_count(self, account_id: str, resource: Resource, count: int) -> None:
        self._counts[account_id][resource] = count

    def instance_came(self, account_id: str, size: Size) -> None:
        self._counts[account_id].update(of_instance(size))

    def instance_went(self, account_id: str, size: Size) -> None:
        """Its account may be gone already."""
        if account_id in self._counts:
            self._counts[account_id].subtract(of_instance(size))

    def scaled(self, account_id: str, old: Size, new: Size) -> None:
        if account_id in self._counts:
            growth = {Resource.CPU: new.cpus - old.cpus, Resource.MEMORY: new.memory_mib - old.memory_mib}
            self._counts[account_id].update(growth)

    def limits_for_scale(self, account_id: str, account_name: str) -> AccountLimits | None:
        """What the reference checks when an instance of this account grows; None where there is no limit."""
        if account_id in self._unlimited:
            return None
        return AccountLimits(
            account=account_name,
            cpus=self.limit(account_id, Resource.CPU),
            memory_mib=self.limit(account_id, Resource.MEMORY),
            used_cpus=self.count(account_id, Resource.CPU),
            used_memory_mib=self.count(account_id, Resource.MEMORY),
        )


def of_instance(size: Size) -> dict[Resource, int]:
    return {
        Resource.USER_VM: 1,
        Resource.CPU: size.cpus,
        Resource.MEMORY: size.memory_mib,
        Resource.VOLUME: 1,
        Resource.PRIMARY_STORAGE: ROOT_DISK_BYTES,
    }


def counted(sizes: list[Size]) -> dict[Resource, int]:
    """The counts that follow from what is there, as a recalculation finds them."""
    total: Counter[Resource] = Counter()
    for size in sizes:
        total.update(of_instance(size))
    return {resource: total[resource] for resource in Resource}
