"""What the metrics commands tell besides what the lists of the same things do.

Nothing is measured, so what is used is not told, as of hosts that have sent no statistics yet. Amounts are those of
listHosts. Source: MetricsServiceImpl and its responses.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.lab.api.command import Shown
from harness.lab.management.cloud import Cloud
from harness.lab.management.model import InstanceRecord, State, size_shown
from harness.reference import settings as names
from harness.reference.capacity import Host

_GIB = 1 << 30


def of_host(cloud: Cloud, host_id: str) -> Shown:
    state = cloud.state
    with state.lock:
        there = [each for each in state.instances.values() if each.host_id == host_id]
        host = state.host(host_id)
    running = sum(each.state is State.RUNNING for each in there)
    settings = state.configuration.settings()
    # What is allocated is told as that part of the CPUs without overcommit.
    cpu_allocated = (host.used_cpu_mhz + host.reserved_cpu_mhz) / settings.number(names.CPU_OVERCOMMIT, host.cluster_id)
    memory_total = host.memory_bytes * settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)
    return {
        "powerstate": "Disabled",
        "instances": f"{running}/{len(there)}",
        "systeminstances": "0/0",
        "cputotalghz": f"{host.cpu_mhz / 1000:.2f} Ghz",
        "cpuallocatedghz": f"{cpu_allocated / 1000:.2f} Ghz",
        "memorytotalgb": f"{memory_total / _GIB:.2f} GB",
        "memoryallocatedgb": f"{(host.used_memory_bytes + host.reserved_memory_bytes) / _GIB:.2f} GB",
    }


def of_cluster(cloud: Cloud, cluster_id: str) -> Shown:
    hosts = [host for host in cloud.state.world().hosts if host.cluster_id == cluster_id]
    up = sum(cloud.agents[host.id].is_up for host in hosts)
    return {"state": _state(cloud.state.clusters[cluster_id].enabled), "hosts": f"{up} / {len(hosts)}"} | _together(
        cloud, hosts, cluster_id
    )


def of_zone(cloud: Cloud) -> Shown:
    state = cloud.state
    clusters = [each.enabled for each in state.clusters.values()]
    return {"state": _state(state.zone.enabled), "clusters": f"{sum(clusters)} / {len(clusters)}"} | _together(
        cloud, state.world().hosts, None
    )


def of_instance(cloud: Cloud, record: InstanceRecord) -> Shown:
    size = size_shown(cloud.state.offerings[record.offering_id].offering, record.details)
    return {
        "cputotal": f"{size.cpus * size.speed_mhz / 1000:.1f} Ghz",
        "memorytotal": f"{size.memory_mib / 1024:.2f} GiB",
    }


def of_volume(size_bytes: int) -> Shown:
    return {"sizegb": f"{size_bytes / _GIB:.2f} GiB"}


def of_pool(total: int, allocated: int, used: int, factor: str) -> Shown:
    """Sizes in bytes and the pool's overprovisioning factor, as it is shown."""
    return {
        "disksizeusedgb": f"{used / _GIB:.2f} GB",
        "disksizetotalgb": f"{total / _GIB:.2f} GB (x{factor})",
        "disksizeallocatedgb": f"{allocated / _GIB:.2f} GB",
        "disksizeunallocatedgb": f"{(float(factor) * total - allocated) / _GIB:.2f} GB",
    }


def infrastructure(cloud: Cloud) -> Shown:
    """How many there are of everything."""
    state = cloud.state
    nothing = ("imagestores", "backuprepositories", "objectstores", "systemvms", "routers", "ilbvms")
    return {
        "zones": 1,
        "pods": 1,
        "clusters": len(state.clusters),
        "hosts": len(state.hosts),
        "storagepools": len(state.clusters),
        **dict.fromkeys(nothing, 0),
        "alerts": len(state.alerts.newest_first()),
        "cpusockets": len(state.hosts),
        "managementservers": 1,
    }


def _state(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"


def _together(cloud: Cloud, hosts: Sequence[Host], cluster_id: str | None) -> Shown:
    """CPU and memory of some hosts, and whether more is allocated than the threshold lets."""
    settings = cloud.state.configuration.settings()

    cpu_total = sum(int(host.cpu_mhz * settings.number(names.CPU_OVERCOMMIT, host.cluster_id)) for host in hosts)
    memory_total = sum(
        int(host.memory_bytes * settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)) for host in hosts
    )
    cpu = sum(host.used_cpu_mhz + host.reserved_cpu_mhz for host in hosts)
    memory = sum(host.used_memory_bytes + host.reserved_memory_bytes for host in hosts)
    return {
        "cputotal": f"{cpu_total / 1000:.2f} Ghz",
        "memorytotal": f"{memory_total / _GIB:.2f} GB",
        "cpuallocated": f"{_share(cpu, cpu_total):.2f}%",
        "memoryallocated": f"{_share(memory, memory_total):.2f}%",
        "cpuallocateddisablethreshold": _share(cpu, cpu_total) > 100 * settings.number(names.CPU_THRESHOLD, cluster_id),
        "memoryallocateddisablethreshold": _share(memory, memory_total)
        > 100 * settings.number(names.MEMORY_THRESHOLD, cluster_id),
    }


def _share(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 0.0
