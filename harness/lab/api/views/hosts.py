"""Zone, pod, cluster, host and capacity as the API shows them."""

from __future__ import annotations

import struct
from collections.abc import Collection

from harness.lab.api.command import Shown
from harness.lab.api.entities import SERVER_ID
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.directory import stable_id
from harness.lab.management.model import Cluster, HostRecord
from harness.lab.management.resources import ROOT_DISK_BYTES
from harness.reference import settings as names
from harness.reference.capacity import Host

_MEMORY, _CPU, _STORAGE, _STORAGE_ALLOCATED = range(4)
_GIB = 1 << 30
_POOL_BYTES = 100 * _GIB
_ALL = frozenset({"all"})
HOST_DETAILS = ("all", "capacity", "events", "stats", "min")
# A host that does nothing.
_NO_STATS: Shown = {
    "cpuused": "0%",
    "cpuloadaverage": 0.0,
    "networkkbsread": 0,
    "networkkbswrite": 0,
    "memoryused": 0,
}
# What may happen next to a host that is up.
_EVENTS = "ShutdownRequested; Ping; AgentConnected; HostDown; AgentDisconnected; PingTimeout; Remove"


def version(cloud: Cloud) -> str:
    """The version this server gives itself."""
    return f"{cloud.state.release.name}.0.0"


def zone(cloud: Cloud) -> Shown:
    zone = cloud.state.zone
    return {
        "id": zone.id,
        "name": zone.name,
        "dns1": "127.0.0.1",
        "internaldns1": "127.0.0.1",
        "guestcidraddress": "10.1.1.0/24",
        "networktype": "Advanced",
        "securitygroupsenabled": False,
        "gputotal": 0,
        "gpuused": 0,
        "allocationstate": _allocation(zone.enabled),
        "zonetoken": stable_id("zonetoken", zone.id),
        "dhcpprovider": "VirtualRouter",
        "localstorageenabled": True,
        "tags": [],
        "allowuserspecifyvrmtu": False,
        "routerprivateinterfacemaxmtu": 1500,
        "routerpublicinterfacemaxmtu": 1500,
        "type": "Core",
        "isnsxenabled": False,
        "ismultiarch": False,
        "asnrange": "",
        "routedmodeenabled": True,
        "hasannotations": False,
    }


def pod(cloud: Cloud) -> Shown:
    state = cloud.state
    return {
        "id": state.pod.id,
        "name": state.pod.name,
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "gateway": "127.0.0.1",
        "netmask": "255.0.0.0",
        "startip": [],
        "endip": [],
        "allocationstate": _allocation(state.pod.enabled),
        "hasannotations": False,
    }


def _allocation(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"


def cluster(cloud: Cloud, record: Cluster) -> Shown:
    settings = cloud.state.configuration.settings()
    return {
        "id": record.id,
        "name": record.name,
        "podid": cloud.state.pod.id,
        "podname": cloud.state.pod.name,
        "zoneid": cloud.state.zone.id,
        "zonename": cloud.state.zone.name,
        "hypervisortype": "KVM",
        "clustertype": "CloudManaged",
        "allocationstate": _allocation(record.enabled),
        "managedstate": "Managed",
        "cpuovercommitratio": settings.text(names.CPU_OVERCOMMIT, record.id),
        "memoryovercommitratio": settings.text(names.MEMORY_OVERCOMMIT, record.id),
        "arch": "x86_64",
        "hasannotations": False,
    }


def host(cloud: Cloud, record: HostRecord, wanted: Collection[str] = _ALL) -> Shown:
    """`wanted` are the values of the `details` parameter. Source: HostJoinDaoImpl.setNewHostResponseBase."""
    state = cloud.state

    def asked(*details: str) -> bool:
        return any(each in wanted for each in ("all", *details))

    places = asked("capacity", "stats", "events")
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "state": "Up" if cloud.agents[record.id].is_up else "Down",
        "type": "Routing",
        "ipaddress": record.address,
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "podid": state.pod.id,
        "podname": state.pod.name,
        "version": version(cloud),
        "hypervisor": "KVM",
        "cpusockets": 1,
        "cpunumber": record.node.cpus,
        "cpuspeed": record.node.speed_mhz,
    }
    if not places:
        shown = {key: value for key, value in shown.items() if key not in ("zonename", "podname")}
    # A plain long in Java, which is never absent.
    shown |= {"memoryallocated": 0}
    if asked("capacity"):
        shown |= _capacity(cloud, state.host(record.id))
    if asked("stats"):
        shown |= _NO_STATS
    shown |= {
        "capabilities": "hvm,snapshot",
        "lastpinged": clock.shown(state.clock.now()),
        "managementserverid": SERVER_ID,
        "managementservername": "localhost",
        "clusterid": record.cluster_id,
    }
    if places:
        shown |= {"clustername": state.clusters[record.cluster_id].name, "clustertype": "CloudManaged"}
    shown |= {
        "islocalstorageactive": False,
        "created": clock.shown(record.created),
        **({"events": _EVENTS} if asked("events") else {}),
        "hostha": {"haenable": False, "hastate": "Disabled"},
        "outofbandmanagement": {"powerstate": "Disabled", "enabled": False},
        "resourcestate": record.resource_state.value,
        "ueficapability": False,
        "hasannotations": False,
    }
    if record.tags and asked("capacity"):
        tags = ",".join(sorted(record.tags))
        shown |= {"hosttags": tags, "explicithosttags": tags, "istagarule": False}
    return shown


def _capacity(cloud: Cloud, host: Host) -> Shown:
    """Allocated is used and reserved together; memory's total has overcommit in it, the number of CPUs has not.

    Source: HostJoinDaoImpl.setNewHostResponseBase.
    """
    settings = cloud.state.configuration.settings()
    cpu_total = _as_float(host.cpu_mhz * settings.number(names.CPU_OVERCOMMIT, host.cluster_id))
    memory_total = _as_float(host.memory_bytes * settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id))
    cpu_allocated = host.used_cpu_mhz + host.reserved_cpu_mhz
    memory_allocated = host.used_memory_bytes + host.reserved_memory_bytes
    return {
        "cpuallocated": _percent(cpu_allocated, cpu_total),
        "cpuallocatedvalue": cpu_allocated,
        "cpuallocatedpercentage": _percent(cpu_allocated, cpu_total),
        "cpuallocatedwithoverprovisioning": _percent(cpu_allocated, cpu_total),
        "cpuwithoverprovisioning": _decimal(cpu_total),
        "memorytotal": int(memory_total),
        "memorywithoverprovisioning": _decimal(memory_total),
        "memoryallocated": memory_allocated,
        "memoryallocatedpercentage": _percent(memory_allocated, memory_total),
        "memoryallocatedbytes": memory_allocated,
    }


def _as_float(number: float) -> float:
    """The number as Java's float holds it, which has 24 bits for its digits."""
    return float(struct.unpack("f", struct.pack("f", number))[0])


def storage_pool(cloud: Cloud, record: Cluster) -> Shown:
    """The one primary storage of a cluster: a directory that its hosts share."""
    state = cloud.state
    with state.lock:
        here = [host.id for host in state.hosts.values() if host.cluster_id == record.id]
        roots = sum((each.host_id or each.last_host_id) in here for each in state.instances.values())
    return {
        "id": stable_id("storage", record.id),
        "zoneid": state.zone.id,
        "zonename": state.zone.name,
        "podid": state.pod.id,
        "podname": state.pod.name,
        "name": f"primary-{record.name}",
        "ipaddress": "localhost",
        "path": f"/mnt/{record.name}",
        "type": "SharedMountPoint",
        "clusterid": record.id,
        "clustername": record.name,
        "disksizetotal": _POOL_BYTES,
        "disksizeallocated": roots * ROOT_DISK_BYTES,
        "disksizeused": 0,
        "tags": "",
        "state": "Up",
        "scope": "CLUSTER",
        "overprovisionfactor": "2.0",
        "provider": "DefaultPrimary",
        "hasannotations": False,
    }


def _percent(part: int, whole: float) -> str:
    return f"{_decimal(100 * part / whole)}%" if part and whole else "0.00%"


def _decimal(number: float) -> str:
    """As Java's DecimalFormat("#.##") writes it."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def capacities(cloud: Cloud, hosts: list[Host], place: Shown) -> list[Shown]:
    """Memory and CPU of some hosts together, as listCapacity sums them up at a place."""
    settings = cloud.state.configuration.settings()
    sums = (
        (
            _MEMORY,
            "MEMORY",
            sum(host.used_memory_bytes + host.reserved_memory_bytes for host in hosts),
            sum(int(h.memory_bytes * settings.number(names.MEMORY_OVERCOMMIT, h.cluster_id)) for h in hosts),
        ),
        (
            _CPU,
            "CPU",
            sum(host.used_cpu_mhz + host.reserved_cpu_mhz for host in hosts),
            sum(int(h.cpu_mhz * settings.number(names.CPU_OVERCOMMIT, h.cluster_id)) for h in hosts),
        ),
    )
    # Told of the whole zone or a pod, not of a cluster (seen).
    told = "clusterid" not in place
    return [
        _summed(kind, name, place | ({"capacityallocated": used} if told else {}), used, total)
        for kind, name, used, total in sums
    ]


def storage_capacities(cloud: Cloud, clusters: list[Cluster], place: Shown) -> list[Shown]:
    """Primary storage, of which instances have their part allocated and nothing is measured."""
    pools = [storage_pool(cloud, each) for each in clusters]
    total, allocated = (sum(int(str(pool[f"disksize{each}"])) for pool in pools) for each in ("total", "allocated"))
    return [
        _summed(_STORAGE, "STORAGE", place, 0, total),
        _summed(_STORAGE_ALLOCATED, "STORAGE_ALLOCATED", place, allocated, total),
    ]


def _summed(kind: int, name: str, place: Shown, used: int, total: int) -> Shown:
    return {
        "type": kind,
        "name": name,
        **place,
        "capacityused": used,
        "capacitytotal": total,
        "percentused": _decimal(100 * used / total if total else 0),
    }
