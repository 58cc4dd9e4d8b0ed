"""Makes and removes accounts."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from uuid import uuid4

from harness.cloud.answers import number, require_same, text
from harness.cloud.client import ApiAnswerError, CloudApi
from harness.cloud.instances import JobFailedError
from harness.cloud.jobs import Asked, begin_job, run_job
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


def create(api: CloudApi, seconds: float, name: str, kind: AccountType) -> AccountKeys:
    """An account of one user, both of that name, whose password nobody knows.

    Raises:
        ApiError, JobFailedError: CloudStack refuses it, or keys for it.
        ApiAnswerError: an answer is of another account, as from a cache.
    """
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
    # Taken for this one's, another account would be removed in its place, and act in its place.
    require_same("createAccount", answer.get("account"), {"name": name})
    user_id = text(answer, "account", "user", 0, "id")
    api_key, secret_key = register_keys(api, seconds, user_id)
    require_same("registerUserKeys", api.call("getUser", userapikey=api_key).get("user"), {"id": user_id})
    return AccountKeys(
        id=text(answer, "account", "id"),
        name=name,
        account_domain_id=text(answer, "account", "domainid"),
        api_key=api_key,
        secret_key=secret_key,
    )


def register_keys(api: Asked, seconds: float, user_id: str) -> tuple[str, str]:
    """New keys of a user: up to 4.22 they are the answer, since then a job's result.

    Raises:
        ApiError, JobFailedError: CloudStack refuses.
    """
    job = begin_job(api, "registerUserKeys", id=user_id)
    keys = job.begun
    if "jobid" in keys:
        ended = job.wait(seconds)
        if not ended.succeeded:
            raise JobFailedError(f"registering keys of user {user_id}", ended)
        keys = ended.result
    return text(keys, "userkeys", "apikey"), text(keys, "userkeys", "secretkey")


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
    """`address` is the account's name and its account domain's id.

    Raises:
        ApiError, ApiAnswerError: refused, or the answer is of another limit.
    """
    name, account_domain_id = address
    set_to = {"resourcetype": int(what), "max": most}
    answer = api.call("updateResourceLimit", account=name, domainid=account_domain_id, **set_to)
    require_same("updateResourceLimit", answer.get("resourcelimit"), set_to)


def recount(api: CloudApi) -> None:
    """Have CloudStack count anew what the caller's account has. Raises ApiError."""
    user = api.call("getUser", userapikey=api.api_key)
    account, account_domain_id = text(user, "user", "account"), text(user, "user", "domainid")
    api.call("updateResourceCount", account=account, domainid=account_domain_id)


def delete(api: CloudApi, seconds: float, account_id: str) -> None:
    """Remove an account with all that it has; one that is gone already is as good as removed.

    Raises:
        ApiError, JobFailedError: CloudStack could not remove it.
        ApiAnswerError: it is still there, and so the answer was another request's, from a cache.
    """
    if not api.exists("listAccounts", "account", account_id):
        return
    job = run_job(api, "deleteAccount", seconds, id=account_id)
    if not job.succeeded:
        raise JobFailedError(f"removing account {account_id}", job)
    if api.exists("listAccounts", "account", account_id):
        raise ApiAnswerError(f"account {account_id} is there though its removal was answered")
