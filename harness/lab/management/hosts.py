"""What an admin decides of hosts: enabled or not, their tags, maintenance."""

from __future__ import annotations

import json
import logging
from functools import partial

from harness.errors import HarnessError
from harness.lab.management import lifecycle, migration
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, OperationFailedError
from harness.lab.management.model import HostRecord, InstanceRecord, ResourceState, State, User

_log = logging.getLogger(__name__)
_MAINTENANCE = frozenset({ResourceState.PREPARING, ResourceState.FAILED, ResourceState.MAINTENANCE})
_WORK = "com.cloud.ha.HighAvailabilityManager"


def update(
    cloud: Cloud, host_id: str, *, allocation: str | None, tags: frozenset[str] | None, name: str | None
) -> HostRecord:
    """What is None stays. Source: ResourceManagerImpl.updateHost.

    Raises:
        InvalidValueError: an allocation state that does not exist.
        OperationFailedError: a host in maintenance is neither enabled nor disabled.
    """
    fields: dict[str, object] = {"tags": tags, "name": name}
    with cloud.state.lock:
        host = cloud.state.hosts[host_id]
        if allocation is not None:
            if allocation not in ("Enable", "Disable"):
                raise InvalidValueError(f"Invalid allocation state: {allocation}, only Enable/Disable are allowed")
            if host.resource_state in _MAINTENANCE:
                raise OperationFailedError(
                    f"No next resource state found for current state = {host.resource_state} event = {allocation}"
                )
            fields["resource_state"] = ResourceState.ENABLED if allocation == "Enable" else ResourceState.DISABLED
        return cloud.state.change_host(host_id, **{key: value for key, value in fields.items() if value is not None})


def prepare_maintenance(cloud: Cloud, host_id: str, user: User) -> HostRecord:
    """Nothing starts there any more, and what runs there is moved away, each instance by a job of its own.

    Where no other host of the cluster takes instances, they are stopped. Source: ResourceManagerImpl.maintain.

    Raises:
        OperationFailedError: the host is on its way already, or something happens on it.
    """
    state = cloud.state
    with state.lock:
        host = state.hosts[host_id]
        if host.resource_state in (ResourceState.PREPARING, ResourceState.FAILED, ResourceState.MAINTENANCE):
            raise OperationFailedError(
                f"Host is already in state {host.resource_state}. Cannot recall for maintenance until resolved."
            )
        others = [each for each in state.hosts.values() if each.cluster_id == host.cluster_id and each.id != host_id]
        if any(each.resource_state in (ResourceState.PREPARING, ResourceState.FAILED) for each in others):
            cluster = state.clusters[host.cluster_id]
            shown = _json("Cluster", name=cluster.name, uuid=cluster.id)
            raise OperationFailedError(
                "There are other servers attempting migrations for maintenance. Found hosts in PrepareForMaintenance "
                f"OR ErrorInPrepareForMaintenance STATUS in cluster {shown}"
            )
        there = [each for each in state.instances.values() if each.host_id == host_id]
        if any(each.state is State.MIGRATING for each in there):
            raise OperationFailedError(
                "Host contains incoming VMs migrating. Please wait for them to complete before putting to maintenance."
            )
        if any(each.state in (State.STARTING, State.STOPPING) for each in there):
            raise OperationFailedError(
                "Host contains VMs in starting/stopping state. Please wait for them to complete before putting to "
                "maintenance."
            )
        can_move = any(state.host(each.id).enabled for each in others)
        host = state.change_host(host_id, resource_state=ResourceState.PREPARING)
    for instance in there:
        cloud.do_in_line(instance.id, user, _WORK, partial(_leave, cloud, instance, can_move=can_move))
    settle(cloud, host_id)
    return host


def _leave(cloud: Cloud, instance: InstanceRecord, *, can_move: bool) -> None:
    """Have an instance leave a host that is prepared for maintenance."""
    host_id = instance.host_id or ""
    now = cloud.state.instance(instance.id)
    if now.host_id == host_id and now.state is State.RUNNING and _is_preparing(cloud, host_id):
        try:
            if can_move:
                migration.migrate(cloud, instance.id, None)
            else:
                lifecycle.stop(cloud, instance.id, forced=True)
        except HarnessError as failure:
            _log.warning("%s does not leave its host: %s", instance.instance_name, failure)
            with cloud.state.lock:
                if _is_preparing(cloud, host_id):
                    cloud.state.change_host(host_id, resource_state=ResourceState.FAILED)
            raise
    settle(cloud, host_id)


def settle(cloud: Cloud, host_id: str) -> None:
    """A host that is prepared for maintenance is in maintenance once nothing runs there."""
    with cloud.state.lock:
        runs = any(each.host_id == host_id for each in cloud.state.instances.values())
        if _is_preparing(cloud, host_id) and not runs:
            cloud.state.change_host(host_id, resource_state=ResourceState.MAINTENANCE)


def _is_preparing(cloud: Cloud, host_id: str) -> bool:
    return cloud.state.hosts[host_id].resource_state is ResourceState.PREPARING


def cancel_maintenance(cloud: Cloud, host_id: str) -> HostRecord:
    """Source: ResourceManagerImpl.cancelMaintenance."""
    with cloud.state.lock:
        host = cloud.state.hosts[host_id]
        if host.resource_state not in _MAINTENANCE:
            shown = _json("Host", id=host.database_id, name=host.name, type="Routing", uuid=host.id)
            raise OperationFailedError(
                f"Cannot perform cancelMaintenance when resource state is {host.resource_state}, host: {shown}"
            )
        return cloud.state.change_host(host_id, resource_state=ResourceState.ENABLED)


def _json(kind: str, **shown: object) -> str:
    return f"{kind} {json.dumps(shown, separators=(',', ':'))}"
