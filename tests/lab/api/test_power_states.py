"""Domains that end by themselves, and hosts that do not tell."""

from __future__ import annotations

import threading
import time

import pytest

from harness.lab.hypervisor import HypervisorError
from harness.lab.management.cloud import Patience
from harness.waiting import wait_until
from tests.lab.api.conftest import Entity, Lab, LabMaker


@pytest.fixture
def lab(make_lab: LabMaker) -> Lab:
    return make_lab(patience=Patience(ping_seconds=0))


def _look(lab: Lab, instance: Entity) -> Entity:
    return dict(lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0])


def _look_until_stopped(lab: Lab, instance: Entity) -> Entity:
    """More than one look: a domain has to be missing twice."""
    return wait_until("Stopped", lambda: _look(lab, instance), lambda seen: seen["state"] == "Stopped", 5)


def _allocated(lab: Lab) -> list[int]:
    return [host["memoryallocatedbytes"] for host in lab.api.listHosts()["host"]]


def test_a_domain_that_ended_by_itself_is_noticed(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    assert _look(lab, instance)["state"] == "Running"
    lab.hosts["kvm1"].hypervisor.destroy(instance["instancename"])
    seen = _look_until_stopped(lab, instance)
    assert "hostname" not in seen
    assert _allocated(lab) == [256 << 20, 0, 0]  # reserved for its next start
    (event,) = (each for each in lab.api.listEvents(listall="true")["event"] if each["type"] == "VM.STOP")
    assert (event["description"], event["username"]) == ("Out of band VM power off", "system")
    assert lab.run("startVirtualMachine", id=instance["id"])["jobstatus"] == 1
    assert _look(lab, instance)["state"] == "Running"


def test_a_domain_is_not_missed_before_it_is_time_to_ask(make_lab: LabMaker) -> None:
    lab = make_lab()
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.hosts["kvm1"].hypervisor.destroy(instance["instancename"])
    assert {_look(lab, instance)["state"] for _ in range(5)} == {"Running"}


def test_a_host_that_cannot_be_asked_has_told_nothing(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    hypervisor = lab.hosts["kvm1"].hypervisor
    names = hypervisor.domain_names

    def refuse() -> tuple[str, ...]:
        raise HypervisorError("no connection")

    hypervisor.domain_names = refuse
    assert _look(lab, instance)["state"] == "Running"
    hypervisor.domain_names = names


def test_a_host_that_hangs_holds_nobody_up(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    hypervisor = lab.hosts["kvm1"].hypervisor
    names, may_go = hypervisor.domain_names, threading.Event()

    def hang() -> tuple[str, ...]:
        assert may_go.wait(30)
        return tuple(names())

    hypervisor.domain_names = hang
    began = time.monotonic()
    try:
        assert {_look(lab, instance)["state"] for _ in range(3)} == {"Running"}
    finally:
        may_go.set()
        hypervisor.domain_names = names
    assert time.monotonic() - began < 5


def test_what_is_being_done_with_an_instance_is_not_taken_for_its_end(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    hypervisor = lab.hosts["kvm1"].hypervisor
    attach, began, may_go = hypervisor.attach_device, threading.Event(), threading.Event()

    def wait_and_attach(domain: str, xml: str) -> None:
        began.set()
        assert may_go.wait(30)
        attach(domain, xml)

    hypervisor.attach_device = wait_and_attach
    started = lab.raw.call("scaleVirtualMachine", id=instance["id"], serviceofferingid=lab.fixed(1, 500, 512)).body
    assert began.wait(10)
    names = hypervisor.domain_names
    hypervisor.domain_names = tuple
    try:
        assert {_look(lab, instance)["state"] for _ in range(3)} == {"Running"}
    finally:
        hypervisor.domain_names = names
        may_go.set()
    assert lab.instance_of(lab.finished(started))["memory"] == 512
