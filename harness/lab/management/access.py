"""Who may act on what: on a domain, on what an account has, on other accounts and users."""

from __future__ import annotations

import json
from collections.abc import Sequence

from harness.lab.management.directory import Directory
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError
from harness.lab.management.model import Account, AccountDomain, Role, User


def check_domain(people: Directory, caller: User, domain_id: str) -> None:
    """A plain user has the own domain only, an admin also those below it. Source: DomainChecker.checkAccess.

    Raises:
        InvalidValueError: there is none of this id, nor was.
        PermissionDeniedError: it is another one.
    """
    if not people.knows_domain(domain_id):
        raise InvalidValueError(f"Unable to find domain by id {domain_id}")
    account = people.account(caller.account_id)
    own = account.domain_id
    reaches = own == domain_id if account.role is Role.USER else people.is_within(domain_id, own)
    if not reaches:
        raise PermissionDeniedError(
            f"Account {rendered(account)} does not have permission to operate within domain id={domain_id}"
        )


def check_owner(people: Directory, caller: User, owner_id: str) -> None:
    """Whether the caller may act on what this account has, or on the account. Raises PermissionDeniedError."""
    if not may_act_for(people, caller, owner_id):
        raise PermissionDeniedError


def may_act_for(people: Directory, caller: User, owner_id: str) -> bool:
    """A plain user for the own account, a domain admin for accounts of the domain and below, a root admin for all."""
    account = people.account(caller.account_id)
    if account.role is Role.ADMIN or owner_id == account.id:
        return True
    if account.role is Role.USER:
        return False
    return people.is_within(people.account(owner_id).domain_id, account.domain_id)


def is_for_domains(people: Directory, account: Account, domain_ids: Sequence[str]) -> bool:
    """Whether an account may use what is for these domains and those below them, or for all if there are none."""
    return (
        account.role is Role.ADMIN
        or not domain_ids
        or any(people.is_within(account.domain_id, each) for each in domain_ids)
    )


def check_offering(people: Directory, account: Account, domain_ids: Sequence[str], shown: str) -> None:
    """`shown` is the offering as it stands in texts. Source: AccountManagerImpl.checkAccess.

    Raises:
        PermissionDeniedError: it is for other domains.
    """
    if not is_for_domains(people, account, domain_ids):
        raise PermissionDeniedError(f"There's no way to confirm {rendered(account)} has access to {shown}")


def check_may_manage(people: Directory, caller: User, role: Role, account_name: str, account_id: str) -> None:
    """Whether the caller's role is high enough for an account of this role. Raises PermissionDeniedError.

    Admins of any type may manage others of that type, users may not: the hidden setting
    role.types.allowed.for.operations.on.accounts.of.same.role.type says so unless somebody changes it.
    Source: AccountManagerImpl.checkCallerRoleTypeAllowedForUserOrAccountOperations.
    """
    own = people.account(caller.account_id)
    first = (people.admin.account_id, people.system.account_id)
    if own.id in first or own.role.rank < role.rank or own.id == account_id:
        return
    if own.role is role and role is not Role.USER:
        return
    if own.role is role:
        raise PermissionDeniedError(
            f"The calling account [{own.name}, {own.id}] is not allowed to perform this operation on users from other "
            "accounts of the same role type within the domain"
        )
    raise PermissionDeniedError(
        f"The calling account [{own.name}, {own.id}] has a lower role type than the user account "
        f"[{account_name}, {account_id}]"
    )


def rendered(account: Account) -> str:
    """An account as it stands in CloudStack's texts."""
    return f"Account [{_json({'accountName': account.name, 'id': account.database_id, 'uuid': account.id})}]"


def rendered_domain(record: AccountDomain) -> str:
    shown = {"id": record.database_id, "name": record.name, "path": record.path, "uuid": record.id}
    return f"Domain {_json(shown)}"


def _json(shown: dict[str, object]) -> str:
    return json.dumps(shown, separators=(",", ":"))
