"""Whose things a list shows: the caller's own, a named account's, a domain's, or all that the caller may see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.lab.api.command import Call
from harness.lab.management.access import check_domain, check_owner, is_for_domains, rendered_domain
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
    if not (call.flag("listall") or "id" in call.arguments):
        return lambda owner: owner == caller.id
    return _all if caller.role is Role.ADMIN else _within(call, caller.domain_id)


def _all(_owner: str) -> bool:
    return True


def _within(call: Call, domain_id: str) -> Shows:
    state = call.cloud.state
    return lambda owner: state.is_within(state.account(owner).domain_id, domain_id)


def sees_offering(call: Call, domain_ids: tuple[str, ...]) -> bool:
    """Whether a list has an offering that is for some domains only, or for all if there are none.

    Asked for by domain the list has what is for that very domain, and recursively also what is for domains below the
    caller's. Source: QueryManagerImpl.searchForServiceOfferings.
    """
    if call.text("domainid") is not None:
        return call.text("domainid") in domain_ids
    if call.flag("isrecursive") and any(
        call.cloud.state.is_within(each, call.account.domain_id) for each in domain_ids
    ):
        return True
    return is_for_domains(call.cloud.state, call.account, domain_ids)


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
    ids = [each.strip() for each in text.split(",")]
    for each in ids:
        if each not in call.cloud.state.domains:
            raise InvalidValueError(f"Invalid domain id: {each}")
    return tops(call, ids)


def tops(call: Call, domain_ids: Sequence[str]) -> tuple[str, ...]:
    """Domains without those that are below another of them.

    Source: ConfigurationManagerImpl.filterChildSubDomains.
    """
    state, ids = call.cloud.state, tuple(dict.fromkeys(domain_ids))
    return tuple(each for each in ids if not any(each != other and state.is_within(each, other) for other in ids))
