"""What the control endpoint tells of a lab, through its client."""

from __future__ import annotations

import pytest

from harness.lab.control_endpoint.client import ControlFailedError, LabControl
from harness.lab.faults.catalogue import KINDS, Fault
from harness.lab.faults.order import FaultOrder
from harness.lab.management.jobs import JobStatus
from tests.lab.api.conftest import Lab

MIB = 1024 * 1024


def test_hosts_clusters_and_instances_with_what_they_use(lab: Lab, control: LabControl) -> None:
    instance = lab.deploy(lab.fixed(cpus=2, speed=500, memory=256), "kvm2", name="web")
    state = control.state()
    assert state.release == "4.23"
    assert [(host.name, host.cluster, host.is_up, host.running_instances) for host in state.hosts] == [
        ("kvm1", "cluster-a", True, 0),
        ("kvm2", "cluster-a", True, 1),
        ("kvm3", "cluster-b", True, 0),
    ]
    capacity = state.hosts[1].capacity
    assert (capacity.cpu_mhz_allocated, capacity.cpu_mhz_total) == (1000, 40_000)
    assert (capacity.memory_bytes_allocated, capacity.memory_bytes_total) == (256 * MIB, 8192 * MIB)
    assert [(cluster.name, cluster.capacity.cpu_mhz_allocated) for cluster in state.clusters] == [
        ("cluster-a", 1000),
        ("cluster-b", 0),
    ]
    (shown,) = state.instances
    assert (shown.id, shown.name, shown.host, shown.state) == (instance["id"], "web", "kvm2", "Running")
    assert (shown.cpus, shown.speed_mhz, shown.memory_mib, shown.account) == (2, 500, 256, "admin")
    assert state.job_counts == {JobStatus.SUCCEEDED: 1}
    assert (state.jobs[0].command_class, state.jobs[0].instance_id) == ("DeployVMCmdByAdmin", instance["id"])


def test_a_stopped_instance_is_nowhere_and_its_capacity_reserved(lab: Lab, control: LabControl) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.run("stopVirtualMachine", id=instance["id"], forced=True)
    state = control.state()
    assert (state.instances[0].host, state.instances[0].state) == (None, "Stopped")
    capacity = state.hosts[0].capacity
    assert (capacity.memory_bytes_allocated, capacity.memory_bytes_reserved) == (0, 256 * MIB)


def test_a_failed_job_says_why_and_the_newest_comes_first(lab: Lab, control: LabControl) -> None:
    instance = lab.deploy(lab.fixed(cpus=2))
    lab.scale(instance["id"], lab.fixed(cpus=1))
    newest, first = control.state().jobs
    assert (newest.status, first.status) == (JobStatus.FAILED, JobStatus.SUCCEEDED)
    assert newest.error is not None
    assert newest.error.startswith("Scaling down is not supported")


def test_faults_are_armed_counted_shown_and_cleared(lab: Lab, control: LabControl) -> None:
    armed = control.arm(FaultOrder(kind=Fault.HTML_BODY, command="listZones", times=1))
    lab.raw.call("listZones")
    lab.raw.call("listZones")
    (seen,) = control.faults()
    assert (seen.number, seen.order.kind, seen.matched, seen.struck) == (armed.number, Fault.HTML_BODY, 2, 1)
    assert control.state().faults == [seen]
    other = control.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm3"))
    assert [host.is_up for host in control.state().hosts] == [True, True, False]
    control.disarm(other.number)
    with pytest.raises(ControlFailedError, match=f"no fault with number {other.number} is armed"):
        control.disarm(other.number)
    control.clear()
    assert control.faults() == []


def test_a_reset_leaves_an_empty_cloud_without_faults_at_the_same_address(lab: Lab, control: LabControl) -> None:
    lab.deploy(lab.fixed(), "kvm1")
    control.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm1"))
    state = control.reset()
    assert (state.instances, state.jobs, state.faults) == ([], [], [])
    assert [host.is_up for host in state.hosts] == [True] * 3
    lab.setting("enable.dynamic.scale.vm", "true")
    assert control.state().hosts[0].capacity.memory_bytes_allocated == 0


def test_an_order_that_cannot_be_is_refused_with_its_reason(control: LabControl) -> None:
    with pytest.raises(ControlFailedError, match="host-down: no host is named kvm9"):
        control.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm9"))


def test_a_defect_is_switched_on_and_off(lab: Lab, control: LabControl) -> None:
    def prepared() -> bool:
        return "<maxMemory" in lab.xml("kvm1", lab.deploy(lab.fixed(), "kvm1"))

    control.set_defect("start-no-max-memory")
    assert not prepared()
    control.set_defect(None)
    assert prepared()
    with pytest.raises(ControlFailedError, match="no-such: no such defect"):
        control.set_defect("no-such")


def test_all_kinds_are_told(control: LabControl) -> None:
    assert [kind.id for kind in control.kinds()] == list(KINDS)


def test_parameters_without_effect_are_counted_and_others_are_not(lab: Lab, control: LabControl) -> None:
    lab.deploy(lab.fixed(), "kvm1", name="web")
    assert [each for each in control.ignored_parameters() if each.command == "deployVirtualMachine"] == []
    for _ in range(2):
        lab.raw.call("listZones", colour="red", showcapacities="true", _="1234")
    lab.raw.call("listZones", Colour="red", **{"tags[0].key": "a", "tags[0].value": "b"})
    counted = {(each.parameter, each.count) for each in control.ignored_parameters() if each.command == "listZones"}
    assert {("colour", 2), ("Colour", 1), ("showcapacities", 2)} <= counted
    assert not {name for name, _ in counted} & {"_", "command", "apiKey", "signature", "response"}


def test_a_refused_call_is_not_counted(lab: Lab, control: LabControl) -> None:
    lab.raw.call("deployVirtualMachine", colour="red")
    assert control.ignored_parameters() == []


def test_a_client_without_a_lab_says_so() -> None:
    control = LabControl("http://127.0.0.1:9", "x")
    with pytest.raises(ControlFailedError, match=r"the lab's control endpoint http://127\.0\.0\.1:9"):
        control.state()
    control.close()
