"""What the API says of a fleet, read once for an audit: only lists, and no more of them than pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, replace
from functools import cached_property

from harness.audit.selection import Selection
from harness.cloud import configuration, fleet, infrastructure
from harness.cloud.client import ApiError, CloudApi
from harness.cloud.entities import Zone
from harness.cloud.fleet import FleetHost, FleetInstance
from harness.cloud.infrastructure import NoSuchEntityError
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.domain import Domain
from harness.reference.offering import Offering
from harness.reference.release import Release, release_of
from harness.reference.settings import Settings, tags_in

RUNNING = "Running"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DOMAIN_NAME = re.compile(r"i-\d+-\d+-\w+")


@dataclass(frozen=True)
class Inventory:
    """`hosts` are those selected, `all_hosts` the zone's; `instances` those selected, `residents` all of the zone."""

    endpoint: str
    version: str
    release: Release
    zone: Zone
    settings: Settings
    clusters: dict[str, str]
    all_hosts: tuple[FleetHost, ...]
    hosts: tuple[FleetHost, ...]
    instances: tuple[FleetInstance, ...]
    residents: tuple[FleetInstance, ...]
    system_vms: tuple[FleetInstance, ...] | None
    offerings: dict[str, Offering]
    templates: dict[str, bool]

    @cached_property
    def running_on(self) -> Counter[str]:
        """How many of `instances` run on each host, by its id."""
        return Counter(one.host_id for one in self.instances if one.host_id is not None and one.state == RUNNING)

    @cached_property
    def restarts(self) -> dict[Hashable, Domain]:
        """Domains that a restart would give, by all that they depend on; filled as they are asked for."""
        return {}

    def cluster_name(self, host: FleetHost) -> str:
        return self.clusters.get(host.cluster_id) or host.cluster_name

    def with_instances(self, instances: tuple[FleetInstance, ...], hosts: tuple[FleetHost, ...]) -> Inventory:
        """The same with hosts and instances as they are at another moment."""
        by_id = {host.id: host for host in hosts}
        return replace(
            self,
            instances=instances,
            residents=instances,
            all_hosts=hosts,
            hosts=tuple(by_id[host.id] for host in self.hosts if host.id in by_id),
        )


def read(api: CloudApi, zone_name: str, selection: Selection) -> Inventory:
    """Read all that an audit needs of the API.

    Raises:
        HarnessError: the API cannot be read, or has nothing of a name that the selection gives.
    """
    version = infrastructure.version(api)
    zone = infrastructure.zone(api, selection.zone or zone_name)
    clusters = {cluster.id: cluster.name for cluster in infrastructure.clusters(api, zone.id)}
    hosts = fleet.hosts(api, zone.id)
    chosen = _hosts(selection, hosts, clusters)
    residents, instances = selected_instances(api, zone.id, selection)
    here = {host.id for host in chosen}
    instances = [each for each in instances if each.host_id is None or each.host_id in here]
    if selection.leaves_instances_out:
        there = {each.host_id for each in instances}
        chosen = [host for host in chosen if host.id in there]
    return Inventory(
        endpoint=api.endpoint,
        version=version,
        release=release_of(version, has_new_settings=configuration.has_new_settings(api)),
        zone=zone,
        settings=configuration.snapshot(api, zone.id, list(clusters), by_name=configuration.are_many(api)),
        clusters=clusters,
        all_hosts=tuple(hosts),
        hosts=tuple(chosen),
        instances=tuple(each for each in instances if each.state == RUNNING),
        residents=tuple(residents),
        system_vms=_system_vms(api, zone.id),
        offerings=fleet.offerings(api),
        templates=fleet.scalable_templates(api, zone.id),
    )


def _hosts(selection: Selection, hosts: list[FleetHost], clusters: dict[str, str]) -> list[FleetHost]:
    if selection.cluster is not None and selection.cluster not in clusters.values():
        raise NoSuchEntityError("KVM cluster", selection.cluster, list(clusters.values()))
    if selection.host is not None and selection.host not in [host.name for host in hosts]:
        raise NoSuchEntityError("KVM host", selection.host, [host.name for host in hosts][:20])
    here = [host for host in hosts if selection.cluster in (None, clusters.get(host.cluster_id))]
    if selection.host is None:
        return here
    chosen = [host for host in here if host.name == selection.host]
    if not chosen:
        raise NoSuchEntityError(f"KVM host in {selection.cluster}", selection.host, [host.name for host in here][:20])
    return chosen


def selected_instances(
    api: CloudApi, zone_id: str, selection: Selection
) -> tuple[list[FleetInstance], list[FleetInstance]]:
    """All that could be on the hosts, and those that are asked for."""
    if not selection.leaves_instances_out:
        found = fleet.instances(api, zone_id)
        return found, found
    only: dict[str, object] = {}
    if selection.account is not None:
        only["account"], only["domainid"] = fleet.account(api, selection.account)
    wanted = selection.instance
    if wanted is not None:
        kind = "id" if _ID.fullmatch(wanted) else "keyword" if _DOMAIN_NAME.fullmatch(wanted) else "name"
        only[kind] = wanted
    try:
        found = fleet.instances(api, zone_id, **only)
    except ApiError as refused:
        if not refused.says_it_is_gone:
            raise
        found = []
    if wanted is not None:
        found = [each for each in found if wanted in (each.id, each.name, each.instance_name)]
        if not found:
            raise NoSuchEntityError("instance", wanted, None)
    return found, found


def _system_vms(api: CloudApi, zone_id: str) -> tuple[FleetInstance, ...] | None:
    """None where the server does not tell them: hosts' books are not judged then."""
    try:
        return tuple(fleet.system_vms(api, zone_id))
    except ApiError:
        return None


def reference_host(inventory: Inventory, host: FleetHost, cgroup_version: int = 1) -> Host | None:
    """A host as the reference takes it, or None where the server leaves out what that needs."""
    if host.cpus is None or host.speed_mhz is None or host.allocatable_memory_bytes is None:
        return None
    memory_overcommit = inventory.settings.number(names.MEMORY_OVERCOMMIT, host.cluster_id)
    return Host(
        id=host.id,
        name=host.name,
        cluster_id=host.cluster_id,
        cpus=host.cpus,
        speed_mhz=host.speed_mhz,
        memory_bytes=round(host.allocatable_memory_bytes / memory_overcommit),
        used_cpu_mhz=host.allocated_cpu_mhz or 0,
        used_memory_bytes=host.allocated_memory_bytes or 0,
        tags=tags_in(host.tags),
        up=host.state == "Up",
        enabled=host.resource_state == "Enabled",
        cgroup_version=cgroup_version,
    )
