"""Service offerings, templates, networks and settings as the API shows them."""

from __future__ import annotations

from harness.lab.api.command import Shown
from harness.lab.api.entities import OS_TYPE_ID
from harness.lab.api.views.instances import account_fields
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.configuration import Value
from harness.lab.management.lifecycle import OS_NAME
from harness.lab.management.model import Network, OfferingRecord, Template
from harness.reference.settings import Scope

NETWORK_OFFERING = "lab-l2-network-offering"


def offering(record: OfferingRecord, *, for_admin: bool) -> Shown:
    """Sizes that an offering leaves open are left out."""
    sizes = {
        "cpunumber": record.offering.cpus,
        "cpuspeed": record.offering.speed_mhz,
        "memory": record.offering.memory_mib,
    }
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "state": "Active" if record.offering.active else "Inactive",
        "displaytext": record.display_text,
        **{name: value for name, value in sizes.items() if value is not None},
        "created": clock.shown(record.created),
        "storagetype": record.storage_type,
        "provisioningtype": "thin",
        "offerha": record.high_availability,
        "limitcpuuse": record.offering.cpu_cap,
        "isvolatile": False,
        "issystem": False,
        "defaultuse": False,
    }
    if record.offering.host_tags:
        shown["hosttags"] = ",".join(sorted(record.offering.host_tags))
    if record.details:
        shown["serviceofferingdetails"] = dict(record.details)
    shown |= {
        "iscustomized": record.customized,
        "rootdisksize": 0,
        **record.other,
        "dynamicscalingenabled": record.offering.dynamic_scaling,
        "diskofferingstrictness": False,
        "diskofferingid": record.disk_offering_id,
        "diskofferingname": record.name,
        "diskofferingdisplaytext": record.display_text,
        "encryptroot": False,
    }
    if for_admin:
        shown["gpudisplay"] = False
    shown["hasannotations"] = False
    return shown


def template(cloud: Cloud, record: Template) -> Shown:
    state = cloud.state
    return {
        "id": record.id,
        "name": record.name,
        "displaytext": record.display_text,
        "ispublic": True,
        "created": clock.shown(record.created),
        "isready": True,
        "passwordenabled": False,
        "format": "QCOW2",
        "isfeatured": True,
        "crossZones": False,
        "ostypeid": OS_TYPE_ID,
        "ostypename": OS_NAME,
        **account_fields(cloud, state.admin.account_id),
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "status": "Bypassed Secondary Storage",
        "size": 0,
        "templatetype": "USER",
        "hypervisor": "KVM",
        "isextractable": False,
        "details": {},
        "sshkeyenabled": False,
        "isdynamicallyscalable": record.dynamically_scalable,
        "directdownload": True,
        "deployasis": False,
        "requireshvm": True,
        "arch": "x86_64",
        "tags": [],
        "hasannotations": False,
    }


def network(cloud: Cloud, record: Network) -> Shown:
    state = cloud.state
    return {
        "id": record.id,
        "name": record.name,
        "displaytext": record.name,
        "broadcastdomaintype": "Vlan",
        "traffictype": "Guest",
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "networkofferingid": record.offering_id,
        "networkofferingname": NETWORK_OFFERING,
        "networkofferingdisplaytext": NETWORK_OFFERING,
        "networkofferingconservemode": True,
        "networkofferingavailability": "Optional",
        "issystem": False,
        "state": "Implemented",
        "related": record.id,
        "broadcasturi": "vlan://untagged",
        "type": "L2",
        "vlan": "untagged",
        "acltype": "Account",
        **account_fields(cloud, state.admin.account_id),
        "service": [],
        "restartrequired": False,
        "specifyipranges": False,
        "specifyvlan": True,
        "canusefordeploy": True,
        "ispersistent": False,
        "tags": [],
        "displaynetwork": True,
        "strechedl2subnet": False,
        "redundantrouter": False,
        "created": clock.shown(record.created),
        "hasannotations": False,
    }


def network_offering(record: Network) -> Shown:
    """The one network offering, which the one network is of."""
    return {
        "id": record.offering_id,
        "name": NETWORK_OFFERING,
        "displaytext": NETWORK_OFFERING,
        "traffictype": "Guest",
        "isdefault": False,
        "specifyvlan": True,
        "conservemode": True,
        "specifyipranges": False,
        "availability": "Optional",
        "state": "Enabled",
        "guestiptype": "L2",
        "service": [],
        "forvpc": False,
        "ispersistent": False,
        "egressdefaultpolicy": True,
        "hasannotations": False,
    }


def configuration(value: Value, *, scope_of_reset: bool = False) -> Shown:
    """A setting at a place. Asked for in a scope the scope is in small letters, but after a reset it is not (seen)."""
    entry = value.configuration
    shown: Shown = {
        "category": "Advanced",
        "group": entry.group,
        "subgroup": entry.subgroup,
        "name": entry.name,
    }
    if value.text is not None:
        shown["value"] = value.text
    shown["defaultvalue"] = entry.default
    if value.place.scope is not Scope.GLOBAL:
        scope = value.place.scope.value
        shown["scope"] = scope if scope_of_reset else scope.lower()
    return shown | {
        "description": entry.description,
        "isdynamic": True,
        "component": entry.component,
        "displaytext": entry.display_text,
        "type": entry.shown_type,
    }
