"""Service offerings, disk offerings and settings as the API shows them."""

from __future__ import annotations

from harness.lab.api.command import Shown
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.configuration import Value
from harness.lab.management.model import OfferingRecord
from harness.lab.management.records import DiskOffering
from harness.reference.settings import Scope


def for_domains(cloud: Cloud, domain_ids: tuple[str, ...]) -> Shown:
    """The domains that an offering is for, None for all of them."""
    if not domain_ids:
        return {}
    names = [cloud.state.domain(each).name for each in domain_ids]
    return {"domainid": ",".join(domain_ids), "domain": ",".join(names)}


def disk_offering(cloud: Cloud, record: DiskOffering) -> Shown:
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "displaytext": record.display_text,
        "disksize": record.size_gib or 0,
        "created": clock.shown(record.created),
        "iscustomized": record.size_gib is None,
        "storagetype": record.storage_type,
        "provisioningtype": "thin",
        "displayoffering": True,
        "disksizestrictness": False,
        "encrypt": record.encrypted,
        "state": "Active",
        "hasannotations": False,
        **for_domains(cloud, record.domain_ids),
        **record.other,
    }
    return shown | {"tags": record.tags} if record.tags else shown


def offering(cloud: Cloud, record: OfferingRecord, *, for_admin: bool) -> Shown:
    """Sizes that an offering leaves open are left out."""
    disk = cloud.state.disk_offerings.get(record.disk_offering_id)
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
        "issystem": record.offering.for_system_vms,
        "defaultuse": False,
    }
    if record.offering.storage_tags:
        shown["storagetags"] = ",".join(sorted(record.offering.storage_tags))
    if record.offering.host_tags:
        shown["hosttags"] = ",".join(sorted(record.offering.host_tags))
    if record.details:
        shown["serviceofferingdetails"] = dict(record.details)
    shown |= {
        "iscustomized": record.customized,
        "rootdisksize": 0,
        "dynamicscalingenabled": record.offering.dynamic_scaling,
        "diskofferingstrictness": record.offering.disk_strict,
        "diskofferingid": record.disk_offering_id,
        "diskofferingname": disk.name if disk else record.name,
        "diskofferingdisplaytext": disk.display_text if disk else record.display_text,
        "encryptroot": False,
        **record.other,
    }
    shown |= for_domains(cloud, record.domain_ids)
    if for_admin:
        shown["gpudisplay"] = False
    shown["hasannotations"] = False
    return shown


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
    if entry.parent:
        shown["parent"] = entry.parent
    return shown | {
        "description": entry.description,
        "isdynamic": True,
        "component": entry.component,
        "displaytext": entry.display_text,
        "type": entry.shown_type,
    }
