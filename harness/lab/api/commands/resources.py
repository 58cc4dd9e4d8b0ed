"""Resource limits and counts: list, change, recalculate."""

from __future__ import annotations

from collections import Counter

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Shown, Single, command
from harness.lab.api.views.people import domain_fields
from harness.lab.management import limits
from harness.lab.management.access import check_domain
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.model import Account
from harness.lab.management.resources import UNLIMITED, Resource


def _resource(call: Call) -> Resource | None:
    number = call.integer("resourcetype")
    if number is None:
        return None
    try:
        return Resource(number)
    except ValueError:
        raise InvalidValueError("Please specify valid resource type") from None


def _update_limit(call: Call) -> Answer:
    """Source: ResourceLimitManagerImpl.updateResourceLimit."""
    account, domain_id, limit = call.named_account(), call.text("domainid"), call.integer("max")
    limit = UNLIMITED if limit is None else limit
    if limit < UNLIMITED:
        raise InvalidValueError("Please specify either '-1' for an infinite limit, or a limit that is at least '0'.")
    resource, state = _resource(call) or Resource.USER_VM, call.cloud.state
    with state.lock:
        stored = limit * resource.unit if limit > 0 else limit
        if account is not None:
            limits.set_for_account(state, call.user, account, resource, stored)
            text, whose = account.name, ("Account", account.id)
        elif domain_id is not None:
            limits.set_for_domain(state, call.user, domain_id, resource, stored)
            text, whose = state.domain(domain_id).name, ("Domain", domain_id)
        else:
            raise InvalidValueError("AccountId or domainId have to be specified in order to update resource limit")
    note = f"Resource limit updated. Resource Type: {resource.shown}, New Value: {limit}"
    state.events.add("RESOURCE.LIMIT.UPDATE", note, call.user, resource=(*whose, text))
    return Single({"resourcelimit": _limit(call, account, domain_id, resource)})


def _limit(call: Call, account: Account | None, domain_id: str | None, resource: Resource) -> Shown:
    """An account's limit, or a domain's where there is no account."""
    state = call.cloud.state
    if account is not None:
        limit = state.resources.limit(account.id, resource)
    else:
        limit = limits.domain_limit(state, domain_id or state.root_domain.id, resource)
    return {
        **_whose(call, account, domain_id, resource),
        "max": -(-limit // resource.unit) if limit > 0 else limit,
    }


def _whose(call: Call, account: Account | None, domain_id: str | None, resource: Resource) -> Shown:
    within = account.domain_id if account is not None else domain_id or call.cloud.state.root_domain.id
    return {
        **({} if account is None else {"account": account.name}),
        **domain_fields(call.cloud, within),
        "resourcetype": str(int(resource)),
        "resourcetypename": resource.shown,
    }


def _list_limits(call: Call) -> Answer:
    """Source: ResourceLimitManagerImpl.searchForLimits."""
    account = call.named_account() if call.is_any_admin else None
    domain_id = call.text("domainid") if call.is_any_admin and account is None else None
    if domain_id is not None:
        check_domain(call.cloud.state, call.user, domain_id)
    name = call.text("resourcetypename")
    if name is not None and name.upper() not in Resource.__members__:
        raise InvalidValueError("Please specify valid resource type name.")
    wanted = _resource(call) if name is None else Resource[name.upper()]
    with call.cloud.state.lock:
        whose = None if domain_id is not None else account or call.account
        kinds = list(Resource) if wanted is None else [wanted]
        shown = [_limit(call, whose, domain_id, kind) for kind in kinds]
    return Listing("resourcelimit", selection.by_keyword(call, shown, "resourcetypename"))


def _update_count(call: Call) -> Answer:
    """Source: ResourceLimitManagerImpl.recalculateResourceCount."""
    account, domain_id, wanted, state = call.named_account(), call.must("domainid"), _resource(call), call.cloud.state
    check_domain(state, call.user, domain_id)
    with state.lock:
        total: Counter[Resource] = Counter()
        for each in [account] if account is not None else state.accounts_within(domain_id):
            found = state.what_has(each.id)
            total.update(found)
            for kind, count in found.items():
                if account is not None and wanted in (None, kind):
                    state.resources.set_count(each.id, kind, count)
    shown = [
        {**_whose(call, account, domain_id, kind), "resourcecount": total[kind]}
        for kind in Resource
        if wanted in (None, kind)
    ]
    return Listing("resourcecount", shown)


COMMANDS = (
    command("updateResourceLimit", _update_limit),
    command("listResourceLimits", _list_limits),
    command("updateResourceCount", _update_count),
)
