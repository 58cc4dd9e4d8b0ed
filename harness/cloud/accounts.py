"""Makes and removes accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from uuid import uuid4

from harness.cloud.answers import number, text
from harness.cloud.client import CloudApi
from harness.cloud.instances import JobFailedError
from harness.cloud.jobs import run_job
from harness.errors import HarnessError


class NoSuchAccountError(HarnessError):
    """The API does not list an account that must be there."""


class AccountType(IntEnum):
    """As createAccount numbers them."""

    USER = 0
    ROOT_ADMIN = 1
    DOMAIN_ADMIN = 2


@dataclass(frozen=True)
class AccountKeys:
    """An account with its one user's keys. The keys are secrets."""

    id: str
    name: str
    account_domain_id: str
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)

    @property
    def address(self) -> tuple[str, str]:
        """How other commands name it: by its name and its account domain's id."""
        return self.name, self.account_domain_id


class Limited(IntEnum):
    """What limits are set on, as updateResourceLimit numbers it."""

    CPUS = 8
    MEMORY = 9


@dataclass(frozen=True)
class AccountCounts:
    """What CloudStack counts of an account; both may be below zero."""

    cpus: int
    memory_mib: int


def create(api: CloudApi, name: str, kind: AccountType) -> AccountKeys:
    """An account of one user, both of that name, whose password nobody knows. Raises ApiError."""
    answer = api.call(
        "createAccount",
        accounttype=int(kind),
        username=name,
        firstname="cs-harness",
        lastname="run",
        email="nobody@localhost",
        password=str(uuid4()),
        account=name,
    )
    keys = api.call("registerUserKeys", id=text(answer, "account", "user", 0, "id"))
    return AccountKeys(
        id=text(answer, "account", "id"),
        name=name,
        account_domain_id=text(answer, "account", "domainid"),
        api_key=text(keys, "userkeys", "apikey"),
        secret_key=text(keys, "userkeys", "secretkey"),
    )


def id_of(api: CloudApi, name: str) -> str | None:
    """The id of the account of just that name, or None."""
    found = api.list("listAccounts", "account", name=name, listall=True)
    return next((text(part, "id") for part in found if part.get("name") == name), None)


def counts(api: CloudApi, name: str) -> AccountCounts:
    """Raises NoSuchAccountError."""
    for part in api.list("listAccounts", "account", name=name, listall=True):
        if part.get("name") == name:
            return AccountCounts(number(part, "cputotal"), number(part, "memorytotal"))
    raise NoSuchAccountError(f"the API lists no account {name}")


def set_limit(api: CloudApi, address: tuple[str, str], what: Limited, most: int) -> None:
    """`address` is the account's name and its account domain's id. Raises ApiError."""
    name, account_domain_id = address
    api.call("updateResourceLimit", account=name, domainid=account_domain_id, resourcetype=int(what), max=most)


def recount(api: CloudApi) -> None:
    """Have CloudStack count anew what the caller's account has. Raises ApiError."""
    user = api.call("getUser", userapikey=api.api_key)
    account, account_domain_id = text(user, "user", "account"), text(user, "user", "domainid")
    api.call("updateResourceCount", account=account, domainid=account_domain_id)


def delete(api: CloudApi, seconds: float, account_id: str) -> None:
    """Remove an account with all that it has; one that is gone already is as good as removed.

    Raises:
        ApiError, JobFailedError: CloudStack could not remove it.
    """
    if not api.exists("listAccounts", "account", account_id):
        return
    job = run_job(api, "deleteAccount", seconds, id=account_id)
    if not job.succeeded:
        raise JobFailedError(f"removing account {account_id}", job)
