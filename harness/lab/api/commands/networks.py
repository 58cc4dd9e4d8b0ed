"""Networks and network offerings, which are records: no host learns of them."""

from __future__ import annotations

from dataclasses import replace

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Begun, Call, Shown, Single, command
from harness.lab.api.scope import domains_meant, scope, sees_offering, tops
from harness.lab.api.views import records as views
from harness.lab.management import catalogue
from harness.lab.management.access import check_owner
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.records import Network, NetworkOffering


def _networks(call: Call) -> list[Shown]:
    shows, state = scope(call), call.cloud.state
    with state.lock:
        records = [each for each in state.networks.values() if each.for_all or shows(each.account_id)]
        return [views.network(call.cloud, each) for each in records]


def _create(call: Call) -> Answer:
    owner = call.owner()
    made = catalogue.add_network(
        call.cloud.state,
        owner,
        call.must("networkofferingid"),
        call.must("name"),
        call.text("displaytext") or call.must("name"),
        gateway=call.text("gateway") or "",
        netmask=call.text("netmask") or "",
        vlan=call.text("vlan") or "",
        network_domain=call.text("networkdomain") or "",
    )
    return Single({"network": views.network(call.cloud, made)})


def _mine(call: Call) -> Network:
    network = call.cloud.state.networks[call.must("id")]
    check_owner(call.cloud.state, call.user, network.account_id)
    return network


def _update(call: Call) -> Answer:
    network = _mine(call)

    def run() -> Result:
        changed = catalogue.rename_network(
            call.cloud.state,
            network.id,
            name=call.text("name"),
            display_text=call.text("displaytext"),
            network_domain=call.text("networkdomain"),
            offering_id=call.text("networkofferingid"),
        )
        return {"network": views.network(call.cloud, changed)}

    return Begun(Work(network.id, run, "Network", network.id))


def _delete(call: Call) -> Answer:
    network = _mine(call)

    def run() -> Result:
        catalogue.remove_network(call.cloud.state, network.id)
        return {"success": True}

    return Begun(Work(network.id, run, "Network", network.id))


def _restart(call: Call) -> Answer:
    network = _mine(call)
    return Begun(Work(network.id, lambda: {"success": True}, "Network", network.id))


def _offerings(call: Call) -> list[Shown]:
    state = call.cloud.state
    with state.lock:
        records = [each for each in state.network_offerings.values() if sees_offering(call, each.domain_ids)]
    return [views.network_offering(call.cloud, each) for each in records]


def _create_offering(call: Call) -> Answer:
    if call.must("traffictype").lower() != "guest":
        raise InvalidValueError("Only traffic type Guest is supported for network offering")
    made = catalogue.add_network_offering(
        call.cloud.state,
        call.must("name"),
        call.text("displaytext") or call.must("name"),
        call.must("guestiptype"),
        enabled=call.flag("enable") or False,
        specify_vlan=call.flag("specifyvlan") or False,
        availability=call.text("availability") or "Optional",
        services=call.texts("supportedservices") or [],
        domain_ids=tops(call, call.texts("domainid") or []),
    )
    return Single({"networkoffering": views.network_offering(call.cloud, made)})


def _update_offering(call: Call) -> Answer:
    wanted, state = call.text("state"), call.cloud.state
    if wanted is not None and wanted.lower() not in ("enabled", "disabled"):
        raise InvalidValueError(f"Incorrect state value: {wanted}")
    domain_ids = domains_meant(call)
    with state.lock:
        record = state.network_offerings.get(call.text("id") or "")
        if record is None:
            raise InvalidValueError(f"unable to find network offering {call.text('id') or 'null'}")
        changed = state.network_offerings[record.id] = replace(
            record,
            name=call.text("name") or record.name,
            display_text=call.text("displaytext") or record.display_text,
            availability=call.text("availability") or record.availability,
            enabled=record.enabled if wanted is None else wanted.lower() == "enabled",
            domain_ids=record.domain_ids if domain_ids is None else domain_ids,
        )
    return Single({"networkoffering": views.network_offering(call.cloud, changed)})


def _delete_offering(call: Call) -> Answer:
    state, offering_id = call.cloud.state, call.must("id")
    with state.lock:
        record: NetworkOffering = state.network_offerings[offering_id]
        if record.is_default:
            raise InvalidValueError("Default network offering can't be deleted")
        if any(each.offering_id == offering_id for each in state.networks.values()):
            number = sum(each.offering_id == offering_id for each in state.networks.values())
            raise InvalidValueError(
                f"Can't delete network offering {offering_id} as its used by {number} networks. To make the network "
                "offering unavailable, disable it"
            )
        del state.network_offerings[offering_id]
    return DONE


_FIELDS = (
    "id name zoneid type traffictype networkofferingid acltype issystem canusefordeploy restartrequired specifyipranges"
)
_OFFERING_FIELDS = "id name state guestiptype traffictype availability specifyvlan isdefault forvpc"

COMMANDS = (
    command("listNetworks", selection.listing("network", _networks, _FIELDS, "name displaytext"), "network"),
    command("createNetwork", _create),
    command("updateNetwork", _update, "network"),
    command("restartNetwork", _restart, "network"),
    command("deleteNetwork", _delete, "network"),
    command(
        "listNetworkOfferings",
        selection.listing("networkoffering", _offerings, _OFFERING_FIELDS, "name displaytext"),
        "networkoffering",
    ),
    command("createNetworkOffering", _create_offering),
    command("updateNetworkOffering", _update_offering, "networkoffering"),
    command("deleteNetworkOffering", _delete_offering, "networkoffering"),
)
