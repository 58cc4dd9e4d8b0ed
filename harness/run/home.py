"""Where a case takes place: which clusters suit it, and on which host its instances start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from harness.cloud.entities import Cluster, HostRecord
from harness.run.holds import Claim
from harness.run.permits import CannotArrangeError

Place = TypeVar("Place")


def is_usable(host: HostRecord) -> bool:
    return host.state == "Up" and host.resource_state == "Enabled"


def suitable_clusters(claim: Claim, clusters: Sequence[Cluster], hosts: Sequence[HostRecord]) -> list[Cluster]:
    """Clusters with enough usable hosts, the best first.

    A case that will be alone takes the smallest that does, one that shares the one with the most room.
    """
    usable = {cluster.id: [host for host in _members(cluster.id, hosts) if is_usable(host)] for cluster in clusters}
    suitable = [cluster for cluster in clusters if len(usable[cluster.id]) >= max(1, claim.hosts)]
    if claim.alone is not None:
        return sorted(suitable, key=lambda cluster: len(usable[cluster.id]))
    return sorted(suitable, key=lambda cluster: -max(map(_free_bytes, usable[cluster.id])))


def usable_text(clusters: Sequence[Cluster], hosts: Sequence[HostRecord]) -> str:
    """How many usable hosts each cluster has, for a person."""
    counted = {cluster.name: sum(map(is_usable, _members(cluster.id, hosts))) for cluster in clusters}
    return ", ".join(f"{name} has {number}" for name, number in counted.items()) or "there is none"


def homes_in(claim: Claim, cluster_id: str, hosts: Sequence[HostRecord]) -> list[HostRecord]:
    """The cluster's usable hosts: for a case that is alone there the smallest alone, else the one with most room first.

    Raises:
        CannotArrangeError: none of them can be used any more.
    """
    usable = [host for host in _members(cluster_id, hosts) if is_usable(host)]
    if not usable:
        raise CannotArrangeError("needs a host that is Up and Enabled; those of its cluster no longer are")
    if claim.alone is not None:
        return [min(usable, key=lambda host: (host.allocatable_memory_bytes, host.name))]
    return sorted(usable, key=lambda host: (_free_bytes(host), host.name), reverse=True)


def first_wished(places: list[Place], is_wished: Callable[[Place], bool]) -> list[Place]:
    """Only the places that are wished, where there are such among them; else all."""
    return [place for place in places if is_wished(place)] or places


def has_home(name: str | None, cluster_id: str, hosts: Sequence[HostRecord]) -> bool:
    return any(host.name == name for host in _members(cluster_id, hosts))


def _members(cluster_id: str, hosts: Sequence[HostRecord]) -> list[HostRecord]:
    return [host for host in hosts if host.cluster_id == cluster_id]


def _free_bytes(host: HostRecord) -> int:
    return host.allocatable_memory_bytes - host.allocated_memory_bytes
