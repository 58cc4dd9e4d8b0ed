"""Templates, networks and the types of operating systems: what an instance is made of besides its size."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Shown, Single, command
from harness.lab.api.entities import OS_CATEGORY_ID, OS_TYPE_ID
from harness.lab.api.views import catalogue as views
from harness.lab.management import updates
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.lifecycle import OS_NAME

_FILTERS = frozenset({"featured", "self", "selfexecutable", "sharedexecutable", "executable", "community", "all"})


def _list_templates(call: Call) -> Answer:
    wanted = call.must("templatefilter")
    if wanted not in _FILTERS:
        raise InvalidValueError(f"Please specify a valid template filter: {', '.join(sorted(_FILTERS))}")
    state = call.cloud.state
    with state.lock:
        shown = [views.template(call.cloud, record) for record in state.templates.values()]
    # Both templates are public and featured, so that only the filters for one's own or others' leave them out.
    if wanted in ("sharedexecutable", "community") or (wanted in ("self", "selfexecutable") and not call.is_admin):
        shown = []
    found = selection.by_fields(call, shown, id="id", name="name", hypervisor="hypervisor", zoneid="zoneid")
    ids = call.texts("ids")
    if ids is not None:
        found = [template for template in found if template["id"] in ids]
    return Listing("template", selection.by_keyword(call, found, "name", "displaytext"))


def _update_template(call: Call) -> Answer:
    record = updates.update_template(
        call.cloud,
        call.must("id"),
        dynamically_scalable=call.flag("isdynamicallyscalable"),
        name=call.text("name"),
        display_text=call.text("displaytext"),
    )
    return Single({"template": views.template(call.cloud, record)})


def _list_networks(call: Call) -> Answer:
    shown = [views.network(call.cloud, record) for record in call.cloud.state.networks.values()]
    found = selection.by_fields(
        call,
        shown,
        id="id",
        name="name",
        zoneid="zoneid",
        type="type",
        traffictype="traffictype",
        networkofferingid="networkofferingid",
        acltype="acltype",
        issystem="issystem",
        canusefordeploy="canusefordeploy",
        restartrequired="restartrequired",
        specifyipranges="specifyipranges",
    )
    return Listing("network", selection.by_keyword(call, found, "name", "displaytext"))


def _list_network_offerings(call: Call) -> Answer:
    shown = [views.network_offering(record) for record in call.cloud.state.networks.values()]
    found = selection.by_fields(
        call,
        shown,
        id="id",
        name="name",
        state="state",
        guestiptype="guestiptype",
        traffictype="traffictype",
        availability="availability",
        specifyvlan="specifyvlan",
        isdefault="isdefault",
        forvpc="forvpc",
    )
    return Listing("networkoffering", selection.by_keyword(call, found, "name", "displaytext"))


def _list_os_types(call: Call) -> Answer:
    only: Shown = {"id": OS_TYPE_ID, "name": OS_NAME, "oscategoryid": OS_CATEGORY_ID, "description": OS_NAME}
    found = selection.by_fields(call, [only], id="id", description="description", oscategoryid="oscategoryid")
    return Listing("ostype", selection.by_keyword(call, found, "description"))


COMMANDS = (
    command("listTemplates", _list_templates, "template"),
    command("updateTemplate", _update_template, "template"),
    command("listNetworks", _list_networks, "network"),
    command("listNetworkOfferings", _list_network_offerings, "networkoffering"),
    command("listOsTypes", _list_os_types, "ostype"),
)
