"""Instances through the API: their life, where they run, and what is refused."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.lab.api.lab_cloud import LabCloud, LabCloudError
from harness.lab.fleet import GuestBoot
from harness.lab.hypervisor import HypervisorError
from harness.lab.management.cloud import Patience
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import DEFAULT_LAB, HostSpec, LabSpec
from tests.lab.api.conftest import Entity, Lab, LabMaker

_SMALL = LabSpec((HostSpec("kvm1", "cluster-a", 4, 1000, 1024), HostSpec("kvm2", "cluster-b", 4, 1000, 1024)))


def _failed(job: Entity, code: int, text: str) -> None:
    assert job["jobstatus"] == 2, job["jobresult"]
    assert job["jobresultcode"] == code
    assert job["jobresult"]["errorcode"] == code
    assert text in job["jobresult"]["errortext"]


def _reload(lab: Lab, instance: Entity) -> Entity:
    return dict(lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0])


def test_a_fresh_cloud_has_one_zone_its_hosts_two_templates_and_a_network(lab: Lab) -> None:
    assert lab.api.listZones()["zone"][0]["name"] == "lab-zone"
    assert lab.api.listPods()["pod"][0]["name"] == "lab-pod"
    assert [cluster["name"] for cluster in lab.api.listClusters()["cluster"]] == ["cluster-a", "cluster-b"]
    hosts = lab.api.listHosts(type="Routing")["host"]
    assert [(h["name"], h["state"], h["cpunumber"], h["cpuspeed"], h["memorytotal"]) for h in hosts] == [
        ("kvm1", "Up", 8, 2000, 4 << 30),
        ("kvm2", "Up", 16, 2500, 8 << 30),
        ("kvm3", "Up", 8, 2000, 8 << 30),
    ]
    templates = lab.api.listTemplates(templatefilter="executable")["template"]
    assert {t["name"]: t["isdynamicallyscalable"] for t in templates} == {
        "lab-guest": True,
        "lab-guest-unscalable": False,
    }
    assert [network["name"] for network in lab.api.listNetworks()["network"]] == ["lab-net"]
    assert lab.api.listNetworkOfferings()["networkoffering"][0]["guestiptype"] == "L2"
    assert lab.api.listOsTypes()["ostype"][0]["description"].startswith("Debian")
    assert lab.api.listDomains()["domain"][0]["path"] == "ROOT"
    offerings = lab.api.listServiceOfferings()["serviceoffering"]
    assert [each["name"] for each in offerings] == ["Small Instance", "Medium Instance"]


def test_live_scaling_is_off_in_a_fresh_cloud(make_lab: LabMaker) -> None:
    lab = make_lab(dynamic=False)
    assert lab.api.listConfigurations(name="enable.dynamic.scale.vm")["configuration"][0]["value"] == "false"
    assert lab.api.listCapabilities()["capability"]["dynamicscalingenabled"] is False
    assert lab.deploy(lab.fixed())["isdynamicallyscalable"] is False


def test_deploy_answers_at_once_with_the_instance_and_its_job(lab: Lab) -> None:
    answer = lab.raw.call(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=lab.fixed(),
        name="web",
        displayname="Web",
    )
    assert answer.body.keys() == {"id", "jobid"}
    job = lab.finished(answer.body)
    instance = lab.instance_of(job)
    assert (instance["id"], instance["name"], instance["displayname"]) == (answer.body["id"], "web", "Web")
    assert instance["instancename"] == "i-2-1-VM"
    assert (instance["jobid"], instance["jobstatus"]) == (answer.body["jobid"], 0)
    assert job["cmd"] == "org.apache.cloudstack.api.command.admin.vm.DeployVMCmdByAdmin"
    assert (job["jobinstancetype"], job["jobinstanceid"]) == ("VirtualMachine", instance["id"])
    assert lab.hosts[instance["hostname"]].hypervisor.domain_names() == ("i-2-1-VM",)


def test_a_wished_host_or_cluster_is_honoured(lab: Lab) -> None:
    offering_id = lab.fixed()
    assert lab.deploy(offering_id)["hostname"] == "kvm1"
    assert lab.deploy(offering_id, "kvm2")["hostname"] == "kvm2"
    assert lab.deploy(offering_id, clusterid=lab.cluster_id("cluster-b"))["hostname"] == "kvm3"


def test_the_first_host_with_room_is_taken(make_lab: LabMaker) -> None:
    lab = make_lab(spec=_SMALL)
    for cluster in ("cluster-a", "cluster-b"):
        lab.setting("cluster.memory.allocated.capacity.disablethreshold", "1", clusterid=lab.cluster_id(cluster))
    offering_id = lab.fixed(memory=1024)
    assert lab.deploy(offering_id)["hostname"] == "kvm1"
    assert lab.deploy(offering_id)["hostname"] == "kvm2"


def test_a_cluster_beyond_its_threshold_is_passed_over(make_lab: LabMaker) -> None:
    lab = make_lab(spec=_SMALL)
    lab.setting("cluster.memory.allocated.capacity.disablethreshold", "0.5", clusterid=lab.cluster_id("cluster-a"))
    offering_id = lab.fixed(memory=512)
    lab.deploy(offering_id, "kvm1")
    assert lab.deploy(offering_id)["hostname"] in ("kvm1", "kvm2")
    lab.setting("cluster.cpu.allocated.capacity.disablethreshold", "0.01", clusterid=lab.cluster_id("cluster-a"))
    assert lab.deploy(lab.fixed(memory=128))["hostname"] == "kvm2"


def test_an_instance_for_which_no_host_has_room_is_left_in_error(lab: Lab) -> None:
    started = lab.raw.call(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=lab.fixed(memory=9000),
    ).body
    _failed(lab.finished(started), 533, "Unable to create a deployment for VM instance {")
    instance = _reload(lab, {"id": started["id"]})
    assert instance["state"] == "Error"
    assert "hostid" not in instance
    lab.instance_of(lab.run("destroyVirtualMachine", id=instance["id"], expunge="true"))
    assert lab.api.listVirtualMachines() == {}


def test_what_libvirt_refuses_to_start_is_left_in_error(lab: Lab) -> None:
    lab.setting("kvm.cpu.dynamic.scaling.capacity", "2")
    job = lab.run(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=lab.fixed(cpus=4),
    )
    _failed(job, 533, "Unable to create a deployment for VM instance {")
    assert all(host["memoryallocatedbytes"] == 0 for host in lab.api.listHosts(type="Routing")["host"])


def test_two_at_once_do_not_get_the_room_of_one(make_lab: LabMaker) -> None:
    lab = make_lab(spec=_SMALL)
    offering_id = lab.fixed(memory=700)
    host_id = lab.host_id("kvm1")
    given = {"zoneid": lab.zone_id, "templateid": lab.template_id(), "serviceofferingid": offering_id}
    started = [lab.raw.call("deployVirtualMachine", hostid=host_id, **given).body for _ in range(4)]
    assert sorted(lab.finished(each)["jobstatus"] for each in started) == [1, 2, 2, 2]
    assert lab.api.listHosts(name="kvm1")["host"][0]["memoryallocatedbytes"] == 700 << 20


def test_stop_start_reboot_and_destroy(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm2")
    stopped = lab.instance_of(lab.run("stopVirtualMachine", id=instance["id"]))
    assert stopped["state"] == "Stopped"
    assert "hostid" not in stopped
    assert stopped["details"] == {"Message.ReservedCapacityFreed.Flag": "false"}
    assert lab.hosts["kvm2"].hypervisor.domain_names() == ()
    assert lab.instance_of(lab.run("stopVirtualMachine", id=instance["id"]))["state"] == "Stopped"
    started = lab.instance_of(lab.run("startVirtualMachine", id=instance["id"]))
    assert (started["state"], started["hostname"]) == ("Running", "kvm2")
    assert lab.instance_of(lab.run("rebootVirtualMachine", id=instance["id"]))["state"] == "Running"
    assert lab.instance_of(lab.run("rebootVirtualMachine", id=instance["id"], forced="true"))["hostname"] == "kvm2"
    destroyed = lab.instance_of(lab.run("destroyVirtualMachine", id=instance["id"]))
    assert destroyed["state"] == "Destroyed"
    assert lab.hosts["kvm2"].hypervisor.domain_names() == ()
    assert _reload(lab, instance)["state"] == "Destroyed"
    assert lab.run("expungeVirtualMachine", id=instance["id"])["jobresult"] == {"success": True}
    assert lab.api.listVirtualMachines(listall="true") == {}
    assert lab.raw.call("startVirtualMachine", id=instance["id"]).status == 431


def test_starting_what_runs_is_refused(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    _failed(
        lab.run("startVirtualMachine", id=instance["id"]),
        431,
        f"The virtual machine {instance['id']} ({instance['displayname']}) is already running",
    )


def test_starting_what_is_destroyed_is_refused(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    lab.run("destroyVirtualMachine", id=instance["id"])
    _failed(lab.run("startVirtualMachine", id=instance["id"]), 530, "is in state Destroyed and cannot be started")
    _failed(lab.run("stopVirtualMachine", id=instance["id"]), 530, "is in state Destroyed and cannot be stopped")


def test_rebooting_and_expunging_in_the_wrong_state_are_refused(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    _failed(lab.run("expungeVirtualMachine", id=instance["id"]), 431, "before expunging it")
    lab.run("stopVirtualMachine", id=instance["id"])
    _failed(lab.run("rebootVirtualMachine", id=instance["id"]), 431, "is not running, unable to reboot it")


def test_an_instance_can_be_made_without_being_started(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), startvm="false")
    assert instance["state"] == "Stopped"
    assert lab.instance_of(lab.run("startVirtualMachine", id=instance["id"]))["state"] == "Running"


def test_a_forced_stop_says_stopped_though_the_host_could_not_be_reached(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    hypervisor = lab.hosts["kvm1"].hypervisor

    def unreachable(domain: str = "") -> tuple[str, ...]:
        raise HypervisorError(f"no connection {domain}")

    hypervisor.destroy = hypervisor.press_power_button = unreachable
    hypervisor.domain_names = unreachable
    _failed(lab.run("stopVirtualMachine", id=instance["id"]), 530, "Failed to stop vm")
    assert _reload(lab, instance)["state"] == "Running"
    assert lab.instance_of(lab.run("stopVirtualMachine", id=instance["id"], forced="true"))["state"] == "Stopped"
    for changed in ("destroy", "press_power_button", "domain_names"):
        delattr(hypervisor, changed)
    assert hypervisor.domain_names() == (instance["instancename"],)


def test_a_graceful_stop_ends_in_the_plug_being_pulled(make_lab: LabMaker) -> None:
    lab = make_lab(patience=Patience(stop_seconds=0.1))
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.hosts["kvm1"].hypervisor.press_power_button = lambda domain: domain
    assert lab.instance_of(lab.run("stopVirtualMachine", id=instance["id"]))["state"] == "Stopped"
    assert lab.hosts["kvm1"].hypervisor.domain_names() == ()


def test_jobs_of_one_instance_run_in_order_and_of_others_beside_it(make_lab: LabMaker) -> None:
    lab = make_lab(patience=Patience(stop_seconds=30))
    offering_id = lab.fixed()
    slow, other = lab.deploy(offering_id, "kvm1"), lab.deploy(offering_id, "kvm2")
    may_go = threading.Event()
    hypervisor = lab.hosts["kvm1"].hypervisor
    press = hypervisor.press_power_button

    def press_later(domain: str) -> None:
        assert may_go.wait(30)
        press(domain)

    hypervisor.press_power_button = press_later
    stop = lab.raw.call("stopVirtualMachine", id=slow["id"]).body
    start = lab.raw.call("startVirtualMachine", id=slow["id"]).body
    assert lab.instance_of(lab.run("stopVirtualMachine", id=other["id"]))["state"] == "Stopped"
    pending = {job["jobid"] for job in lab.api.listAsyncJobs()["asyncjobs"]}
    assert pending == {stop["jobid"], start["jobid"]}
    may_go.set()
    assert lab.finished(stop)["jobstatus"] == 1
    assert lab.instance_of(lab.finished(start))["state"] == "Running"
    assert lab.api.listAsyncJobs() == {}


def test_migration_takes_instance_and_capacity_along(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(cpus=2), "kvm1")
    targets = {h["name"]: h for h in lab.api.findHostsForMigration(virtualmachineid=instance["id"])["host"]}
    assert {name: h["suitableformigration"] for name, h in targets.items()} == {"kvm2": True, "kvm3": False}
    assert targets["kvm3"]["requiresStorageMotion"] is True
    moved = lab.instance_of(
        lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=targets["kvm2"]["id"])
    )
    assert (moved["hostname"], moved["state"]) == ("kvm2", "Running")
    allocated = {h["name"]: h["cpuallocatedvalue"] for h in lab.api.listHosts(type="Routing")["host"]}
    assert allocated == {"kvm1": 0, "kvm2": 1000, "kvm3": 0}
    back = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], autoselect="true")
    assert lab.instance_of(back)["hostname"] == "kvm1"


def test_migrations_that_cannot_be_are_refused(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(cpus=4), "kvm1")
    given = {"virtualmachineid": instance["id"]}
    assert lab.raw.call("migrateVirtualMachine", **given).body["errortext"] == (
        "Either hostId or storageId must be specified"
    )
    here = lab.run("migrateVirtualMachine", hostid=lab.host_id("kvm1"), **given)
    _failed(here, 431, "Cannot migrate VM, VM is already present on this host")
    elsewhere = lab.run("migrateVirtualMachine", hostid=lab.host_id("kvm3"), **given)
    _failed(elsewhere, 530, "Source and destination host are not in same cluster")
    lab.deploy(lab.fixed(cpus=15, speed=2500), "kvm2")
    full = lab.run("migrateVirtualMachine", hostid=lab.host_id("kvm2"), **given)
    assert full["jobstatus"] == 1
    other = lab.deploy(lab.fixed(cpus=8, speed=2000), "kvm1")
    full = lab.run("migrateVirtualMachine", virtualmachineid=other["id"], hostid=lab.host_id("kvm2"))
    _failed(full, 530, "Host does not have enough capacity for vm")
    nowhere = lab.run("migrateVirtualMachine", virtualmachineid=other["id"], autoselect="true")
    _failed(nowhere, 530, "Unable to find suitable destination to migrate VM")
    lab.run("stopVirtualMachine", id=instance["id"])
    _failed(lab.run("migrateVirtualMachine", autoselect="true", **given), 431, "VM is not Running")
    assert lab.raw.call("findHostsForMigration", **given).status == 431


def test_a_migration_that_fails_leaves_the_instance_where_it_ran(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    hypervisor = lab.hosts["kvm1"].hypervisor

    def break_down(*_arguments: object) -> None:
        raise HypervisorError("the line is dead")

    hypervisor.migrate = break_down
    job = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("kvm2"))
    _failed(job, 530, "due to [the line is dead].")
    after = _reload(lab, instance)
    assert (after["state"], after["hostname"]) == ("Running", "kvm1")
    assert lab.api.listHosts(name="kvm2")["host"][0]["cpuallocatedvalue"] == 0


def test_lists_are_filtered_as_asked(lab: Lab) -> None:
    offering_id = lab.fixed()
    first = lab.deploy(offering_id, "kvm1", name="alpha")
    second = lab.deploy(offering_id, "kvm2", name="beta", displayname="Second")
    lab.run("stopVirtualMachine", id=second["id"])

    def found(**given: str) -> set[str]:
        return {each["name"] for each in lab.api.listVirtualMachines(**given).get("virtualmachine", [])}

    assert found() == {"alpha", "beta"}
    assert found(name="ALPH") == {"alpha"}
    assert found(keyword="sec") == {"beta"}
    assert found(keyword=first["instancename"]) == {"alpha"}
    assert found(state="Running") == {"alpha"}
    assert found(state="Present") == {"alpha", "beta"}
    assert found(hostid=lab.host_id("kvm1")) == {"alpha"}
    assert found(clusterid=lab.cluster_id("cluster-b")) == set()
    assert found(ids=f"{first['id']},{second['id']}") == {"alpha", "beta"}
    assert found(ids=second["id"]) == {"beta"}
    assert found(zoneid=lab.zone_id, listall="true") == {"alpha", "beta"}
    assert lab.raw.call("listVirtualMachines", id=first["id"], ids=first["id"]).status == 431
    assert lab.raw.call("listVirtualMachines", details="nonsense").status == 431


def test_details_say_how_much_is_shown(lab: Lab) -> None:
    lab.deploy(lab.fixed())
    least = lab.api.listVirtualMachines(details="min")["virtualmachine"][0]
    assert not {"cpunumber", "templateid", "hostid"} & least.keys()
    assert least["nic"] == []
    some = lab.api.listVirtualMachines(details="servoff,nics")["virtualmachine"][0]
    assert some["cpunumber"] == 1
    assert some["nic"][0]["networkname"] == "lab-net"


def test_the_root_volume_is_listed(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    volume = lab.api.listVolumes(virtualmachineid=instance["id"])["volume"][0]
    assert (volume["type"], volume["state"], volume["clustername"]) == ("ROOT", "Ready", "cluster-a")


def test_tags_mark_instances(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    given = {"resourcetype": "UserVm", "resourceids": instance["id"]}
    made = lab.run("createTags", **given, **{"tags[0].key": "run", "tags[0].value": "7", "tags[1].key": "x"})
    assert made["jobresult"] == {"success": True}
    assert {t["key"]: t["value"] for t in _reload(lab, instance)["tags"]} == {"run": "7", "x": ""}
    listed = lab.api.listTags(resourcetype="UserVm", key="run")["tag"]
    assert [(t["value"], t["resourceid"]) for t in listed] == [("7", instance["id"])]
    assert lab.api.listTags(resourcetype="Volume") == {}
    by_tag = lab.api.listVirtualMachines(**{"tags[0].key": "run", "tags[0].value": "7"})
    assert by_tag["count"] == 1
    again = lab.run("createTags", **given, **{"tags[0].key": "run", "tags[0].value": "8"})
    assert (again["jobstatus"], again["jobresultcode"]) == (2, 530)
    lab.run("deleteTags", **given, **{"tags[0].key": "run"})
    assert [t["key"] for t in lab.api.listTags()["tag"]] == ["x"]
    lab.run("deleteTags", **given)
    assert lab.api.listTags() == {}


def test_tags_of_other_things_are_refused(lab: Lab) -> None:
    tag = {"tags[0].key": "run", "tags[0].value": "7"}
    kind = lab.raw.call("createTags", resourcetype="Moon", resourceids="x", **tag)
    assert kind.body["errortext"] == "Invalid resource type: Moon"
    unknown = lab.raw.call("createTags", resourcetype="UserVm", resourceids="x", **tag)
    assert unknown.status == 431
    assert lab.raw.call("createTags", resourcetype="UserVm", resourceids="x").body["errortext"] == (
        "Unable to execute API command createtags due to missing parameter tags"
    )


def test_names_and_details_of_an_instance_can_be_changed(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    changed = lab.api.updateVirtualMachine(id=instance["id"], displayname="Other", **{"details[0].note": "kept"})[
        "virtualmachine"
    ]
    assert (changed["displayname"], changed["details"]) == ("Other", {"note": "kept"})
    cleaned = lab.api.updateVirtualMachine(id=instance["id"], cleanupdetails="true")["virtualmachine"]
    assert cleaned["details"] == {}


def test_events_tell_what_was_done(lab: Lab) -> None:
    instance, larger = lab.deploy(lab.fixed()), lab.fixed(cpus=2)
    lab.scale(instance["id"], larger)
    told = [(event["type"], event["state"], event["description"]) for event in _events(lab, instance)]
    assert told == [
        ("VM.CREATE", "Created", "Successfully created entity for deploying Vm"),
        ("VM.CREATE", "Scheduled", f"starting Vm. Vm Id: {instance['id']}"),
        ("VM.CREATE", "Started", f"Deploying Vm. Vm Id: {instance['id']}"),
        ("VM.CREATE", "Completed", f"Successfully completed deploying Vm. Vm Id: {instance['id']}"),
        ("VM.UPGRADE", "Scheduled", f"upgrading vm: {instance['id']} to service offering: {larger}"),
        ("VM.UPGRADE", "Started", "Upgrading VM"),
        ("VM.UPGRADE", "Completed", "Successfully completed Upgrading VM"),
    ]
    edited = lab.api.listEvents(type="CONFIGURATION.VALUE.EDIT")["event"][0]
    assert "enable.dynamic.scale.vm" in edited["description"]


def test_events_tell_what_failed(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    job = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("kvm3"))
    assert job["jobstatus"] == 2
    scheduled, began, ended = _events(lab, instance)[-3:]
    assert scheduled["description"] == "Attempting to migrate VM id: 1 to host Id: 3"
    assert (began["state"], began["level"]) == ("Started", "INFO")
    assert (ended["state"], ended["level"]) == ("Completed", "ERROR")
    assert ended["description"] == "Error while migrating VM. VM Id: 1 to host Id: 3"


def _events(lab: Lab, instance: Entity) -> list[Entity]:
    """What the event log tells of an instance, oldest first."""
    return list(reversed(lab.api.listEvents(resourcetype="VirtualMachine", resourceid=instance["id"])["event"]))


def test_deploying_needs_a_template_and_an_active_offering(lab: Lab) -> None:
    offering_id = lab.fixed()
    given = {"zoneid": lab.zone_id, "serviceofferingid": offering_id}
    assert lab.raw.call("deployVirtualMachine", **given).status == 431
    lab.api.updateServiceOffering(id=offering_id, state="Inactive")
    refused = lab.raw.call("deployVirtualMachine", templateid=lab.template_id(), **given)
    assert (refused.status, refused.body["errortext"]) == (431, f"Service offering is inactive: [{offering_id}].")


def test_custom_parameters_are_checked_before_the_job(lab: Lab) -> None:
    custom = lab.offering(customized="true", mincpunumber=1, maxcpunumber=2, minmemory=64, maxmemory=128, cpuspeed=500)
    given = {"zoneid": lab.zone_id, "templateid": lab.template_id(), "serviceofferingid": custom["id"]}
    refused = lab.raw.call("deployVirtualMachine", **given, **{"details[0].cpuNumber": 3, "details[0].memory": 64})
    assert (refused.status, refused.body["cserrorcode"]) == (431, 4350)
    assert refused.body["errortext"] == "Invalid CPU cores value, specify a value between 1 and 2"
    assert lab.api.listVirtualMachines() == {}


def test_users_and_accounts_tell_who_is_who(lab: Lab) -> None:
    user = lab.api.listUsers()["user"][0]
    assert (user["username"], user["apikey"]) == ("admin", lab.raw.api_key)
    assert lab.api.getUser(userapikey=lab.raw.api_key)["user"]["id"] == user["id"]
    assert lab.raw.call("getUser", userapikey="nobody").status == 431
    lab.deploy(lab.fixed(cpus=3))
    account = lab.api.listAccounts()["account"][0]
    assert (account["vmrunning"], account["cputotal"], account["memorytotal"]) == (1, 3, 256)


def test_a_cloud_needs_all_hosts_of_its_plan(tmp_path: Path) -> None:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts[:1], tmp_path / "fleet")
    try:
        with pytest.raises(LabCloudError, match="kvm2, kvm3"):
            LabCloud(DEFAULT_LAB, fleet.up(), GuestBoot("qemu"))
    finally:
        fleet.down()


def test_a_cloud_that_does_not_serve_has_no_address(tmp_path: Path) -> None:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, tmp_path / "fleet")
    try:
        cloud = LabCloud(DEFAULT_LAB, fleet.up(), fleet.guest_boot)
        with pytest.raises(LabCloudError, match="does not serve yet"):
            assert cloud.endpoint
        cloud.shutdown()
    finally:
        fleet.down()


def test_a_destroyed_instance_can_be_had_back(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    refused = lab.raw.call("recoverVirtualMachine", id=instance["id"])
    assert (refused.status, "not in the right state to be recovered" in refused.body["errortext"]) == (431, True)
    lab.run("destroyVirtualMachine", id=instance["id"])
    assert lab.api.recoverVirtualMachine(id=instance["id"])["virtualmachine"]["state"] == "Stopped"
    assert lab.api.listAccounts(name="admin")["account"][0]["vmtotal"] == 1
    assert lab.run("startVirtualMachine", id=instance["id"])["jobstatus"] == 1


def test_metrics_tell_sizes_in_words(lab: Lab) -> None:
    lab.deploy(lab.fixed(2, 500, 256))
    shown = lab.api.listVirtualMachinesMetrics()["virtualmachine"][0]
    assert (shown["cputotal"], shown["memorytotal"], shown["state"]) == ("1.0 Ghz", "0.25 GiB", "Running")


@pytest.mark.parametrize("running", [True, False])
def test_a_restored_instance_is_in_its_former_state_with_another_template(lab: Lab, running: bool) -> None:
    instance = lab.deploy(lab.fixed(), "kvm2")
    if not running:
        lab.run("stopVirtualMachine", id=instance["id"], forced="true")
    other = lab.template_id("lab-guest-unscalable")
    restored = lab.instance_of(lab.run("restoreVirtualMachine", virtualmachineid=instance["id"], templateid=other))
    assert (restored["templateid"], restored["state"]) == (other, "Running" if running else "Stopped")
    assert restored.get("hostname") == ("kvm2" if running else None)
    lab.run("destroyVirtualMachine", id=instance["id"])
    refused = lab.run("restoreVirtualMachine", virtualmachineid=instance["id"])
    assert refused["jobresult"]["errortext"].endswith("restore vm can only execute when VM in Running or Stopped")


def test_password_and_keys_are_reset_while_an_instance_is_stopped(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    without = lab.raw.call("resetPasswordForVirtualMachine", id=instance["id"])
    assert without.body["errortext"].endswith("the template is not password enabled")
    lab.api.updateTemplate(id=lab.template_id(), passwordenabled="true")
    runs = lab.raw.call("resetPasswordForVirtualMachine", id=instance["id"])
    assert runs.body["errortext"].endswith("should be stopped to do password reset")
    lab.run("stopVirtualMachine", id=instance["id"], forced="true")
    assert lab.instance_of(lab.run("resetPasswordForVirtualMachine", id=instance["id"]))["password"]
    pair = lab.api.createSSHKeyPair(name="key")["keypair"]
    assert pair["privatekey"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert (
        lab.instance_of(lab.run("resetSSHKeyForVirtualMachine", id=instance["id"], keypair="key"))["keypairs"] == "key"
    )
