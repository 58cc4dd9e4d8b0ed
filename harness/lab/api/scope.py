"""Whose things a list shows: the caller's own, a named account's, a domain's, or all that the caller may see."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api.command import Call
from harness.lab.management.access import check_domain, check_owner, rendered_domain
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.model import Role

Shows = Callable[[str], bool]


def scope(call: Call) -> Shows:
    """Tells by an account's id whether its things are in the list that was asked for.

    Source: AccountManagerImpl.buildACLSearchParameters.

    Raises:
        InvalidValueError: there is no such account in the domain.
        PermissionDeniedError: the account or the domain is not the caller's.
    """
    state, caller = call.cloud.state, call.cloud.state.account(call.user.account_id)
    domain_id, name = call.text("domainid"), call.text("account")
    if domain_id is not None:
        check_domain(state, call.user, domain_id)
    if name is not None:
        within = domain_id or caller.domain_id
        account = state.account_by_name(name, within)
        if account is None:
            raise InvalidValueError(f"could not find account {name} in domain {rendered_domain(state.domain(within))}")
        check_owner(state, call.user, account.id)
        return lambda owner: owner == account.id
    if caller.role is Role.USER:
        return lambda owner: owner == caller.id
    if domain_id is not None:
        if call.flag("isrecursive"):
            return _within(call, domain_id)
        return lambda owner: state.account(owner).domain_id == domain_id
    if not (call.flag("listall") or {"id", "ids"} & call.arguments.keys()):
        return lambda owner: owner == caller.id
    return _all if caller.role is Role.ADMIN else _within(call, caller.domain_id)


def _all(_owner: str) -> bool:
    return True


def _within(call: Call, domain_id: str) -> Shows:
    state = call.cloud.state
    return lambda owner: state.is_within(state.account(owner).domain_id, domain_id)


def sees_offering(call: Call, domain_ids: tuple[str, ...]) -> bool:
    """Whether an offering that is for some domains only, or for all if there are none, is the caller's to see."""
    state, own = call.cloud.state, call.account
    return own.role is Role.ADMIN or not domain_ids or any(state.is_within(own.domain_id, each) for each in domain_ids)


def domains_meant(call: Call) -> tuple[str, ...] | None:
    """The domains that an update of an offering names: ids, or "public" for all; None where it says nothing.

    Raises:
        InvalidValueError: there is no such domain.
    """
    text = call.text("domainid")
    if text is None:
        return None
    if text.lower() in ("public", "all", ""):
        return ()
    ids = tuple(each.strip() for each in text.split(","))
    for each in ids:
        if each not in call.cloud.state.domains:
            raise InvalidValueError(f"Invalid domain id: {each}")
    return ids
