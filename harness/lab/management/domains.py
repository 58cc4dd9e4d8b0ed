"""Account domains: create, change, delete with what is in them."""

from __future__ import annotations

import re
from dataclasses import replace

from harness.lab.management.access import check_domain, rendered_domain
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, OperationFailedError, PermissionDeniedError
from harness.lab.management.model import AccountDomain, User
from harness.lab.management.people import remove_account_with_all

_NETWORK_DOMAIN = re.compile(
    r"(?=.{1,190}$)[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*"
)


def create(cloud: Cloud, caller: User, name: str, parent_id: str | None, network_domain: str) -> AccountDomain:
    """Source: DomainManagerImpl.createDomain.

    Raises:
        InvalidValueError: the parent has such a domain already, or a name that cannot be.
        PermissionDeniedError: the parent is not the caller's.
    """
    state = cloud.state
    with state.lock:
        parent = state.domains.get(parent_id or state.root_domain.id)
        if parent is None:
            raise InvalidValueError(f"Unable to create domain {name}, parent domain {parent_id} not found.")
        check_domain(state, caller, parent.id)
        _check_network_domain(network_domain)
        if _named(cloud, name, parent.id) is not None:
            raise InvalidValueError(
                f"Domain with name [{name}] already exists for the parent with ID [{parent.database_id}]."
            )
        domain = state.add_domain(name, parent, network_domain)
    state.events.add(
        "DOMAIN.CREATE", "Successfully completed creating Domain", caller, resource=("Domain", domain.id, domain.name)
    )
    return domain


def update(cloud: Cloud, caller: User, domain_id: str, name: str | None, network_domain: str | None) -> AccountDomain:
    """Source: DomainManagerImpl.updateDomain. What is None stays."""
    state = cloud.state
    with state.lock:
        domain = _existing(cloud, domain_id)
        if domain.parent_id is None and name is not None:
            raise InvalidValueError("ROOT domain can not be edited with a new name")
        check_domain(state, caller, domain.id)
        if name is not None:
            namesake = _named(cloud, name, domain.parent_id or "")
            if namesake is not None and namesake.id != domain.id:
                raise InvalidValueError(
                    f"Failed to update specified domain id with name '{name}' since it already exists in the system"
                )
        if network_domain is not None:
            _check_network_domain(network_domain)
            state.domains[domain.id] = replace(domain, network_domain=network_domain)
        if name is not None:
            state.rename_domain(domain.id, name)
        return state.domains[domain.id]


def delete(cloud: Cloud, caller: User, domain_id: str, *, cleanup: bool) -> None:
    """With `cleanup` all domains below it and all accounts go first. Source: DomainManagerImpl.deleteDomain.

    Raises:
        PermissionDeniedError: it is ROOT, or not the caller's.
        OperationFailedError: there is still something in it.
    """
    state = cloud.state
    with state.lock:
        domain = _existing(cloud, domain_id)
        if domain.id == state.root_domain.id:
            raise PermissionDeniedError("Can't delete ROOT domain")
        check_domain(state, caller, domain.id)
        below = sorted(
            (each for each in state.domains.values() if state.is_within(each.id, domain.id)),
            key=lambda each: -each.level,
        )
        accounts = state.accounts_within(domain.id)
        if not cleanup and (accounts or len(below) > 1):
            raise OperationFailedError(
                f"Delete failed on domain {rendered_domain(domain)}; please make sure all users and sub domains have "
                "been removed from the domain before deleting"
            )
    for account in accounts:
        remove_account_with_all(cloud, caller, account)
    with state.lock:
        for each in below:
            if each.id in state.domains:
                state.remove_domain(each.id)
    state.events.add(
        "DOMAIN.DELETE", "Successfully completed deleting Domain", caller, resource=("Domain", domain.id, domain.name)
    )


def _existing(cloud: Cloud, domain_id: str) -> AccountDomain:
    domain = cloud.state.domains.get(domain_id)
    if domain is None:
        # It was there when the parameters were read.
        raise InvalidValueError(f"Failed to delete domain {domain_id}, domain not found")
    return domain


def _named(cloud: Cloud, name: str, parent_id: str) -> AccountDomain | None:
    return next(
        (d for d in cloud.state.domains.values() if d.parent_id == parent_id and d.name.lower() == name.lower()), None
    )


def _check_network_domain(text: str) -> None:
    if text and _NETWORK_DOMAIN.fullmatch(text) is None:
        raise InvalidValueError(
            "Invalid network domain. Total length shouldn't exceed 190 chars. Each domain label must be between 1 and "
            "63 characters long, can contain ASCII letters 'a' through 'z', the digits '0' through '9', and the hyphen "
            "('-'); can't start or end with \"-\""
        )
