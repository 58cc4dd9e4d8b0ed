"""Zone, pods, clusters, hosts and their capacity."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Shown, command
from harness.lab.api.views import hosts as views
from harness.lab.management import migration
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.model import State


def _list_zones(call: Call) -> Answer:
    zones = selection.by_fields(call, [views.zone(call.cloud)], id="id", name="name", networktype="networktype")
    ids = call.texts("ids")
    if ids is not None:
        zones = [zone for zone in zones if zone["id"] in ids]
    if call.entries("tags"):
        zones = []
    if not call.is_admin:
        hidden = ("dns1", "internaldns1", "guestcidraddress")
        zones = [{key: value for key, value in zone.items() if key not in hidden} for zone in zones]
    return Listing("zone", selection.by_keyword(call, zones, "name"))


def _list_pods(call: Call) -> Answer:
    pods = selection.by_fields(
        call, [views.pod(call.cloud)], id="id", name="name", zoneid="zoneid", allocationstate="allocationstate"
    )
    return Listing("pod", selection.by_keyword(call, pods, "name"))


def _list_clusters(call: Call) -> Answer:
    shown = [views.cluster(call.cloud, record) for record in call.cloud.state.clusters.values()]
    found = selection.by_fields(
        call,
        shown,
        id="id",
        name="name",
        zoneid="zoneid",
        podid="podid",
        hypervisor="hypervisortype",
        clustertype="clustertype",
        allocationstate="allocationstate",
        managedstate="managedstate",
    )
    return Listing("cluster", selection.by_keyword(call, found, "name", "hypervisortype"))


def _list_hosts(call: Call) -> Answer:
    details = call.texts("details") or ["all"]
    if "virtualmachineid" in call.arguments:
        return Listing("host", _migration_targets(call))
    shown = [views.host(call.cloud, record, minimal=details == ["min"]) for record in call.cloud.state.hosts.values()]
    found = selection.by_fields(
        call,
        shown,
        id="id",
        name="name",
        type="type",
        state="state",
        clusterid="clusterid",
        zoneid="zoneid",
        podid="podid",
        hypervisor="hypervisor",
        resourcestate="resourcestate",
        managementserverid="managementserverid",
    )
    return Listing("host", selection.by_keyword(call, found, "name", "type", "state"))


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
    state = call.cloud.state
    cluster_id = call.text("clusterid")
    hosts = [host for host in state.world().hosts if cluster_id in (None, host.cluster_id)]
    place: Shown = {"zoneid": state.zone.id, "zonename": state.zone.name}
    if call.text("podid") is not None or cluster_id is not None:
        place |= {"podid": state.pod.id, "podname": state.pod.name}
    if cluster_id is not None:
        place |= {"clusterid": cluster_id, "clustername": state.clusters[cluster_id].name}
    found = selection.by_fields(call, views.capacities(call.cloud, hosts, place), type="type")
    return Listing("capacity", found)


COMMANDS = (
    command("listZones", _list_zones, "zone"),
    command("listPods", _list_pods, "pod"),
    command("listClusters", _list_clusters, "cluster"),
    command("listHosts", _list_hosts, "host"),
    command("findHostsForMigration", _find_hosts_for_migration),
    command("listCapacity", _list_capacity),
)
