"""Zone, pods, clusters, hosts and their capacity; what an admin decides of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from harness.lab.api import selection
from harness.lab.api.command import Answer, Begun, Call, Listing, Shown, Single, command
from harness.lab.api.views import hosts as views
from harness.lab.management import hosts, migration
from harness.lab.management.directory import stable_id
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import HostRecord, State

_OTHER_HYPERVISORS = frozenset({"xenserver", "vmware", "hyperv", "lxc", "ovm3", "baremetal", "simulator"})
_SCOPES = frozenset({"HOST", "CLUSTER", "ZONE", "REGION", "GLOBAL"})
_POOL_STATES = frozenset(
    {
        "initial",
        "initialized",
        "creating",
        "attaching",
        "up",
        "prepareformaintenance",
        "errorinmaintenance",
        "cancelmaintenance",
        "maintenance",
        "disabled",
        "removed",
    }
)
# What an admin alone sees of a zone.
_INTERNAL = ("dns1", "internaldns1", "guestcidraddress")


def zone_rows(call: Call) -> list[Shown]:
    zone = views.zone(call.cloud)
    return [zone if call.is_admin else {key: value for key, value in zone.items() if key not in _INTERNAL}]


def _pods(call: Call) -> list[Shown]:
    return [views.pod(call.cloud)]


def cluster_rows(call: Call) -> list[Shown]:
    return [views.cluster(call.cloud, record) for record in call.cloud.state.clusters.values()]


def host_rows(call: Call) -> list[Shown]:
    if "virtualmachineid" in call.arguments:
        return _migration_targets(call)
    details, hypervisor = _host_details(call), (call.text("hypervisor") or "").lower()
    # One that does not exist is as good as none given (source: HypervisorType.getType).
    if hypervisor in _OTHER_HYPERVISORS:
        return []
    return [views.host(call.cloud, record, details) for record in call.cloud.state.hosts.values()]


def _host_details(call: Call) -> list[str]:
    """Source: ListHostsCmd.getDetails. Raises InvalidValueError."""
    details = call.texts("details") or ["all"]
    if not set(details) <= set(views.HOST_DETAILS):
        raise InvalidValueError(
            "The details parameter contains a non permitted value. The allowed values are "
            f"[{', '.join(views.HOST_DETAILS)}]"
        )
    return details


def _host_tags(call: Call) -> list[Shown]:
    state = call.cloud.state
    return [
        {"id": stable_id("hosttag", host.id, tag), "hostid": host.database_id, "name": tag, "isimplicit": False}
        for host in state.hosts.values()
        for tag in sorted(host.tags)
    ]


def pool_rows(call: Call) -> list[Shown]:
    scope, status = call.text("scope"), call.text("status")
    if scope is not None and scope.upper() not in _SCOPES:
        raise InvalidValueError(f"Invalid scope type: {scope}")
    if status is not None and status.lower() not in _POOL_STATES:
        raise InvalidValueError(f"Invalid status: {status}")
    return [views.storage_pool(call.cloud, cluster) for cluster in call.cloud.state.clusters.values()]


CLUSTER_FIELDS = "id name zoneid podid hypervisor=hypervisortype clustertype allocationstate managedstate"
POOL_FIELDS = "id name clusterid podid zoneid scope path ipaddress status=state"
ZONE_FIELDS = "id name networktype"
HOST_FIELDS = "id name type state clusterid zoneid podid resourcestate managementserverid"


def _find_hosts_for_migration(call: Call) -> Answer:
    found = _migration_targets(call)
    return Listing("host", selection.by_keyword(call, found, "name"))


def _migration_targets(call: Call) -> list[Shown]:
    """All other hosts, with whether the instance could go there."""
    instance = call.instance("virtualmachineid")
    if instance.state is not State.RUNNING or instance.host_id is None:
        raise InvalidValueError("VM is not Running, unable to migrate the vm with specified id")
    state = call.cloud.state
    suitable = {host.id for host in migration.suitable_hosts(call.cloud, instance)}
    cluster_id = state.hosts[instance.host_id].cluster_id
    return [
        {
            **views.host(call.cloud, host),
            "hasenoughcapacity": host.id in suitable,
            "suitableformigration": host.id in suitable,
            "requiresStorageMotion": host.cluster_id != cluster_id,
        }
        for host in state.hosts.values()
        if host.id != instance.host_id
    ]


def _list_capacity(call: Call) -> Answer:
    """Source: ManagementServerImpl.listCapacities."""
    state = call.cloud.state
    cluster_id = call.text("clusterid")
    if call.flag("fetchlatest"):
        with state.lock:
            state.recalculate_capacity()
    counted = [host for host in state.world().hosts if cluster_id in (None, host.cluster_id)]
    place: Shown = {"zoneid": state.zone.id, "zonename": state.zone.name}
    if call.text("podid") is not None or cluster_id is not None:
        place |= {"podid": state.pod.id, "podname": state.pod.name}
    if cluster_id is not None and cluster_id not in state.clusters:
        return Listing("capacity", [])
    if cluster_id is not None:
        place |= {"clusterid": cluster_id, "clustername": state.clusters[cluster_id].name}
    there = [each for each in state.clusters.values() if cluster_id in (None, each.id)]
    rows = views.capacities(call.cloud, counted, place) + views.storage_capacities(call.cloud, there, place)
    return Listing("capacity", selection.by_fields(call, rows, type="type"))


def _allocation(call: Call) -> bool | None:
    """Whether the request enables or disables something. Raises InvalidValueError for another word."""
    text = call.text("allocationstate")
    if text is None:
        return None
    if text not in ("Enabled", "Disabled"):
        raise InvalidValueError(f"Unable to resolve Allocation State '{text}' to a supported state")
    return text == "Enabled"


def _update_zone(call: Call) -> Answer:
    enabled, name, state = _allocation(call), call.text("name"), call.cloud.state
    with state.lock:
        zone = state.zone
        state.zone = replace(zone, name=name or zone.name, enabled=zone.enabled if enabled is None else enabled)
    return Single({"zone": views.zone(call.cloud)})


def _update_pod(call: Call) -> Answer:
    enabled, name, state = _allocation(call), call.text("name"), call.cloud.state
    with state.lock:
        pod = state.pod
        state.pod = replace(pod, name=name or pod.name, enabled=pod.enabled if enabled is None else enabled)
    return Single({"pod": views.pod(call.cloud)})


def _update_cluster(call: Call) -> Answer:
    enabled, name, state = _allocation(call), call.text("clustername"), call.cloud.state
    if (call.text("managedstate") or "Managed") != "Managed":
        raise InvalidValueError(f"Unable to resolve Managed State '{call.text('managedstate')}' to a supported state")
    with state.lock:
        cluster = state.clusters[call.must("id")]
        cluster = state.clusters[cluster.id] = replace(
            cluster, name=name or cluster.name, enabled=cluster.enabled if enabled is None else enabled
        )
    return Single({"cluster": views.cluster(call.cloud, cluster)})


def _update_host(call: Call) -> Answer:
    tags = call.texts("hosttags")
    host = hosts.update(
        call.cloud,
        call.must("id"),
        allocation=call.text("allocationstate"),
        tags=None if tags is None else frozenset(tags),
        name=call.text("name"),
    )
    return Single({"host": views.host(call.cloud, host)})


def _on_host(call: Call, act: Callable[[str], HostRecord]) -> Begun:
    """A job on a host, whose result is the host afterwards."""
    host_id = call.must("id")

    def run() -> Result:
        return {"host": views.host(call.cloud, act(host_id))}

    return Begun(Work(host_id, run, "Host", host_id))


def _prepare_maintenance(call: Call) -> Answer:
    return _on_host(call, lambda host_id: hosts.prepare_maintenance(call.cloud, host_id, call.user))


def _cancel_maintenance(call: Call) -> Answer:
    return _on_host(call, lambda host_id: hosts.cancel_maintenance(call.cloud, host_id))


def _reconnect(call: Call) -> Answer:
    return _on_host(call, lambda host_id: call.cloud.state.hosts[host_id])


COMMANDS = (
    command("listZones", selection.listing("zone", zone_rows, ZONE_FIELDS), "zone"),
    command("updateZone", _update_zone, "zone"),
    command("listPods", selection.listing("pod", _pods, "id name zoneid allocationstate"), "pod"),
    command("updatePod", _update_pod, "pod"),
    command(
        "listClusters",
        selection.listing(
            "cluster",
            cluster_rows,
            CLUSTER_FIELDS,
            "name hypervisortype",
        ),
        "cluster",
    ),
    command("updateCluster", _update_cluster, "cluster"),
    command("listHosts", selection.listing("host", host_rows, HOST_FIELDS, "name type state"), "host"),
    command("listHostTags", selection.listing("hosttag", _host_tags, "name")),
    command("updateHost", _update_host, "host"),
    command("prepareHostForMaintenance", _prepare_maintenance, "host"),
    command("cancelHostMaintenance", _cancel_maintenance, "host"),
    command("reconnectHost", _reconnect, "host"),
    command("findHostsForMigration", _find_hosts_for_migration),
    command("listCapacity", _list_capacity),
    command(
        "listStoragePools",
        selection.listing("storagepool", pool_rows, POOL_FIELDS),
        "storage",
    ),
)
