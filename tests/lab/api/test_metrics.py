"""Lists with metrics, and how many there are of everything."""

from __future__ import annotations

from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawClient


def test_clusters_and_zone_tell_what_is_allocated_of_all_their_hosts(lab: Lab) -> None:
    lab.deploy(lab.fixed(cpus=2, speed=1120, memory=1024), "kvm1")
    clusters = {each["name"]: each for each in lab.api.listClustersMetrics()["cluster"]}
    one = clusters["cluster-a"]
    assert (one["hosts"], one["cputotal"], one["memorytotal"]) == ("2 / 2", "56.00 Ghz", "12.00 GB")
    assert (one["cpuallocated"], one["memoryallocated"]) == ("4.00%", "8.33%")
    assert clusters["cluster-b"]["cpuallocated"] == "0.00%"
    (zone,) = lab.api.listZonesMetrics()["zone"]
    assert (zone["clusters"], zone["cputotal"], zone["cpuallocated"]) == ("2 / 2", "72.00 Ghz", "3.11%")


def test_a_cluster_that_is_fuller_than_its_threshold_says_so(lab: Lab) -> None:
    lab.deploy(lab.fixed(memory=1024), "kvm3")
    cluster_id = lab.cluster_id("cluster-b")
    told = []
    for threshold in ("0.9", "0.1"):
        lab.setting("cluster.memory.allocated.capacity.disablethreshold", threshold, clusterid=cluster_id)
        (cluster,) = lab.api.listClustersMetrics(id=cluster_id)["cluster"]
        told.append((cluster["memoryallocateddisablethreshold"], cluster["cpuallocateddisablethreshold"]))
    assert told == [(False, False), (True, False)]


def test_users_see_the_metrics_of_what_is_theirs(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    user = RawClient(lab.raw.endpoint, keys.api_key, keys.secret_key)
    started = user.call("deployVirtualMachine", **lab.place(lab.fixed(cpus=1, speed=700)))
    lab.finished(started.body)
    lab.deploy(lab.fixed())
    (mine,) = user.call("listVirtualMachinesMetrics").body["virtualmachine"]
    assert (mine["cputotal"], mine["memorytotal"]) == ("0.7 Ghz", "0.25 GiB")
    (volume,) = user.call("listVolumesMetrics").body["volume"]
    assert volume["sizegb"].endswith(" GiB")
    assert user.call("listClustersMetrics").status == 432


def test_the_infrastructure_is_counted(lab: Lab) -> None:
    counts = lab.api.listInfrastructure()["infrastructure"]
    assert (counts["clusters"], counts["hosts"], counts["cpusockets"], counts["alerts"]) == (2, 3, 3, 0)
    (server,) = lab.api.listManagementServers()["managementserver"]
    assert (server["agentscount"], server["pendingjobscount"], len(server["agents"])) == (3, 0, 3)


def test_capacity_has_memory_cpu_and_storage(lab: Lab) -> None:
    lab.deploy(lab.fixed(), "kvm3")
    rows = {each["name"]: each for each in lab.api.listCapacity()["capacity"]}
    assert {name: row["type"] for name, row in rows.items()} == {
        "MEMORY": 0,
        "CPU": 1,
        "STORAGE": 2,
        "STORAGE_ALLOCATED": 3,
    }
    assert rows["MEMORY"]["capacityallocated"] == 256 << 20
    assert rows["STORAGE_ALLOCATED"]["capacitytotal"] == 200 << 30
    (there,) = lab.api.listCapacity(type="3", clusterid=lab.cluster_id("cluster-b"))["capacity"]
    assert there["capacityused"] == rows["STORAGE_ALLOCATED"]["capacityused"] > 0
    assert "capacityallocated" not in there


def test_pools_tell_their_sizes_in_words(lab: Lab) -> None:
    lab.deploy(lab.fixed(), "kvm1")
    pool = next(
        each for each in lab.api.listStoragePoolsMetrics()["storagepool"] if each["name"] == "primary-cluster-a"
    )
    assert (pool["disksizetotalgb"], pool["disksizeusedgb"]) == ("100.00 GB (x2.0)", "0.00 GB")
    assert pool["disksizeallocatedgb"] != "0.00 GB"
