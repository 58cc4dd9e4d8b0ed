"""Reads a whole fleet: hosts, instances and offerings, tolerant of what a server leaves out of a single one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from harness.cloud.client import CloudApi
from harness.cloud.entities import Entity, read
from harness.cloud.infrastructure import NoSuchEntityError
from harness.reference.offering import CustomParameters, Offering
from harness.reference.settings import tags_in


class FleetHost(Entity):
    """A host; what it lacks while it is being set up or has been removed is None."""

    id: str
    name: str
    address: str = Field(alias="ipaddress", default="")
    cluster_id: str = Field(alias="clusterid", default="")
    cluster_name: str = Field(alias="clustername", default="")
    state: str = ""
    resource_state: str = Field(alias="resourcestate", default="")
    cpus: int | None = Field(alias="cpunumber", default=None)
    speed_mhz: int | None = Field(alias="cpuspeed", default=None)
    allocatable_memory_bytes: int | None = Field(alias="memorytotal", default=None)
    allocated_cpu_mhz: int | None = Field(alias="cpuallocatedvalue", default=None)
    allocated_memory_bytes: int | None = Field(alias="memoryallocatedbytes", default=None)
    tags: str = Field(alias="hosttags", default="")


class FleetInstance(Entity):
    """An instance in whatever state, a system VM among them; those show no offering's sizes."""

    id: str
    name: str
    instance_name: str = Field(alias="instancename", default="")
    account: str = ""
    account_domain: str = Field(alias="domainpath", default="")
    account_domain_id: str = Field(alias="domainid", default="")
    project_id: str | None = Field(alias="projectid", default=None)
    state: str
    host_id: str | None = Field(alias="hostid", default=None)
    host_name: str | None = Field(alias="hostname", default=None)
    template_id: str = Field(alias="templateid", default="")
    offering_id: str = Field(alias="serviceofferingid", default="")
    offering_name: str = Field(alias="serviceofferingname", default="")
    cpus: int | None = Field(alias="cpunumber", default=None)
    speed_mhz: int | None = Field(alias="cpuspeed", default=None)
    memory_mib: int | None = Field(alias="memory", default=None)
    flag: bool = Field(alias="isdynamicallyscalable", default=False)
    hypervisor: str = "KVM"
    details: dict[str, str] = Field(default_factory=dict)

    @property
    def saved(self) -> CustomParameters:
        """Custom parameters kept with it."""
        return CustomParameters(self.details.get("cpuNumber"), self.details.get("cpuSpeed"), self.details.get("memory"))


def hosts(api: CloudApi, zone_id: str) -> list[FleetHost]:
    """All KVM hosts of a zone, whatever state they are in."""
    answer = api.list("listHosts", "host", type="Routing", zoneid=zone_id)
    return [read(FleetHost, part) for part in answer if part.get("hypervisor", "KVM") == "KVM"]


def instances(api: CloudApi, zone_id: str, **only: object) -> list[FleetInstance]:
    """Instances of all accounts in a zone, or those that the list's own parameters leave over."""
    answer = api.list(
        "listVirtualMachines", "virtualmachine", zoneid=zone_id, listall=True, details="servoff,tmpl", **only
    )
    return [found for found in (read(FleetInstance, part) for part in answer) if found.hypervisor == "KVM"]


def system_vms(api: CloudApi, zone_id: str) -> list[FleetInstance]:
    """System VMs and virtual routers: they take capacity too."""
    found = api.list("listSystemVms", "systemvm", zoneid=zone_id)
    found += api.list("listRouters", "router", zoneid=zone_id, listall=True)
    return [read(FleetInstance, part) for part in found]


def offerings(api: CloudApi) -> dict[str, Offering]:
    """All offerings by id, those of system VMs too. What was removed no list shows any more."""
    found: dict[str, Offering] = {}
    for system in (False, True):
        # An inactive offering is still that of its instances.
        for state in ("Active", "Inactive"):
            answer = api.list(
                "listServiceOfferings", "serviceoffering", listall=True, isrecursive=True, issystem=system, state=state
            )
            found |= {part["id"]: offering(part) for part in answer}
    return found


def offering(part: dict[str, Any]) -> Offering:
    """An offering of an answer, as the reference takes it."""
    details = {name.lower(): value for name, value in (part.get("serviceofferingdetails") or {}).items()}
    return Offering(
        id=str(part["id"]),
        name=str(part["name"]),
        cpus=_whole(part.get("cpunumber")),
        speed_mhz=_whole(part.get("cpuspeed")),
        memory_mib=_whole(part.get("memory")),
        cpu_cap=bool(part.get("limitcpuuse", False)),
        dynamic_scaling=bool(part.get("dynamicscalingenabled", False)),
        min_cpus=_whole(details.get("mincpunumber")),
        max_cpus=_whole(details.get("maxcpunumber")),
        min_memory_mib=_whole(details.get("minmemory")),
        max_memory_mib=_whole(details.get("maxmemory")),
        active=part.get("state", "Active") == "Active",
        host_tags=tags_in(part.get("hosttags", "")),
        disk_offering_id=str(part.get("diskofferingid", "")),
        disk_strict=bool(part.get("diskofferingstrictness", False)),
        local_storage=part.get("storagetype") == "local",
        storage_tags=tags_in(part.get("storagetags", "")),
        for_system_vms=bool(part.get("issystem", False)),
        vgpu_type=str(part.get("vgpuprofile") or part.get("vgpuprofilename") or ""),
    )


def scalable_templates(api: CloudApi, zone_id: str) -> dict[str, bool]:
    """The dynamic-scaling flag of templates and ISOs by id."""
    found = api.list("listTemplates", "template", templatefilter="all", zoneid=zone_id)
    found += api.list("listIsos", "iso", isofilter="all", zoneid=zone_id)
    return {str(part["id"]): bool(part.get("isdynamicallyscalable", False)) for part in found}


def account(api: CloudApi, wanted: str) -> tuple[str, str]:
    """Name and account domain's id of `name` or `domain/path/name`. Raises NoSuchEntityError."""
    path, _, name = wanted.rpartition("/")
    found = [part for part in api.list("listAccounts", "account", name=name, listall=True) if part["name"] == name]
    if path:
        found = [part for part in found if _path(part.get("domainpath", part.get("domain", ""))) == _path(path)]
    if len(found) != 1:
        several = [f"{_where(part)}/{part['name']}" for part in found]
        raise NoSuchEntityError("single account" if several else "account", wanted, several or None)
    return name, str(found[0]["domainid"])


def by_id(found: Iterable[FleetInstance]) -> dict[str, FleetInstance]:
    return {each.id: each for each in found}


def _where(part: dict[str, Any]) -> str:
    return str(part.get("domainpath", part.get("domain", "")))


def _path(text: str) -> str:
    return text.strip("/").removeprefix("ROOT").strip("/")


def _whole(value: object) -> int | None:
    return None if value is None or value == "" else int(str(value))
