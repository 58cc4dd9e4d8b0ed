"""Scaling through the API, beyond what the recorded scenarios show: books, races, failures on the way."""

from __future__ import annotations

import threading

import pytest

from harness.lab.hypervisor import HypervisorError
from harness.reference.release import BEFORE, SINCE, Release
from tests.lab.api.conftest import Entity, Lab, LabMaker

_MIB = 1 << 20


def _allocated(lab: Lab, host: str) -> tuple[int, int]:
    found = lab.api.listHosts(name=host)["host"][0]
    return found["cpuallocatedvalue"], found["memoryallocatedbytes"] // _MIB


def _unconstrained(lab: Lab) -> str:
    return str(lab.offering(customized="true")["id"])


def _sizes(cpus: int, speed: int, memory: int) -> dict[str, int]:
    return {"details[0].cpuNumber": cpus, "details[0].cpuSpeed": speed, "details[0].memory": memory}


def test_a_scale_in_place_moves_the_books_by_the_difference(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    assert _allocated(lab, "kvm1") == (500, 256)
    lab.instance_of(lab.scale(instance["id"], lab.fixed(2, 700, 512)))
    assert _allocated(lab, "kvm1") == (1400, 512)


def test_after_a_migrating_scale_the_books_have_the_old_size(lab: Lab) -> None:
    lab.deploy(lab.fixed(7, 2000, 256), "kvm1")
    instance = lab.deploy(lab.fixed(), "kvm1")
    scaled = lab.instance_of(lab.scale(instance["id"], lab.fixed(5)))
    assert (scaled["hostname"], scaled["cpunumber"]) == ("kvm2", 5)
    assert _allocated(lab, "kvm1") == (14000, 256)
    assert _allocated(lab, "kvm2") == (500, 256)


def test_the_recalculation_counts_what_is_there(lab: Lab) -> None:
    lab.deploy(lab.fixed(7, 2000, 256), "kvm1")
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.instance_of(lab.scale(instance["id"], lab.fixed(5)))
    assert _allocated(lab, "kvm2") != (2500, 256)
    lab.api.listCapacity(fetchlatest="true")
    assert _allocated(lab, "kvm2") == (2500, 256)


def test_capacity_is_recalculated_from_time_to_time(lab: Lab) -> None:
    lab.deploy(lab.fixed(7, 2000, 256), "kvm1")
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.instance_of(lab.scale(instance["id"], lab.fixed(5)))
    lab.setting("capacity.check.period", "0")
    assert _allocated(lab, "kvm2") == (2500, 256)


def test_a_stopped_instance_keeps_its_room_reserved_until_it_is_destroyed(lab: Lab) -> None:
    def memory_used() -> int:
        found = lab.api.listCapacity(type=0, clusterid=lab.cluster_id("cluster-a"))["capacity"][0]
        return int(found["capacityused"]) // _MIB

    instance = lab.deploy(lab.fixed(memory=3000), "kvm1")
    lab.run("stopVirtualMachine", id=instance["id"])
    assert _allocated(lab, "kvm1") == (500, 3000)
    assert memory_used() == 3000
    assert lab.deploy(lab.fixed(memory=2000))["hostname"] == "kvm2"
    lab.run("startVirtualMachine", id=instance["id"])
    assert _allocated(lab, "kvm1") == (500, 3000)
    assert memory_used() == 5000
    lab.run("destroyVirtualMachine", id=instance["id"])
    assert memory_used() == 2000


def test_a_migration_that_fails_ends_the_scale(lab: Lab) -> None:
    lab.deploy(lab.fixed(7, 2000, 256), "kvm1")
    instance = lab.deploy(lab.fixed(), "kvm1")

    def break_down(*_arguments: object) -> None:
        raise HypervisorError("the line is dead")

    lab.hosts["kvm1"].hypervisor.migrate = break_down
    job = lab.scale(instance["id"], lab.fixed(5))
    assert (job["jobstatus"], job["jobresultcode"]) == (2, 530)
    assert job["jobresult"]["errortext"].endswith("due to [the line is dead].")
    after = lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]
    assert (after["hostname"], after["cpunumber"], after["state"]) == ("kvm1", 1, "Running")


def test_an_instance_whose_domain_is_gone_cannot_be_scaled(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.hosts["kvm1"].hypervisor.destroy(instance["instancename"])
    job = lab.scale(instance["id"], lab.fixed(2))
    assert (job["jobresultcode"], job["jobresult"]["errortext"]) == (530, "Unable to reconfigure VM.")


def test_an_instance_in_error_cannot_be_scaled(lab: Lab) -> None:
    started = lab.raw.call(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=lab.fixed(memory=9000),
    ).body
    lab.finished(started)
    job = lab.scale(started["id"], lab.fixed(2))
    assert job["jobresultcode"] == 431
    assert "  in state Error; make sure the virtual machine is stopped/running" in job["jobresult"]["errortext"]


def test_an_instance_expunged_in_the_meantime_is_not_found(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    may_go = threading.Event()
    hypervisor = lab.hosts["kvm1"].hypervisor
    destroy = hypervisor.destroy

    def destroy_later(domain: str) -> None:
        assert may_go.wait(30)
        destroy(domain)

    hypervisor.destroy = destroy_later
    gone = lab.raw.call("destroyVirtualMachine", id=instance["id"], expunge="true").body
    scale = lab.raw.call("scaleVirtualMachine", id=instance["id"], serviceofferingid=lab.fixed(2)).body
    may_go.set()
    assert lab.finished(gone)["jobstatus"] == 1
    job = lab.finished(scale)
    assert (job["jobresultcode"], job["jobresult"]["errortext"]) == (431, "Unable to find VM's UUID")


def _stopped(lab: Lab, offering_id: str, **given: int) -> Entity:
    instance = lab.deploy(offering_id, "kvm1", **given)
    lab.run("stopVirtualMachine", id=instance["id"])
    return instance


def test_a_stopped_instance_may_shrink_without_any_flag(make_lab: LabMaker) -> None:
    lab = make_lab(dynamic=False)
    instance = _stopped(lab, lab.fixed(2, 700, 512))
    scaled = lab.instance_of(lab.scale(instance["id"], lab.fixed()))
    assert (scaled["cpunumber"], scaled["memory"], scaled["state"]) == (1, 256, "Stopped")
    changed = lab.api.changeServiceForVirtualMachine(id=instance["id"], serviceofferingid=lab.fixed(3))
    assert changed["virtualmachine"]["cpunumber"] == 3
    lab.run("startVirtualMachine", id=instance["id"])
    assert _allocated(lab, "kvm1") == (1500, 256)


@pytest.mark.parametrize(
    ("release", "word"),
    [pytest.param(SINCE, "Instance", id="4.23"), pytest.param(BEFORE, "virtual machine", id="4.22")],
)
def test_a_stopped_instance_refuses_an_inactive_offering(make_lab: LabMaker, release: Release, word: str) -> None:
    lab = make_lab(release)
    instance = _stopped(lab, lab.fixed())
    inactive = lab.fixed(2)
    lab.api.updateServiceOffering(id=inactive, state="Inactive")
    job = lab.scale(instance["id"], inactive)
    assert (job["jobresultcode"], job["jobresult"]["errortext"]) == (
        431,
        f"Unable to upgrade {word} {instance['id']} with an inactive service offering {inactive}",
    )


def test_a_stopped_instance_refuses_what_the_offering_or_the_settings_forbid(lab: Lab) -> None:
    offering_id = lab.fixed()
    instance = _stopped(lab, offering_id)

    def refused(wanted: str, **details: int) -> str:
        job = lab.scale(instance["id"], wanted, **details)
        assert job["jobresultcode"] == 431
        return str(job["jobresult"]["errortext"])

    assert refused(offering_id).endswith("since it already has the requested service offering (offering)")
    assert refused(_unconstrained(lab), cpuNumber=0).startswith("Invalid CPU cores value")
    many, large = lab.fixed(8), lab.fixed(memory=2048)
    lab.setting("vm.serviceoffering.cpu.cores.max", "4")
    lab.setting("vm.serviceoffering.ram.size.max", "1024")
    assert refused(many).endswith("service offering with cpu cores between 1 and 4")
    assert refused(large).endswith("service offering with memory between 32 and 1024 MB")


def test_a_template_that_lost_its_flag_takes_the_instances_flag_with_the_next_scale(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    updated = lab.api.updateTemplate(id=lab.template_id(), isdynamicallyscalable="false")["template"]
    assert updated["isdynamicallyscalable"] is False
    scaled = lab.instance_of(lab.scale(instance["id"], lab.fixed(2)))
    assert scaled["isdynamicallyscalable"] is False
    job = lab.scale(instance["id"], lab.fixed(3))
    assert job["jobresult"]["errortext"].endswith("as it does not have tools to support dynamic scaling.")


@pytest.mark.parametrize(
    ("release", "subjects"),
    [
        pytest.param(SINCE, ("Instance since its Template", "Instance since its service"), id="4.23"),
        pytest.param(BEFORE, ("VM since its template", "VM since its service"), id="4.22"),
    ],
)
def test_the_flag_is_refused_where_template_or_offering_forbid_it(
    make_lab: LabMaker, release: Release, subjects: tuple[str, str]
) -> None:
    lab = make_lab(release)
    of_template = lab.deploy(lab.fixed(), template="lab-guest-unscalable")
    of_offering = lab.deploy(lab.fixed(dynamicscalingenabled="false"))
    for instance, subject in zip((of_template, of_offering), subjects, strict=True):
        answer = lab.raw.call("updateVirtualMachine", id=instance["id"], isdynamicallyscalable="true")
        assert (answer.status, answer.body["cserrorcode"]) == (431, 4350)
        assert f"Dynamic Scaling cannot be enabled for the {subject}" in answer.body["errortext"]


def test_an_instance_in_error_cannot_be_updated(lab: Lab) -> None:
    started = lab.raw.call(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=lab.fixed(memory=9000),
    ).body
    lab.finished(started)
    answer = lab.raw.call("updateVirtualMachine", id=started["id"], displayname="x")
    assert answer.status == 431
    assert "is not in the right state" in answer.body["errortext"]


def test_the_last_host_is_tried_first_by_a_migrating_scale(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm2")
    lab.instance_of(lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("kvm1")))
    lab.deploy(lab.fixed(7, 2000, 256), "kvm1")
    scaled = lab.instance_of(lab.scale(instance["id"], lab.fixed(5)))
    assert scaled["hostname"] == "kvm2"
