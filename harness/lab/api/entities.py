"""Which ids exist: the kinds of records that parameters may name."""

from __future__ import annotations

from collections.abc import Callable, Container

from harness.lab.management.cloud import Cloud
from harness.lab.management.directory import stable_id
from harness.lab.management.state import CloudState

OS_TYPE_ID = stable_id("ostype")
OS_CATEGORY_ID = stable_id("oscategory")
SERVER_ID = stable_id("managementserver")

_TABLES: dict[str, Callable[[CloudState], Container[str]]] = {
    "zone": lambda state: {state.zone.id},
    "pod": lambda state: {state.pod.id},
    "cluster": lambda state: state.clusters,
    "host": lambda state: state.hosts,
    "virtualmachine": lambda state: state.instances,
    "serviceoffering": lambda state: {key for key, record in state.offerings.items() if not record.removed},
    "diskoffering": lambda state: {record.disk_offering_id for record in state.offerings.values()},
    "template": lambda state: state.templates,
    "network": lambda state: state.networks,
    "networkoffering": lambda state: {network.offering_id for network in state.networks.values()},
    "account": lambda state: state.accounts,
    "user": lambda state: state.users,
    "domain": lambda state: state.domains,
    "managementserver": lambda state: {SERVER_ID},  # noqa: ARG005 - the table's signature
    "role": lambda state: state.roles,
    "rule": lambda state: {rule.id for role in state.roles.values() for rule in role.rules},
    "volume": lambda state: {instance.volume_id for instance in state.instances.values()},
    "ostype": lambda state: {OS_TYPE_ID},  # noqa: ARG005 - the table's signature
    "storage": lambda state: {stable_id("storage", cluster_id) for cluster_id in state.clusters},
    "event": lambda state: {event.id for event in state.events.newest_first()},
}


# Of these a lab has one.
SINGLE_KINDS = frozenset({"zone", "pod", "domain", "managementserver"})


def exists(cloud: Cloud, kind: str, record_id: str) -> bool:
    """Whether there is such a record. Kinds that the lab does not have are empty."""
    if kind == "job":
        return cloud.jobs.find(record_id) is not None
    table = _TABLES.get(kind)
    if table is None:
        return False
    with cloud.state.lock:
        return record_id in table(cloud.state)
