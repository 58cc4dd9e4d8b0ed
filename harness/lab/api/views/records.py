"""Templates, networks, network offerings, data volumes, affinity groups and key pairs as the API shows them."""

from __future__ import annotations

from ipaddress import IPv4Network

from harness.lab.api.command import Shown
from harness.lab.api.views.catalogue import for_domains
from harness.lab.api.views.instances import account_fields, disk_offering_fields, tags_of
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.directory import stable_id
from harness.lab.management.records import (
    OS_TYPES,
    AffinityGroup,
    GuestType,
    KeyPair,
    Network,
    NetworkOffering,
    Template,
    Volume,
)
from harness.lab.management.resources import ROOT_DISK_BYTES


def template(cloud: Cloud, record: Template) -> Shown:
    """A template, or an ISO with a little less."""
    state, os_type = cloud.state, OS_TYPES[record.os_type_id]
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "displaytext": record.display_text,
        "ispublic": record.is_public,
        "created": clock.shown(record.created),
        "isready": True,
        "passwordenabled": record.password_enabled,
        "format": "ISO" if record.is_iso else "QCOW2",
        "isfeatured": record.is_featured,
        "crossZones": False,
        "ostypeid": os_type.id,
        "ostypename": os_type.name,
        **account_fields(cloud, record.account_id),
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "status": _status(record),
        # Every root disk has this size. Nothing is fetched of ISOs and of what hosts fetch themselves.
        "size": 0 if record.is_iso or record.direct else ROOT_DISK_BYTES,
        "isextractable": record.is_extractable,
        "sshkeyenabled": False,
        "isdynamicallyscalable": record.dynamically_scalable,
        "directdownload": record.direct,
        "deployasis": False,
        "requireshvm": True,
        "arch": "x86_64",
        "tags": tags_of(cloud, _kind(record), record.id, record.account_id),
        "hasannotations": False,
    }
    if record.is_iso:
        return shown | {"bootable": record.bootable}
    if not record.direct:
        download = {"datastore": "secondary", "downloadPercent": "100", "downloadState": "DOWNLOADED"}
        shown["downloaddetails"] = [download]
    return shown | {"templatetype": "USER", "hypervisor": "KVM", "details": dict(record.details)}


def _status(record: Template) -> str:
    if record.direct:
        return "Bypassed Secondary Storage"
    return "Successfully Installed" if record.is_iso else "Download Complete"


def _kind(record: Template) -> str:
    return "ISO" if record.is_iso else "Template"


def permissions(cloud: Cloud, record: Template) -> Shown:
    """Whom a template or an ISO was shared with."""
    state = cloud.state
    shown: Shown = {
        "id": record.id,
        "ispublic": record.is_public,
        "domainid": state.account(record.account_id).domain_id,
    }
    names = sorted(state.account(each).name for each in record.shared_with)
    return shown | {"account": names} if names else shown


def network(cloud: Cloud, record: Network) -> Shown:
    state = cloud.state
    offering = state.network_offerings[record.offering_id]
    is_l2 = offering.guest_type is GuestType.L2
    in_use = any(each.network_id == record.id for each in state.instances.values())
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "displaytext": record.display_text or record.name,
        "broadcastdomaintype": "Vlan",
        "traffictype": "Guest",
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "networkofferingid": offering.id,
        "networkofferingname": offering.name,
        "networkofferingdisplaytext": offering.display_text,
        "networkofferingconservemode": True,
        "networkofferingavailability": offering.availability,
        "issystem": False,
        "state": "Implemented" if record.for_all or in_use else "Allocated",
        "related": record.id,
        "type": offering.guest_type.value,
        "acltype": "Account",
        **account_fields(cloud, record.account_id),
        "service": [{"name": name} for name in offering.services],
        "restartrequired": False,
        "specifyipranges": offering.guest_type is GuestType.SHARED,
        "specifyvlan": offering.specify_vlan,
        "canusefordeploy": True,
        "ispersistent": False,
        "tags": tags_of(cloud, "Network", record.id, record.account_id),
        "displaynetwork": True,
        "strechedl2subnet": False,
        "redundantrouter": False,
        "created": clock.shown(record.created),
        "hasannotations": False,
    }
    if record.vlan:
        shown |= {"broadcasturi": f"vlan://{record.vlan}", "vlan": record.vlan}
    if record.gateway and not is_l2:
        cidr = str(IPv4Network(f"{record.gateway}/{record.netmask}", strict=False))
        shown |= {"gateway": record.gateway, "netmask": record.netmask, "cidr": cidr}
    return shown | {"networkdomain": record.network_domain} if record.network_domain else shown


def network_offering(cloud: Cloud, record: NetworkOffering) -> Shown:
    return {
        "id": record.id,
        "name": record.name,
        "displaytext": record.display_text,
        "traffictype": "Guest",
        "isdefault": record.is_default,
        "specifyvlan": record.specify_vlan,
        "conservemode": True,
        "specifyipranges": record.guest_type is GuestType.SHARED,
        "availability": record.availability,
        "state": "Enabled" if record.enabled else "Disabled",
        "guestiptype": record.guest_type.value,
        "service": [{"name": name} for name in record.services],
        "forvpc": False,
        "ispersistent": False,
        "egressdefaultpolicy": True,
        "hasannotations": False,
        **for_domains(cloud, record.domain_ids),
    }


def volume(cloud: Cloud, record: Volume) -> Shown:
    """A data volume; a root volume is shown by its instance's record."""
    state = cloud.state
    offering = state.disk_offerings[record.offering_id]
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "type": "DATADISK",
        "size": record.size_bytes,
        "created": clock.shown(record.created),
        "state": "Ready" if record.was_attached else "Allocated",
        **account_fields(cloud, record.account_id),
        "storagetype": offering.storage_type,
        "provisioningtype": "thin",
        "hypervisor": "KVM",
        **disk_offering_fields(offering),
        "destroyed": False,
        "isextractable": True,
        "displayvolume": True,
        "tags": tags_of(cloud, "Volume", record.id, record.account_id),
        "hasannotations": False,
    }
    instance = state.instances.get(record.instance_id or "")
    if instance is not None:
        shown |= {
            "deviceid": record.device_id,
            "virtualmachineid": instance.id,
            "vmname": instance.name,
            "vmdisplayname": instance.display_name,
            "vmstate": instance.state.value,
            "vmtype": "User",
        }
        if record.attached is not None:
            shown["attached"] = clock.shown(record.attached)
        host = state.hosts.get(instance.host_id or instance.last_host_id or "")
        if host is not None:
            cluster = state.clusters[host.cluster_id]
            shown |= {"storage": f"primary-{cluster.name}", "storageid": stable_id("storage", cluster.id)}
    return shown


def affinity_group(cloud: Cloud, record: AffinityGroup) -> Shown:
    members = [each.id for each in cloud.state.instances.values() if record.id in each.affinity_group_ids]
    return {
        "id": record.id,
        "name": record.name,
        "description": record.description,
        **account_fields(cloud, record.account_id),
        "type": record.kind,
        "virtualmachineIds": members,
    }


def key_pair(cloud: Cloud, record: KeyPair) -> Shown:
    owner = account_fields(cloud, record.account_id)
    owner.pop("domainpath")
    return {"id": record.id, "name": record.name, "fingerprint": record.fingerprint, **owner, "hasannotations": False}
