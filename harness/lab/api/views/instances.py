"""An instance and its volume as the API shows them."""

from __future__ import annotations

from collections.abc import Collection

from harness.lab.api.command import Shown
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.directory import stable_id
from harness.lab.management.model import InstanceRecord, size_shown
from harness.lab.management.records import OS_TYPES, DiskOffering
from harness.lab.management.resources import ROOT_DISK_BYTES

DETAILS = frozenset(
    {
        "all",
        "group",
        "nics",
        "stats",
        "secgrp",
        "tmpl",
        "servoff",
        "diskoff",
        "backoff",
        "iso",
        "volume",
        "min",
        "affgrp",
    }
)
_ALL = frozenset({"all"})


def account_fields(cloud: Cloud, account_id: str) -> Shown:
    """Whose something is."""
    account = cloud.state.account(account_id)
    domain = cloud.state.domain(account.domain_id)
    return {"account": account.name, "domainid": domain.id, "domain": domain.name, "domainpath": domain.shown_path}


def instance(cloud: Cloud, record: InstanceRecord, *, for_admin: bool, wanted: Collection[str] = _ALL) -> Shown:
    """`wanted` are the values of the `details` parameter; an owner who is no admin does not see host and domain."""
    state = cloud.state
    with state.lock:
        offering = state.offerings[record.offering_id]
        template = state.templates[record.template_id]
        host = state.hosts.get(record.host_id or "")
        iso = state.templates.get(record.iso_id)
        user = state.user(record.user_id)

    def asked(name: str) -> bool:
        return "all" in wanted or name in wanted

    owner = account_fields(cloud, record.account_id)
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "displayname": record.display_name,
        "account": owner.pop("account"),
        "userid": user.id,
        "username": user.name,
        **owner,
        "created": clock.shown(record.created),
        "lastupdated": clock.shown(record.updated),
        "state": record.state.value,
        "haenable": offering.high_availability,
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
    }
    if host is not None and for_admin and "min" not in wanted:
        shown |= {"hostid": host.id, "hostname": host.name, "hostcontrolstate": "Enabled"}
    if asked("tmpl"):
        shown |= {
            "templateid": template.id,
            "templatename": template.name,
            "templatetype": "USER",
            "templateformat": "QCOW2",
            "templatedisplaytext": template.display_text,
            "passwordenabled": template.password_enabled,
        }
    if iso is not None and asked("iso"):
        shown |= {"isoid": iso.id, "isoname": iso.name, "isodisplaytext": iso.display_text}
    if asked("servoff"):
        size = size_shown(offering.offering, record.details)
        shown |= {
            "serviceofferingid": offering.id,
            "serviceofferingname": offering.name,
            "cpunumber": size.cpus,
            "cpuspeed": size.speed_mhz,
            "memory": size.memory_mib,
        }
    os_type = OS_TYPES[template.os_type_id]
    shown["guestosid"] = os_type.id
    if asked("volume"):
        shown |= {"rootdeviceid": 0, "rootdevicetype": "ROOT"}
    shown |= {"securitygroup": [], "nic": _nics(cloud, record) if asked("nics") else [], "hypervisor": "KVM"}
    if for_admin:
        shown["instancename"] = record.instance_name
    if record.key_pair:
        shown["keypairs"] = record.key_pair
    shown |= {
        "details": dict(record.details),
        "arch": "x86_64",
        "readonlydetails": "",
        "affinitygroup": _affinity_groups(cloud, record),
        "displayvm": True,
        "isdynamicallyscalable": record.flag,
        "deleteprotection": False,
        "ostypeid": os_type.id,
        "osdisplayname": os_type.name,
        "tags": [tag(cloud, "UserVm", record.id, record.account_id, *each) for each in record.tags.items()],
        "hasannotations": False,
        "vmtype": "User",
    }
    return shown


def _affinity_groups(cloud: Cloud, record: InstanceRecord) -> list[Shown]:
    found = [cloud.state.affinity_groups.get(each) for each in record.affinity_group_ids]
    return [
        {"id": group.id, "name": group.name, "type": group.kind, "description": group.description}
        for group in found
        if group is not None
    ]


def _nics(cloud: Cloud, record: InstanceRecord) -> list[Shown]:
    """The one of it; none where the network went with the instance since the record was read."""
    network = cloud.state.networks.get(record.network_id)
    if network is None:
        return []
    offering = cloud.state.network_offerings.get(network.offering_id)
    return [
        {
            "id": record.nic_id,
            "networkid": network.id,
            "networkname": network.name,
            "broadcasturi": "vlan://untagged",
            "traffictype": "Guest",
            "type": offering.guest_type.value if offering else "L2",
            "isdefault": True,
            "macaddress": record.mac,
            "secondaryip": [],
            "extradhcpoption": [],
        }
    ]


def nics(cloud: Cloud, record: InstanceRecord) -> list[Shown]:
    """As listNics shows them."""
    return [{**each, "virtualmachineid": record.id} for each in _nics(cloud, record)]


def tag(cloud: Cloud, kind: str, record_id: str, account_id: str, key: str, value: str) -> Shown:
    """One resource tag."""
    return {
        "key": key,
        "value": value,
        "resourcetype": kind,
        "resourceid": record_id,
        **account_fields(cloud, account_id),
    }


def tags_of(cloud: Cloud, kind: str, record_id: str, account_id: str) -> list[Shown]:
    """All tags of anything but an instance."""
    found = cloud.state.tags.get(record_id, {})
    return [tag(cloud, kind, record_id, account_id, key, value) for key, value in found.items()]


def volume(cloud: Cloud, record: InstanceRecord) -> Shown:
    """The root volume of an instance, with a disk offering where its service offering names one.

    Source: VolumeJoinDaoImpl.newVolumeResponse.
    """
    state = cloud.state
    offering = state.offerings[record.root_offering_id]
    disk = state.disk_offerings.get(offering.disk_offering_id)
    service_offering = {"serviceofferingid": offering.id, "serviceofferingname": offering.name}
    host = state.hosts.get(record.host_id or record.last_host_id or "")
    shown: Shown = {
        "id": record.volume_id,
        "name": f"ROOT-{record.database_id}",
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "type": "ROOT",
        "deviceid": 0,
        "virtualmachineid": record.id,
        "vmname": record.name,
        "vmdisplayname": record.display_name,
        "vmstate": record.state.value,
        "vmtype": "User",
        "size": ROOT_DISK_BYTES,
        "created": clock.shown(record.created),
        "attached": clock.shown(record.created),
        "state": "Ready" if host else "Allocated",
        **account_fields(cloud, record.account_id),
        "storagetype": "shared",
        "provisioningtype": "thin",
        "hypervisor": "KVM",
        **(disk_offering_fields(disk) if disk else service_offering),
        "templateid": record.template_id,
        "destroyed": False,
        "isextractable": True,
        "displayvolume": True,
        "tags": [],
        "hasannotations": False,
    }
    if host is not None:
        cluster = state.clusters[host.cluster_id]
        shown |= {
            "storage": f"primary-{cluster.name}",
            "storageid": stable_id("storage", cluster.id),
            "path": record.volume_id,
            "clusterid": cluster.id,
            "clustername": cluster.name,
            "podid": state.pod.id,
            "podname": state.pod.name,
        }
    return shown


def disk_offering_fields(record: DiskOffering) -> Shown:
    """What a volume shows of its disk offering."""
    return {
        "diskofferingid": record.id,
        "diskofferingname": record.name,
        "diskofferingdisplaytext": record.display_text,
    }
