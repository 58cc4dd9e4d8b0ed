"""Choosing the host on which an instance starts: first fit, with a wished host or cluster honoured."""

from __future__ import annotations

from dataclasses import replace

from harness.lab.management.errors import NoCapacityError
from harness.lab.management.model import InstanceRecord
from harness.lab.management.state import CloudState
from harness.reference.capacity import Host, crosses_threshold, has_room, is_capable
from harness.reference.offering import Offering, Size
from harness.reference.scaling import World


def hosts_for_start(
    state: CloudState,
    instance: InstanceRecord,
    offering: Offering,
    size: Size,
    *,
    host_id: str | None = None,
    cluster_id: str | None = None,
) -> tuple[Host, ...]:
    """Hosts where the instance may start, best first; its last host comes before all others.

    Source: DeploymentPlanningManagerImpl.planDeployment, FirstFitPlanner, FirstFitAllocator.

    Raises:
        NoCapacityError: none will do.
    """
    with state.lock:
        world = state.world()
        own = state.amount_of(instance)
    last_id = instance.last_host_id
    fitting = [
        host
        for host in world.hosts
        if host.up
        and host.enabled
        and (host_id is None or host.id == host_id)
        and (cluster_id is None or host.cluster_id == cluster_id)
        and offering.host_tags <= host.tags
        and is_capable(host, size)
        and (
            _fits(world, host, size)
            or (host.id == last_id and _fits(world, _without(host, own.cpu_mhz, own.memory_bytes), size))
        )
        and (host_id is not None or host.id == last_id or not _too_full(world, host, size))
    ]
    fitting.sort(key=lambda host: host.id != last_id)
    if not fitting:
        raise NoCapacityError(
            f'Unable to create a deployment for VM instance {{"id":{instance.database_id},'
            f'"instanceName":"{instance.instance_name}","type":"User","uuid":"{instance.id}"}}'
        )
    return tuple(fitting)


def fits_now(state: CloudState, host_id: str, size: Size) -> bool:
    """Whether the host has room for that much more at this moment, reserved capacity counted."""
    return has_room(
        state.host(host_id),
        state.settings(),
        size.cpu_mhz,
        size.memory_bytes,
        reserved_counts=True,
    )


def _fits(world: World, host: Host, size: Size) -> bool:
    return has_room(host, world.settings, size.cpu_mhz, size.memory_bytes, reserved_counts=True)


def _without(host: Host, cpu_mhz: int, memory_bytes: int) -> Host:
    """The last host as its own former instance sees it: what is reserved there is reserved for that instance."""
    return replace(
        host,
        reserved_cpu_mhz=max(0, host.reserved_cpu_mhz - cpu_mhz),
        reserved_memory_bytes=max(0, host.reserved_memory_bytes - memory_bytes),
    )


def _too_full(world: World, host: Host, size: Size) -> bool:
    return crosses_threshold(world.hosts, world.settings, host.cluster_id, size.cpu_mhz, size.memory_mib)
