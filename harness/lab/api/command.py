"""What a command is, what it is called with, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from harness.lab.api.listed_apis import listed_command
from harness.lab.api.parameters import Argument, Parameter, declared
from harness.lab.management.access import check_domain, check_owner
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError
from harness.lab.management.jobs import Work
from harness.lab.management.model import Account, InstanceRecord, Role, RoleRecord, User
from harness.lab.management.roles import may_call

Shown = dict[str, object]


@dataclass(frozen=True)
class Listing:
    """A list answer; paging and count are the envelope's business."""

    name: str
    items: Sequence[Shown]


@dataclass(frozen=True)
class Single:
    """An answer with one object, or with a few plain fields."""

    body: Shown


# Commands whose answers are not named after them (source: UpdateVMAffinityGroupCmd).
_OTHER_ROOTS = {"updateVMAffinityGroup": "updatevirtualmachineresponse"}

DONE = Single({"success": True})


@dataclass(frozen=True)
class Begun:
    """An asynchronous command was accepted: its job, and the id of what it creates."""

    work: Work
    created_id: str | None = None


Answer = Listing | Single | Begun


@dataclass(frozen=True)
class Call:
    """One request, verified and typed. `commands` are all that this server has, for listApis."""

    cloud: Cloud
    user: User
    arguments: Mapping[str, Argument]
    commands: Mapping[str, Command]

    @property
    def is_admin(self) -> bool:
        return self.cloud.state.role_of(self.user) is Role.ADMIN

    @property
    def is_any_admin(self) -> bool:
        return self.cloud.state.role_of(self.user) is not Role.USER

    @property
    def account(self) -> Account:
        """The caller's."""
        return self.cloud.state.account(self.user.account_id)

    def named_account(self) -> Account | None:
        """The account that `account` and `domainid` name together, None where they do not.

        Source: AccountManagerImpl.finalyzeAccountId.

        Raises:
            InvalidValueError: one without the other, or an account that does not exist.
            PermissionDeniedError: it is not the caller's to act for.
        """
        name, domain_id = self.text("account"), self.text("domainid")
        if name is None:
            return None
        if domain_id is None:
            raise InvalidValueError("Account must be specified with domainId parameter")
        found = self.cloud.state.account_by_name(name, domain_id)
        if found is None:
            raise InvalidValueError(f"Unable to find account by name {name} in domain with specified id")
        if not self.is_any_admin and found.id != self.user.account_id:
            raise PermissionDeniedError(f"Caller does not have permission to operate with account {name}")
        check_domain(self.cloud.state, self.user, domain_id)
        return found

    def owner(self) -> Account:
        """Whose a new thing is to be: the caller's, or the account's that is named.

        The system has no resources of its own. Source: AccountManagerImpl.finalizeOwner.
        """
        if self.user.id == self.cloud.state.system.id and not {"account", "domainid"} <= self.arguments.keys():
            raise InvalidValueError("Account and domainId are needed for resource creation")
        return self.named_account() or self.account

    def text(self, name: str) -> str | None:
        """A string or an id."""
        value = self.arguments.get(name)
        return value if isinstance(value, str) else None

    def must(self, name: str) -> str:
        """A required string or id; parameter processing has seen to it that it is there."""
        return str(self.arguments[name])

    def integer(self, name: str) -> int | None:
        value = self.arguments.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool | None:
        value = self.arguments.get(name)
        return value if isinstance(value, bool) else None

    def moment(self, name: str) -> datetime | None:
        value = self.arguments.get(name)
        return value if isinstance(value, datetime) else None

    def texts(self, name: str) -> list[str] | None:
        value = self.arguments.get(name)
        return [str(item) for item in value] if isinstance(value, list) else None

    def entries(self, name: str) -> list[dict[str, str]]:
        """Entries of a map parameter, in the order of their index."""
        value = self.arguments.get(name)
        return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []

    def merged(self, name: str) -> dict[str, str]:
        """`details[0].a=1&details[1].b=2` as one mapping."""
        merged: dict[str, str] = {}
        for entry in self.entries(name):
            merged |= entry
        return merged

    def pairs(self, name: str) -> dict[str, str]:
        """`tags[0].key=a&tags[0].value=b` as one mapping; a missing value is an empty one."""
        return {entry["key"]: entry.get("value", "") for entry in self.entries(name) if "key" in entry}

    def instance(self, name: str = "id") -> InstanceRecord:
        """The instance that a required parameter names. Raises PermissionDeniedError for another account's."""
        try:
            instance = self.cloud.state.instance(self.must(name))
        except KeyError:
            # It was there when the parameters were read; a job has expunged it since.
            raise InvalidValueError(f"Unable to find a virtual machine with id {self.must(name)}") from None
        check_owner(self.cloud.state, self.user, instance.account_id)
        return instance


@dataclass(frozen=True)
class Command:
    """A command of the API; `roles` are the types of roles that may call it if no rule of theirs says otherwise."""

    name: str
    parameters: tuple[Parameter, ...]
    answer: Callable[[Call], Answer]
    roles: frozenset[str]
    asynchronous: bool
    classes: tuple[str, ...]

    def is_open_to(self, role: RoleRecord) -> bool:
        if role.is_default and role.type is Role.ADMIN:
            return True
        return may_call(role, self.name, by_default=role.type.value in self.roles)

    def java(self, role: Role) -> str:
        """The class that a job of someone in this role shows."""
        return self.classes[-1 if role is Role.ADMIN else 0]

    @property
    def response_name(self) -> str:
        return _OTHER_ROOTS.get(self.name, f"{self.name.lower()}response")


def command(name: str, answer: Callable[[Call], Answer], record: str = "") -> Command:
    """A command as a real server has it; `record` is the kind of record that its `id` names."""
    listed = listed_command(name)
    parameters = declared(listed.parameters, record)
    return Command(name, parameters, answer, listed.roles, listed.is_asynchronous, listed.classes)
