"""The one place where the cloud's mutable state lives."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import replace
from threading import RLock
from typing import Any
from uuid import NAMESPACE_DNS, uuid4, uuid5

from harness.lab.hypervisor import NodeInfo
from harness.lab.management.clock import Clock, WallClock
from harness.lab.management.configuration import ConfigurationStore, Place
from harness.lab.management.events import EventLog
from harness.lab.management.ledger import Amount, CapacityLedger
from harness.lab.management.model import (
    Account,
    AccountDomain,
    Cluster,
    HostRecord,
    InstanceRecord,
    Network,
    OfferingRecord,
    Person,
    Pod,
    Role,
    State,
    Template,
    User,
    Zone,
    size_in_force,
)
from harness.lab.management.resources import ResourceBooks
from harness.lab.management.waves import ScaleWaves
from harness.lab.topology import LabSpec
from harness.reference.capacity import Host
from harness.reference.offering import Size
from harness.reference.release import Release
from harness.reference.scaling import World

# How CloudStack's database counts a fresh cloud's own accounts and users.
_SYSTEM_DATABASE_ID = 1
ADMIN_DATABASE_ID = 2
GONE = frozenset({State.DESTROYED, State.EXPUNGING, State.ERROR})


class CloudState:
    """Everything the management brain remembers, in memory.

    Lock discipline: `lock` guards every table, the capacity ledger and the resource books. Records are frozen and
    replaced as a whole, so one that was read stays consistent without the lock. The lock is held for bookkeeping only,
    never during a call to an agent. Configuration, events and jobs guard themselves and never take this lock while
    holding theirs.
    """

    def __init__(
        self,
        spec: LabSpec,
        hosts: Mapping[str, tuple[NodeInfo, str]],
        release: Release,
        *,
        clock: Clock | None = None,
        admin_password: str = "",
    ) -> None:
        """`hosts`: node info and address by the host's name, for every host of `spec`."""
        self.lock = RLock()
        self.clock = clock or WallClock()
        self._ledger_drawn = self.clock.monotonic()
        self.release = release
        self.configuration = ConfigurationStore(release)
        self.events = EventLog(self.clock)
        self.zone = Zone(_id(), spec.zone)
        self.pod = Pod(_id(), spec.pod)
        self.clusters = {cluster.id: cluster for cluster in (Cluster(_id(), name) for name in spec.clusters)}
        by_name = {cluster.name: cluster.id for cluster in self.clusters.values()}
        created = self.clock.now()
        self.hosts = {
            host.id: host
            for host in (
                HostRecord(_id(), number, at.name, by_name[at.cluster], address, node, created)
                for number, at in enumerate(spec.hosts, start=1)
                for node, address in (hosts[at.name],)
            )
        }
        self.ledger = CapacityLedger(self.hosts)
        self.account_domain = AccountDomain(_id(), "ROOT", "ROOT", created)
        self.resources = ResourceBooks()
        self.waves = ScaleWaves(time.monotonic)
        self.accounts: dict[str, Account] = {}
        self.users: dict[str, User] = {}
        self._users_by_key: dict[str, User] = {}
        self._hidden_accounts: dict[str, Account] = {}
        self._hidden_users: dict[str, User] = {}
        self._account_count = 0
        self.system = self._add_system()
        self.admin = self.add_account("admin", Role.ADMIN, Person("admin", password=admin_password))
        self.templates = {
            template.id: template
            for template in (
                Template(_id(), "lab-guest", "Lab guest that can be scaled live", True, created),
                Template(_id(), "lab-guest-unscalable", "Lab guest that cannot be scaled live", False, created),
            )
        }
        network = Network(_id(), "lab-net", _id(), created)
        self.networks = {network.id: network}
        self.offerings: dict[str, OfferingRecord] = {}
        self.instances: dict[str, InstanceRecord] = {}
        self._instance_count = 0

    # Accounts

    def add_account(self, name: str, role: Role, person: Person | None = None, *, with_keys: bool = True) -> User:
        """A new account with its first user, of the same name unless told otherwise."""
        with self.lock:
            account = Account(_id(), ADMIN_DATABASE_ID + self._account_count, name, role, self.clock.now())
            self._account_count += 1
            self.accounts[account.id] = account
            self.resources.open(account.id, unlimited=role is Role.ADMIN)
            return self.add_user(account, person or Person(name), with_keys=with_keys)

    def add_user(self, account: Account, person: Person, *, with_keys: bool) -> User:
        keys = (_key(), _key()) if with_keys else ("", "")
        with self.lock:
            number = _SYSTEM_DATABASE_ID + len(self.users) + len(self._hidden_users)
            user = User(_id(), number, person.name, account.id, *keys, self.clock.now(), person)
            self.users[user.id] = user
            if with_keys:
                self._users_by_key[user.api_key] = user
        return user

    def _add_system(self) -> User:
        """Who the integration port acts as; no list shows it."""
        account = Account(_id(), _SYSTEM_DATABASE_ID, "system", Role.ADMIN, self.clock.now())
        user = User(_id(), _SYSTEM_DATABASE_ID, "system", account.id, "", "", self.clock.now(), Person("system"))
        self._hidden_accounts[account.id] = account
        self._hidden_users[user.id] = user
        self.resources.open(account.id, unlimited=True)
        return user

    def remove_account(self, account_id: str) -> None:
        """Nobody of it may do anything any more; what it did and has still tells whose it is."""
        with self.lock:
            self._hidden_accounts[account_id] = self.accounts.pop(account_id)
            for user_id in [user.id for user in self.users.values() if user.account_id == account_id]:
                self.remove_user(user_id)

    def remove_user(self, user_id: str) -> None:
        with self.lock:
            user = self._hidden_users[user_id] = self.users.pop(user_id)
            self._users_by_key.pop(user.api_key, None)

    def account(self, account_id: str) -> Account:
        """An account, also one that was removed, or the system's."""
        with self.lock:
            return self.accounts.get(account_id) or self._hidden_accounts[account_id]

    def user(self, user_id: str) -> User:
        """A user, also one that was removed, or the system's."""
        with self.lock:
            return self.users.get(user_id) or self._hidden_users[user_id]

    def user_by_key(self, api_key: str) -> User | None:
        with self.lock:
            return self._users_by_key.get(api_key)

    def renew_keys(self, user_id: str, keys: tuple[str, str] | None = None) -> User:
        """API key and secret key; new ones unless they are given."""
        api_key, secret_key = keys or (_key(), _key())
        with self.lock:
            old = self.users[user_id]
            self._users_by_key.pop(old.api_key, None)
            user = self.users[user_id] = replace(old, api_key=api_key, secret_key=secret_key)
            self._users_by_key[api_key] = user
            return user

    def account_by_name(self, name: str) -> Account | None:
        with self.lock:
            return next((each for each in self.accounts.values() if each.name.lower() == name.lower()), None)

    def user_for(self, caller: User, account_id: str | None) -> User:
        """Who something is made for: the caller, or the first user of another account."""
        if account_id is None or account_id == caller.account_id:
            return caller
        with self.lock:
            return next((user for user in self.users.values() if user.account_id == account_id), caller)

    def role_of(self, user: User) -> Role:
        with self.lock:
            return self.account(user.account_id).role

    # Instances

    def next_instance_number(self) -> int:
        with self.lock:
            self._instance_count += 1
            return self._instance_count

    def instance(self, instance_id: str) -> InstanceRecord:
        """Raises KeyError for an id that is not known (any more)."""
        with self.lock:
            return self.instances[instance_id]

    def change(self, instance_id: str, **fields: Any) -> InstanceRecord:
        """Replace an instance's record by one with these fields changed."""
        with self.lock:
            record = replace(self.instances[instance_id], updated=self.clock.now(), **fields)
            self.instances[instance_id] = record
            return record

    def size_of(self, instance: InstanceRecord) -> Size:
        """The size an instance has with its present offering."""
        with self.lock:
            return size_in_force(self.offerings[instance.offering_id].offering, instance.details)

    def amount_of(self, instance: InstanceRecord) -> Amount:
        """The capacity an instance takes with its present offering."""
        return Amount.of(self.size_of(instance))

    # The reference's view

    def host(self, host_id: str) -> Host:
        """A host with what is used of it now."""
        with self.lock:
            self._redraw_ledger_when_due()
            record, used, reserved = self.hosts[host_id], self.ledger.used(host_id), self.ledger.reserved(host_id)
        return Host(
            id=record.id,
            name=record.name,
            cluster_id=record.cluster_id,
            cpus=record.node.cpus,
            speed_mhz=record.node.speed_mhz,
            memory_bytes=record.memory_bytes,
            used_cpu_mhz=used.cpu_mhz,
            used_memory_bytes=used.memory_bytes,
            reserved_cpu_mhz=reserved.cpu_mhz,
            reserved_memory_bytes=reserved.memory_bytes,
            tags=record.tags,
            cgroup_version=record.node.cgroup_version,
        )

    def world(self) -> World:
        with self.lock:
            return World(
                self.release, self.configuration.settings(), tuple(self.host(host_id) for host_id in self.hosts)
            )

    def _redraw_ledger_when_due(self) -> None:
        """The periodic recalculation of capacity (capacity.check.period), made by whoever looks first after it is due.

        It forgets what a migrating scale left uncounted and what a stopped instance reserves in vain.
        """
        check = self.configuration.find("capacity.check.period")
        period_ms = int(self.configuration.value(check, Place()).text or check.default)
        if self.clock.monotonic() - self._ledger_drawn < period_ms / 1000:
            return
        self._ledger_drawn = self.clock.monotonic()
        instances = list(self.instances.values())
        self.ledger.redraw(
            [(i.host_id, self.amount_of(i)) for i in instances if i.host_id and i.state not in GONE],
            [(i.last_host_id, self.amount_of(i)) for i in instances if i.state is State.STOPPED and i.last_host_id],
        )


def _id() -> str:
    return str(uuid4())


def _key() -> str:
    return secrets.token_urlsafe(64)


def stable_id(*parts: str) -> str:
    """An id that is the same in every lab, for things that are not records of their own."""
    return str(uuid5(NAMESPACE_DNS, "/".join(("lab", *parts))))
