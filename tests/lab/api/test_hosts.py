"""Hosts, clusters, pod and zone: enabled or not, tags, maintenance, metrics."""

from __future__ import annotations

import pytest

from harness.lab.hypervisor import HypervisorError
from harness.waiting import wait_until
from tests.lab.api.conftest import Entity, Lab, LabMaker
from tests.lab.api.raw import RawClient


def _host(lab: Lab, name: str) -> Entity:
    return dict(lab.api.listHosts(name=name)["host"][0])


def _until_in(lab: Lab, name: str, state: str) -> None:
    wait_until(
        f"{name} in {state}",
        lambda: _host(lab, name)["resourcestate"],
        lambda now: now == state,
        20,
        first_pause_s=0.005,
    )


def _where(lab: Lab, instance: Entity) -> tuple[str, str | None]:
    now = lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]
    return now["state"], now.get("hostname")


def test_a_disabled_host_takes_no_instance_but_scales_the_one_it_has(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    disabled = lab.api.updateHost(id=lab.host_id("kvm1"), allocationstate="Disable")["host"]
    assert disabled["resourcestate"] == "Disabled"
    assert lab.deploy(lab.fixed())["hostname"] == "kvm2"
    assert lab.scale(instance["id"], lab.fixed(2))["jobstatus"] == 1
    assert _where(lab, instance) == ("Running", "kvm1")
    suitable = {
        host["name"]: host["suitableformigration"]
        for host in lab.api.findHostsForMigration(virtualmachineid=lab.deploy(lab.fixed(), "kvm2")["id"])["host"]
    }
    assert suitable == {"kvm1": False, "kvm3": False}
    assert lab.api.updateHost(id=lab.host_id("kvm1"), allocationstate="Enable")["host"]["resourcestate"] == "Enabled"
    refused = lab.raw.call("updateHost", id=lab.host_id("kvm1"), allocationstate="Maybe")
    assert refused.body["errortext"] == "Invalid allocation state: Maybe, only Enable/Disable are allowed"


def test_tags_of_a_host_say_which_offerings_may_run_there(lab: Lab) -> None:
    host_id = lab.host_id("kvm3")
    assert lab.api.updateHost(id=host_id, hosttags="fast,large")["host"]["hosttags"] == "fast,large"
    assert [tag["name"] for tag in lab.api.listHostTags()["hosttag"]] == ["fast", "large"]
    assert lab.deploy(lab.fixed(hosttags="fast"))["hostname"] == "kvm3"
    lab.api.updateHost(id=host_id, hosttags="")
    assert lab.api.listHostTags() == {}


def test_instances_leave_a_host_that_goes_into_maintenance(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    job = lab.run("prepareHostForMaintenance", id=lab.host_id("kvm1"))
    assert job["jobresult"]["host"]["resourcestate"] in ("PrepareForMaintenance", "Maintenance")
    _until_in(lab, "kvm1", "Maintenance")
    assert _where(lab, instance) == ("Running", "kvm2")
    again = lab.run("prepareHostForMaintenance", id=lab.host_id("kvm1"))
    assert again["jobresult"] == {
        "errorcode": 530,
        "errortext": "Host is already in state Maintenance. Cannot recall for maintenance until resolved.",
    }
    assert lab.deploy(lab.fixed(), "kvm3")["hostname"] == "kvm3"
    cancelled = lab.run("cancelHostMaintenance", id=lab.host_id("kvm1"))["jobresult"]["host"]
    assert cancelled["resourcestate"] == "Enabled"
    refused = lab.run("cancelHostMaintenance", id=lab.host_id("kvm1"))
    assert refused["jobresult"]["errortext"].startswith(
        "Cannot perform cancelMaintenance when resource state is Enabled"
    )


def test_without_another_host_in_the_cluster_instances_are_stopped(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm3")
    lab.run("prepareHostForMaintenance", id=lab.host_id("kvm3"))
    _until_in(lab, "kvm3", "Maintenance")
    assert _where(lab, instance) == ("Stopped", None)


def test_an_instance_that_cannot_leave_keeps_the_host_out_of_maintenance(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")

    def refuse(*_given: object, **_more: object) -> None:
        raise HypervisorError("no")

    lab.hosts["kvm1"].hypervisor.migrate = refuse
    lab.run("prepareHostForMaintenance", id=lab.host_id("kvm1"))
    _until_in(lab, "kvm1", "ErrorInPrepareForMaintenance")
    assert _where(lab, instance) == ("Running", "kvm1")
    other = lab.run("prepareHostForMaintenance", id=lab.host_id("kvm2"))
    assert other["jobresult"]["errortext"].startswith("There are other servers attempting migrations for maintenance.")


@pytest.mark.parametrize("place", ["Zone", "Pod", "Cluster"])
def test_nothing_starts_where_the_place_is_disabled(lab: Lab, place: str) -> None:
    offering = lab.fixed()
    found = lab.api.__getattr__(f"list{place}s")()[place.lower()][0]
    update = lab.api.__getattr__(f"update{place}")
    assert update(id=found["id"], allocationstate="Disabled")[place.lower()]["allocationstate"] == "Disabled"
    job = lab.run(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=offering,
        hostid=lab.host_id("kvm1"),
    )
    assert job["jobresultcode"] == 533
    update(id=found["id"], allocationstate="Enabled")
    assert lab.deploy(offering, "kvm1")["state"] == "Running"
    refused = lab.raw.call(f"update{place}", id=found["id"], allocationstate="Off")
    assert refused.body["errortext"] == "Unable to resolve Allocation State 'Off' to a supported state"


def test_a_plain_user_deploys_nothing_in_a_disabled_zone(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    lab.api.updateZone(id=lab.zone_id, allocationstate="Disabled")
    refused = client.call(
        "deployVirtualMachine", zoneid=lab.zone_id, templateid=lab.template_id(), serviceofferingid=lab.fixed()
    )
    assert (refused.status, refused.body["errortext"][:52]) == (
        531,
        "Cannot perform this operation, Zone is currently dis",
    )


def test_places_can_have_other_names(make_lab: LabMaker) -> None:
    lab = make_lab()
    assert lab.api.updateZone(id=lab.zone_id, name="z")["zone"]["name"] == "z"
    pod = lab.api.listPods()["pod"][0]
    assert lab.api.updatePod(id=pod["id"], name="p")["pod"]["name"] == "p"
    assert lab.api.updateCluster(id=lab.cluster_id("cluster-a"), clustername="c")["cluster"]["name"] == "c"
    assert lab.api.updateHost(id=lab.host_id("kvm1"), name="h")["host"]["name"] == "h"
    assert lab.run("reconnectHost", id=lab.host_id("h"))["jobresult"]["host"]["name"] == "h"


def test_metrics_of_hosts_and_their_storage(lab: Lab) -> None:
    lab.deploy(lab.fixed(2), "kvm1")
    host = lab.api.listHostsMetrics(name="kvm1")["host"][0]
    assert (host["instances"], host["cputotalghz"], host["cpuallocatedghz"]) == ("1/1", "16.00 Ghz", "1.00 Ghz")
    (pool,) = lab.api.listStoragePools(clusterid=lab.cluster_id("cluster-a"))["storagepool"]
    assert (pool["name"], pool["disksizeallocated"]) == ("primary-cluster-a", 16 * 1024 * 1024)


def test_what_a_host_has_allocated_tells_of_overcommit_and_of_what_is_reserved(make_lab: LabMaker) -> None:
    lab = make_lab()
    cluster = lab.cluster_id("cluster-a")
    for name, value in (("mem.overprovisioning.factor", "1.5"), ("cpu.overprovisioning.factor", "2")):
        lab.api.updateConfiguration(name=name, value=value, clusterid=cluster)
    running, stopped = lab.deploy(lab.fixed(1), "kvm1"), lab.deploy(lab.fixed(1), "kvm1")
    before = lab.api.listHosts(name="kvm1")["host"][0]
    lab.run("stopVirtualMachine", id=stopped["id"])
    after = lab.api.listHosts(name="kvm1")["host"][0]
    assert running["state"] == "Running"
    assert (after["cpunumber"], after["cpuspeed"], after["cpuwithoverprovisioning"]) == (8, 2000, "32000")
    assert (after["memorytotal"], after["memorywithoverprovisioning"]) == (6 << 30, str(6 << 30))
    # A stopped instance keeps its place on its last host, and that counts as allocated.
    told = ("cpuallocatedvalue", "memoryallocated", "memoryallocatedbytes", "cpuallocated", "memoryallocatedpercentage")
    assert [after[name] for name in told] == [before[name] for name in told]
    assert (after["cpuallocatedvalue"], after["memoryallocatedbytes"]) == (1000, 512 << 20)
    assert (after["cpuallocatedpercentage"], after["memoryallocatedpercentage"]) == ("3.12%", "8.33%")
    metrics = lab.api.listHostsMetrics(name="kvm1")["host"][0]
    assert (metrics["cpuallocatedghz"], metrics["memorytotalgb"], metrics["memoryallocatedgb"]) == (
        "0.50 Ghz",
        "6.00 GB",
        "0.50 GB",
    )


@pytest.mark.parametrize(
    ("details", "there", "not_there"),
    [
        ("min", set(), {"zonename", "clustername", "events", "memorytotal", "cpuused"}),
        ("events", {"zonename", "events"}, {"memorytotal", "cpuused"}),
        ("capacity,stats", {"clustername", "memorytotal", "cpuused"}, {"events"}),
        ("all", {"events", "memorytotal", "cpuused"}, set()),
    ],
)
def test_hosts_are_shown_with_the_details_asked_for(
    lab: Lab, details: str, there: set[str], not_there: set[str]
) -> None:
    host = lab.api.listHosts(name="kvm1", details=details)["host"][0]
    assert there <= host.keys()
    assert not not_there & host.keys()


def test_details_that_hosts_do_not_have_are_refused(lab: Lab) -> None:
    answer = lab.raw.call("listHosts", details="all,more")
    assert (answer.status, answer.body["errortext"]) == (
        431,
        "The details parameter contains a non permitted value. "
        "The allowed values are [all, capacity, events, stats, min]",
    )
