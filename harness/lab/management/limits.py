"""Resource limits: what an account and the domains above it may have, what they have, and whether more fits."""

from __future__ import annotations

from collections.abc import Mapping

from harness.lab.management.access import check_domain, check_may_manage, check_owner, rendered, rendered_domain
from harness.lab.management.directory import Directory
from harness.lab.management.errors import (
    InvalidValueError,
    OperationFailedError,
    PermissionDeniedError,
    ResourceLimitError,
)
from harness.lab.management.model import Account, Role, User
from harness.lab.management.resources import DOMAIN_DEFAULTS, UNLIMITED, Resource
from harness.reference.offering import Size
from harness.reference.release import Release


def domain_limit(people: Directory, domain_id: str, resource: Resource) -> int:
    """Its own limit, else that of the nearest domain above that has one. ROOT has none.

    Source: ResourceLimitManagerImpl.findCorrectResourceLimitForDomain.
    """
    for domain in people.above(domain_id):
        if domain.id == people.root_domain.id:
            return UNLIMITED if domain_id == domain.id else DOMAIN_DEFAULTS[resource]
        own = people.resources.own_limit(domain.id, resource)
        if own is not None:
            return own
    return UNLIMITED


def domain_count(people: Directory, domain_id: str, resource: Resource) -> int:
    """What all accounts of the domain and of those below it have."""
    return sum(people.resources.count(each.id, resource) for each in people.accounts_within(domain_id))


def check(people: Directory, account: Account, added: Mapping[Resource, int]) -> None:
    """Whether an account may have that much more, resource by resource. The lock of the state is held.

    Source: ResourceLimitManagerImpl.checkResourceLimit.

    Raises:
        ResourceLimitError: the account, or one of the domains above it, would have more than it may.
    """
    books = people.resources
    if books.is_unlimited(account.id):
        return
    for resource, more in added.items():
        limit, used = books.limit(account.id, resource), books.count(account.id, resource)
        if limit != UNLIMITED and used + more > limit:
            number = people.domain(account.domain_id).database_id
            raise ResourceLimitError(
                f"Maximum amount of resources of Type = '{resource.shown}', tag = 'null' "
                f"for Account Name = {account.name} in Domain Id = {number} is exceeded: "
                f"Account Resource Limit = {limit}, Current Account Resource Amount = {used}, "
                f"Current Account Resource Reservation = 0, Requested Resource Amount = {more}."
            )
        check_domains(people, account.domain_id, resource, more)


def check_growth(people: Directory, account_id: str, old: Size, new: Size, release: Release) -> None:
    """Whether the domains above an account allow an instance's new size. The lock of the state is held.

    What the account itself may have is the reference's to judge.

    Raises:
        OperationFailedError: one of them would have more than it may.
    """
    if people.resources.is_unlimited(account_id):
        return
    domain_id = people.account(account_id).domain_id
    sizes = {Resource.CPU: (old.cpus, new.cpus), Resource.MEMORY: (old.memory_mib, new.memory_mib)}
    for resource, (before, asked) in sizes.items():
        # As of an account's limits, see AccountLimits.refusal.
        reserved, more = (-before, asked) if release.limits_whole_size else (0, asked - before)
        if more > 0:
            try:
                check_domains(people, domain_id, resource, more, reserved)
            except ResourceLimitError as over:
                raise OperationFailedError(str(over)) from None


def check_domains(people: Directory, domain_id: str, resource: Resource, more: int, reserved: int = 0) -> None:
    """`reserved` is counted besides what there is; below zero it is given back. Raises ResourceLimitError."""
    for domain in people.above(domain_id):
        limit, used = domain_limit(people, domain.id, resource), domain_count(people, domain.id, resource)
        if limit != UNLIMITED and used + reserved + more > limit:
            raise ResourceLimitError(
                f"Maximum domain resource limits of Type '{resource.shown}' for Domain Id = {domain.id} is exceeded: "
                f"Domain Resource Limit = {limit}, Current Domain Resource Amount = {used}, "
                f"Current Resource Reservation = {reserved}, Requested Resource Amount = {more}."
            )


def set_for_account(people: Directory, caller: User, account: Account, resource: Resource, limit: int) -> None:
    """Source: ResourceLimitManagerImpl.updateResourceLimit. The lock of the state is held.

    Raises:
        InvalidValueError: root admins have no limits.
        PermissionDeniedError: the caller's own account, or one that is not the caller's to manage.
    """
    if people.resources.is_unlimited(account.id):
        if limit != UNLIMITED:
            raise InvalidValueError("Only -1 limit is supported for Root Admin accounts")
        return
    if account.id == caller.account_id and account.role is not Role.ADMIN:
        raise PermissionDeniedError(
            f"Unable to update resource limit for their own account {rendered(account)}, permission denied"
        )
    check_owner(people, caller, account.id)
    check_may_manage(people, caller, account.role, account.name, account.id)
    people.resources.set_limit(account.id, resource, limit)


def set_for_domain(people: Directory, caller: User, domain_id: str, resource: Resource, limit: int) -> None:
    """Raises as `set_for_account` does; the domain above must allow as much."""
    check_domain(people, caller, domain_id)
    domain = people.domain(domain_id)
    if domain.parent_id is None:
        raise PermissionDeniedError("Cannot update resource limit for ROOT domain 1, permission denied")
    if people.account(caller.account_id).domain_id == domain_id and people.role_of(caller) is not Role.ADMIN:
        raise PermissionDeniedError(
            f"Unable to update resource limit for domain {domain.database_id}, permission denied"
        )
    above = domain_limit(people, domain.parent_id, resource)
    if above != UNLIMITED and limit > above:
        raise InvalidValueError(
            f"Domain {rendered_domain(people.domain(domain.parent_id))} has maximum allowed resource limit {above} for "
            f"{resource.shown}, please specify a value less than or equal to {above}"
        )
    people.resources.set_limit(domain_id, resource, limit)
