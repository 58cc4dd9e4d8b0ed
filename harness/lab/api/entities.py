"""Which ids exist: the kinds of records that parameters may name."""

from __future__ import annotations

from collections.abc import Callable, Container

from harness.lab.management.cloud import Cloud
from harness.lab.management.directory import stable_id
from harness.lab.management.records import OS_CATEGORIES, OS_TYPES
from harness.lab.management.state import CloudState

SERVER_ID = stable_id("managementserver")

_TABLES: dict[str, Callable[[CloudState], Container[str]]] = {
    "zone": lambda state: {state.zone.id},
    "pod": lambda state: {state.pod.id},
    "cluster": lambda state: state.clusters,
    "host": lambda state: state.hosts,
    "virtualmachine": lambda state: state.instances,
    "serviceoffering": lambda state: {key for key, record in state.offerings.items() if not record.removed},
    "diskoffering": lambda state: {
        *(key for key, record in state.disk_offerings.items() if record.active),
        *(record.disk_offering_id for record in state.offerings.values()),
    },
    "template": lambda state: {key for key, record in state.templates.items() if not record.removed},
    "iso": lambda state: {key for key, record in state.templates.items() if record.is_iso and not record.removed},
    "affinitygroup": lambda state: state.affinity_groups,
    "keypair": lambda state: state.key_pairs,
    "network": lambda state: state.networks,
    "networkoffering": lambda state: state.network_offerings,
    "vpcoffering": lambda state: state.vpc_offerings,
    "account": lambda state: state.accounts,
    "user": lambda state: state.users,
    "domain": lambda state: state.domains,
    "managementserver": lambda state: {SERVER_ID},  # noqa: ARG005 - the table's signature
    "role": lambda state: state.roles,
    "rule": lambda state: {rule.id for role in state.roles.values() for rule in role.rules},
    "volume": lambda state: {*state.volumes, *(instance.volume_id for instance in state.instances.values())},
    "nic": lambda state: {instance.nic_id for instance in state.instances.values()},
    "ostype": lambda state: OS_TYPES,  # noqa: ARG005 - the table's signature
    "oscategory": lambda state: OS_CATEGORIES,  # noqa: ARG005 - the table's signature
    "storage": lambda state: {stable_id("storage", cluster_id) for cluster_id in state.clusters},
    "alert": lambda state: {alert.id for alert in state.alerts.newest_first()},
    "event": lambda state: {event.id for event in state.events.newest_first()},
}


# Of these a lab has one.
SINGLE_KINDS = frozenset({"zone", "pod", "domain", "managementserver"})

# The id of nothing.
NO_RECORD = "-1"


def can_be_listed(cloud: Cloud, kind: str, record_id: str) -> bool:
    """Whether a list may be asked for it: also for what is gone, and for nothing, which is -1.

    Source: ParamProcessWorker.translateUuidToInternalId.
    """
    return record_id == NO_RECORD or exists(cloud, kind, record_id) or record_id in cloud.state.removed_ids


def exists(cloud: Cloud, kind: str, record_id: str) -> bool:
    """Whether there is such a record. Kinds that the lab does not have are empty."""
    if kind == "job":
        return cloud.jobs.find(record_id) is not None
    table = _TABLES.get(kind)
    if table is None:
        return False
    with cloud.state.lock:
        return record_id in table(cloud.state)
