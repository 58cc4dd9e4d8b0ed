"""Resource limits and counts: list, change, recalculate."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Shown, Single, command
from harness.lab.api.views.people import account_domain_fields
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError
from harness.lab.management.model import Account
from harness.lab.management.resources import UNLIMITED, Resource, counted
from harness.lab.management.state import GONE


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
    account, limit = call.named_account(), call.integer("max")
    limit = UNLIMITED if limit is None else limit
    if limit < UNLIMITED:
        raise InvalidValueError("Please specify either '-1' for an infinite limit, or a limit that is at least '0'.")
    resource = _resource(call) or Resource.USER_VM
    if account is None:
        if call.text("domainid") is not None:
            raise PermissionDeniedError("Cannot update resource limit for ROOT domain 1, permission denied")
        raise InvalidValueError("AccountId or domainId have to be specified in order to update resource limit")
    books = call.cloud.state.resources
    with call.cloud.state.lock:
        if books.is_unlimited(account.id):
            if limit != UNLIMITED:
                raise InvalidValueError("Only -1 limit is supported for Root Admin accounts")
        else:
            books.set_limit(account.id, resource, limit * resource.unit if limit > 0 else limit)
    text = f"Resource limit updated. Resource Type: {resource.shown}, New Value: {limit}"
    call.cloud.state.events.add(
        "RESOURCE.LIMIT.UPDATE", text, call.user, resource=("Account", account.id, account.name)
    )
    return Single({"resourcelimit": _limit(call, account, resource)})


def _limit(call: Call, account: Account, resource: Resource) -> Shown:
    limit = call.cloud.state.resources.limit(account.id, resource)
    return {**_whose(call, account, resource), "max": -(-limit // resource.unit) if limit > 0 else limit}


def _whose(call: Call, account: Account | None, resource: Resource) -> Shown:
    return {
        **({} if account is None else {"account": account.name}),
        **account_domain_fields(call.cloud),
        "resourcetype": str(int(resource)),
        "resourcetypename": resource.shown,
    }


def _list_limits(call: Call) -> Answer:
    """Source: ResourceLimitManagerImpl.searchForLimits; the domain ROOT has no limits."""
    account = call.named_account() if call.is_any_admin else None
    of_domain = call.is_any_admin and account is None and call.text("domainid") is not None
    name = call.text("resourcetypename")
    if name is not None and name.upper() not in Resource.__members__:
        raise InvalidValueError("Please specify valid resource type name.")
    wanted = _resource(call) if name is None else Resource[name.upper()]
    state = call.cloud.state
    with state.lock:
        account = account or state.accounts[call.user.account_id]
        kinds = list(Resource) if wanted is None else [wanted]
        if of_domain:
            shown = [{**_whose(call, None, kind), "max": UNLIMITED} for kind in kinds]
        else:
            shown = [_limit(call, account, kind) for kind in kinds]
    return Listing("resourcelimit", selection.by_keyword(call, shown, "resourcetypename"))


def _update_count(call: Call) -> Answer:
    """Source: ResourceLimitManagerImpl.recalculateResourceCount."""
    account, wanted, state = call.named_account(), _resource(call), call.cloud.state
    with state.lock:
        instances = [each for each in state.instances.values() if each.state not in GONE]
        if account is not None:
            instances = [each for each in instances if each.account_id == account.id]
        found = counted([state.size_of(each) for each in instances])
        for kind, count in found.items():
            if account is not None and wanted in (None, kind):
                state.resources.set_count(account.id, kind, count)
    shown = [
        {**_whose(call, account, kind), "resourcecount": count}
        for kind, count in found.items()
        if wanted in (None, kind)
    ]
    return Listing("resourcecount", shown)


COMMANDS = (
    command("updateResourceLimit", _update_limit),
    command("listResourceLimits", _list_limits),
    command("updateResourceCount", _update_count),
)
