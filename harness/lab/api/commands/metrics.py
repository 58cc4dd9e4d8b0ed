"""Lists with metrics, and how many there are of everything."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Shown, Single, command
from harness.lab.api.commands import infrastructure
from harness.lab.api.views import metrics


def _with(rows: Callable[[Call], list[Shown]], more: Callable[[Call, Shown], Shown]) -> Callable[[Call], list[Shown]]:
    """Rows as the list of the same things has them, with what the metrics are."""
    return lambda call: [{**shown, **more(call, shown)} for shown in rows(call)]


def _pool(_call: Call, shown: Shown) -> Shown:
    total, allocated, used = (int(str(shown[f"disksize{each}"])) for each in ("total", "allocated", "used"))
    return metrics.of_pool(total, allocated, used, str(shown["overprovisionfactor"]))


_hosts = _with(infrastructure.host_rows, lambda call, shown: metrics.of_host(call.cloud, str(shown["id"])))
_clusters = _with(infrastructure.cluster_rows, lambda call, shown: metrics.of_cluster(call.cloud, str(shown["id"])))
_zones = _with(infrastructure.zone_rows, lambda call, _: metrics.of_zone(call.cloud))
_pools = _with(infrastructure.pool_rows, _pool)


def _infrastructure(call: Call) -> Answer:
    return Single({"infrastructure": metrics.infrastructure(call.cloud)})


COMMANDS = (
    command(
        "listHostsMetrics", selection.listing("host", _hosts, infrastructure.HOST_FIELDS, "name type state"), "host"
    ),
    command(
        "listClustersMetrics",
        selection.listing("cluster", _clusters, infrastructure.CLUSTER_FIELDS, "name hypervisortype"),
        "cluster",
    ),
    command("listZonesMetrics", selection.listing("zone", _zones, infrastructure.ZONE_FIELDS), "zone"),
    command("listStoragePoolsMetrics", selection.listing("storagepool", _pools, infrastructure.POOL_FIELDS), "storage"),
    command("listInfrastructure", _infrastructure),
)
