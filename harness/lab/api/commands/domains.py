"""Account domains."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Begun, Call, Listing, Single, command
from harness.lab.api.views.people import domain as shown
from harness.lab.management import domains
from harness.lab.management.access import check_domain
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import AccountDomain


def _list(call: Call) -> Answer:
    """Source: QueryManagerImpl.searchForDomainIdsAndCount."""
    state, wanted, own = call.cloud.state, call.text("id"), call.account.domain_id
    if wanted is not None:
        check_domain(state, call.user, wanted)
    with state.lock:
        records = list(state.domains.values())
        if not call.is_admin and wanted is None:
            below = call.flag("listall")
            records = [each for each in records if each.id == own or (below and state.is_within(each.id, own))]
    return _listing(call, records)


def _list_children(call: Call) -> Answer:
    """Source: DomainManagerImpl.searchForDomainChildren."""
    state, top = call.cloud.state, call.text("id") or call.account.domain_id
    check_domain(state, call.user, top)
    is_deep = call.flag("isrecursive") and not call.flag("listall")
    with state.lock:
        records = [
            each
            for each in state.domains.values()
            if each.parent_id == top or (is_deep and each.id != top and state.is_within(each.id, top))
        ]
    name = (call.text("name") or "").lower()
    return Listing(
        "domain",
        selection.by_keyword(call, [shown(call.cloud, each) for each in records if name in each.name.lower()], "name"),
    )


def _listing(call: Call, records: list[AccountDomain]) -> Listing:
    items = [shown(call.cloud, record) for record in records]
    found = selection.by_fields(call, items, id="id", name="name", level="level")
    return Listing("domain", selection.by_keyword(call, found, "name"))


def _create(call: Call) -> Answer:
    network_domain = call.text("networkdomain") or ""
    made = domains.create(call.cloud, call.user, call.must("name"), call.text("parentdomainid"), network_domain)
    return Single({"domain": shown(call.cloud, made)})


def _update(call: Call) -> Answer:
    changed = domains.update(call.cloud, call.user, call.must("id"), call.text("name"), call.text("networkdomain"))
    return Single({"domain": shown(call.cloud, changed)})


def _delete(call: Call) -> Answer:
    domain_id, cleanup = call.must("id"), call.flag("cleanup") or False

    def run() -> Result:
        domains.delete(call.cloud, call.user, domain_id, cleanup=cleanup)
        return {"success": True}

    return Begun(Work(domain_id, run, "Domain", domain_id))


COMMANDS = (
    command("listDomains", _list, "domain"),
    command("listDomainChildren", _list_children, "domain"),
    command("createDomain", _create),
    command("updateDomain", _update, "domain"),
    command("deleteDomain", _delete, "domain"),
)
