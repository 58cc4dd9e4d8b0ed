"""What the API's answers say, as values: only the fields that live scaling is about."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.cloud.client import ApiAnswerError


class Entity(BaseModel):
    """An immutable part of an answer; fields that are not named are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class Zone(Entity):
    id: str
    name: str
    network_type: str = Field(alias="networktype")


class Cluster(Entity):
    id: str
    name: str
    zone_id: str = Field(alias="zoneid")
    hypervisor: str = Field(alias="hypervisortype")


class HostRecord(Entity):
    """A host as listHosts tells it; speed is of one CPU.

    `allocatable_memory_bytes` has memory overcommit in it, CPUs and speed have none. What counts as allocated has the
    capacity that is reserved for stopped instances in it, and no answer of the API tells the two apart. Source:
    HostJoinDaoImpl.setNewHostResponseBase.
    """

    id: str
    name: str
    address: str = Field(alias="ipaddress")
    cluster_id: str = Field(alias="clusterid")
    cluster_name: str = Field(alias="clustername", default="")
    hypervisor: str
    state: str
    resource_state: str = Field(alias="resourcestate")
    cpus: int = Field(alias="cpunumber")
    speed_mhz: int = Field(alias="cpuspeed")
    allocatable_memory_bytes: int = Field(alias="memorytotal")
    allocated_cpu_mhz: int = Field(alias="cpuallocatedvalue")
    allocated_memory_bytes: int = Field(alias="memoryallocatedbytes")
    tags: str = Field(alias="hosttags", default="")


class TemplateRecord(Entity):
    id: str
    name: str
    is_ready: bool = Field(alias="isready")
    hypervisor: str
    dynamically_scalable: bool = Field(alias="isdynamicallyscalable", default=False)


class NetworkRecord(Entity):
    """`acl_type` is Domain where every account of the domain may use it; `vlan` only an admin sees."""

    id: str
    name: str
    acl_type: str = Field(alias="acltype", default="Account")
    offering_id: str = Field(alias="networkofferingid", default="")
    specify_vlan: bool = Field(alias="specifyvlan", default=False)
    vlan: str | None = None


class OfferingRecord(Entity):
    """`cpus`, `speed_mhz` and `memory_mib` are None where the offering leaves them to the instance."""

    id: str
    name: str
    cpus: int | None = Field(alias="cpunumber", default=None)
    speed_mhz: int | None = Field(alias="cpuspeed", default=None)
    memory_mib: int | None = Field(alias="memory", default=None)
    cpu_cap: bool = Field(alias="limitcpuuse")
    dynamic_scaling: bool = Field(alias="dynamicscalingenabled")


class InstanceRecord(Entity):
    """An instance as an admin sees it; `host_id` is None unless it runs."""

    id: str
    name: str
    instance_name: str = Field(alias="instancename")
    state: str
    zone_id: str = Field(alias="zoneid")
    host_id: str | None = Field(alias="hostid", default=None)
    host_name: str | None = Field(alias="hostname", default=None)
    offering_id: str = Field(alias="serviceofferingid")
    cpus: int = Field(alias="cpunumber")
    speed_mhz: int = Field(alias="cpuspeed")
    memory_mib: int = Field(alias="memory")
    dynamically_scalable: bool = Field(alias="isdynamicallyscalable")
    details: dict[str, str] = Field(default_factory=dict)


EntityType = TypeVar("EntityType", bound=Entity)


def read(kind: type[EntityType], answer: dict[str, Any]) -> EntityType:
    """An entity out of its part of an answer.

    Raises:
        ApiAnswerError: a field is missing or of another type; the text names it.
    """
    try:
        return kind.model_validate(answer)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ApiAnswerError(f"the API's {kind.__name__} has an unusable field {where}: {first['msg']}") from None
