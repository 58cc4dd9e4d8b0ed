"""Who there is: account domains, accounts, users and roles, those that were removed included."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from threading import RLock
from typing import Any
from uuid import NAMESPACE_DNS, uuid4, uuid5

from harness.lab.management.clock import Clock
from harness.lab.management.model import Account, AccountDomain, Person, Role, RoleRecord, Standing, User
from harness.lab.management.resources import ResourceBooks

# How CloudStack's database counts a fresh cloud's own accounts and users.
_SYSTEM_DATABASE_ID = 1
ADMIN_DATABASE_ID = 2


class Directory:
    """The tables of people, guarded by `lock`; records are frozen and replaced as a whole."""

    def __init__(self, clock: Clock, admin_password: str) -> None:
        self.lock = RLock()
        self.clock = clock
        self.root_domain = AccountDomain(_id(), 1, "ROOT", None, "/", self.clock.now())
        self.domains = {self.root_domain.id: self.root_domain}
        self.resources = ResourceBooks()
        self.accounts: dict[str, Account] = {}
        self.users: dict[str, User] = {}
        defaults = (RoleRecord(default_role_id(role), role.shown, role, is_default=True) for role in Role)
        self.roles = {record.id: record for record in defaults}
        self._users_by_key: dict[str, User] = {}
        self._hidden_domains: dict[str, AccountDomain] = {}
        self._hidden_accounts: dict[str, Account] = {}
        self._hidden_users: dict[str, User] = {}
        # Ids of what is gone: lists may still be asked for it.
        self.removed_ids: set[str] = set()
        self._account_count = 0
        self._domain_count = 1
        self.system = self._add_system()
        self.admin = self.add_account("admin", Role.ADMIN, Person("admin", password=admin_password))

    # Domains

    def add_domain(self, name: str, parent: AccountDomain, network_domain: str) -> AccountDomain:
        with self.lock:
            self._domain_count += 1
            path = f"{parent.path}{name}/"
            domain = AccountDomain(
                _id(), self._domain_count, name, parent.id, path, self.clock.now(), network_domain, parent.level + 1
            )
            self.domains[domain.id] = domain
            return domain

    def domain(self, domain_id: str) -> AccountDomain:
        """A domain, also one that was removed."""
        with self.lock:
            return self.domains.get(domain_id) or self._hidden_domains[domain_id]

    def knows_domain(self, domain_id: str) -> bool:
        """Whether there is or was such a domain."""
        with self.lock:
            return domain_id in self.domains or domain_id in self._hidden_domains

    def rename_domain(self, domain_id: str, name: str) -> None:
        """With all domains below it, whose paths begin with its own."""
        with self.lock:
            old = self.domains[domain_id].path
            new = f"{old[: old[:-1].rindex('/') + 1]}{name}/"
            for each in [each for each in self.domains.values() if each.path.startswith(old)]:
                own = name if each.id == domain_id else each.name
                self.domains[each.id] = replace(each, name=own, path=new + each.path.removeprefix(old))

    def remove_domain(self, domain_id: str) -> None:
        with self.lock:
            self._hidden_domains[domain_id] = self.domains.pop(domain_id)
            self.removed_ids.add(domain_id)

    def is_within(self, domain_id: str, top_id: str) -> bool:
        """Whether a domain is the other one or below it."""
        return self.domain(domain_id).path.startswith(self.domain(top_id).path)

    def above(self, domain_id: str) -> Iterator[AccountDomain]:
        """The domain itself and those above it, ROOT last."""
        at: str | None = domain_id
        while at is not None:
            domain = self.domain(at)
            yield domain
            at = domain.parent_id

    # Accounts and users

    def add_account(
        self,
        name: str,
        role: Role,
        person: Person | None = None,
        *,
        with_keys: bool = True,
        domain_id: str | None = None,
        role_id: str | None = None,
    ) -> User:
        """A new account with its first user, of the same name unless told otherwise."""
        with self.lock:
            number = ADMIN_DATABASE_ID + self._account_count
            within = domain_id or self.root_domain.id
            account = Account(_id(), number, name, role, self.clock.now(), within, role_id or default_role_id(role))
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
        account = Account(
            _id(),
            _SYSTEM_DATABASE_ID,
            "system",
            Role.ADMIN,
            self.clock.now(),
            self.root_domain.id,
            default_role_id(Role.ADMIN),
        )
        user = User(_id(), _SYSTEM_DATABASE_ID, "system", account.id, "", "", self.clock.now(), Person("system"))
        self._hidden_accounts[account.id] = account
        self._hidden_users[user.id] = user
        self.resources.open(account.id, unlimited=True)
        return user

    def change_account(self, account_id: str, **fields: Any) -> Account:
        with self.lock:
            account = self.accounts[account_id] = replace(self.accounts[account_id], **fields)
            return account

    def change_user(self, user_id: str, **fields: Any) -> User:
        with self.lock:
            old = self.users[user_id]
            user = self.users[user_id] = replace(old, **fields)
            for known in old.with_each_key:
                del self._users_by_key[known.api_key]
            for known in user.with_each_key:
                self._users_by_key[known.api_key] = known
            return user

    def remove_account(self, account_id: str) -> None:
        """Nobody of it may do anything any more; what it did and has still tells whose it is."""
        with self.lock:
            self._hidden_accounts[account_id] = self.accounts.pop(account_id)
            self.removed_ids.add(account_id)
            for user in self.users_of(account_id):
                self.remove_user(user.id)

    def remove_user(self, user_id: str) -> None:
        with self.lock:
            user = self._hidden_users[user_id] = self.users.pop(user_id)
            for known in user.with_each_key:
                del self._users_by_key[known.api_key]
            self.removed_ids.add(user_id)

    def account(self, account_id: str) -> Account:
        """An account, also one that was removed, or the system's."""
        with self.lock:
            return self.accounts.get(account_id) or self._hidden_accounts[account_id]

    def user(self, user_id: str) -> User:
        """A user, also one that was removed, or the system's."""
        with self.lock:
            return self.users.get(user_id) or self._hidden_users[user_id]

    def users_of(self, account_id: str) -> list[User]:
        with self.lock:
            return [user for user in self.users.values() if user.account_id == account_id]

    def user_by_key(self, api_key: str) -> User | None:
        with self.lock:
            return self._users_by_key.get(api_key)

    def user_in_domain(self, name: str, domain_id: str) -> User | None:
        """Names of users are unique within a domain, in any case."""
        with self.lock:
            return next(
                (
                    user
                    for user in self.users.values()
                    if user.name.lower() == name.lower() and self.account(user.account_id).domain_id == domain_id
                ),
                None,
            )

    def is_enabled(self, user: User) -> bool:
        """Whether the user may do anything: neither the user nor the account is disabled or locked."""
        return user.standing is Standing.ENABLED and self.account(user.account_id).standing is Standing.ENABLED

    def renew_keys(self, user_id: str, keys: tuple[str, str] | None = None, *, beside: bool = False) -> User:
        """API key and secret key, new ones unless they are given; in place of the older ones or beside them."""
        with self.lock:
            user = self.users[user_id]
            older = (*user.older_keys, (user.api_key, user.secret_key)) if beside and user.api_key else ()
            api_key, secret_key = keys or (_key(), _key())
            return self.change_user(user_id, api_key=api_key, secret_key=secret_key, older_keys=older)

    def account_by_name(self, name: str, domain_id: str) -> Account | None:
        with self.lock:
            return next(
                (
                    each
                    for each in self.accounts.values()
                    if each.name.lower() == name.lower() and each.domain_id == domain_id
                ),
                None,
            )

    def accounts_within(self, domain_id: str) -> list[Account]:
        """Accounts of a domain and of all below it."""
        with self.lock:
            return [each for each in self.accounts.values() if self.is_within(each.domain_id, domain_id)]

    def user_for(self, caller: User, account_id: str | None) -> User:
        """Who something is made for: the caller, or the first user of another account."""
        if account_id is None or account_id == caller.account_id:
            return caller
        return next(iter(self.users_of(account_id)), caller)

    def role_of(self, user: User) -> Role:
        return self.account(user.account_id).role

    def role_record_of(self, user: User) -> RoleRecord:
        with self.lock:
            return self.roles[self.account(user.account_id).role_id]


def default_role_id(role: Role) -> str:
    return stable_id("role", role.value)


def stable_id(*parts: str) -> str:
    """An id that is the same in every lab, for things that are not records of their own."""
    return str(uuid5(NAMESPACE_DNS, "/".join(("lab", *parts))))


def _id() -> str:
    return str(uuid4())


def _key() -> str:
    return secrets.token_urlsafe(64)
