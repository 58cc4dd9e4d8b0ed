"""A fresh cloud behind the same address."""

from __future__ import annotations

import threading

import pytest
from cs import CloudStackApiException

from harness.lab.management.errors import FAULT
from harness.lab.management.latency import Latencies, Operation
from harness.reference.release import BEFORE
from harness.waiting import wait_until
from tests.lab.api.conftest import Lab, LabMaker


def _names(lab: Lab) -> set[str]:
    return {name for host in lab.hosts.values() for name in host.hypervisor.domain_names()}


def test_nothing_is_left_and_the_same_clients_go_on(lab: Lab) -> None:
    endpoint, keys, zone_id = lab.cloud.endpoint, lab.cloud.admin, lab.zone_id
    lab.deploy(lab.fixed())
    lab.setting("kvm.cpu.dynamic.scaling.capacity", "4")
    lab.cloud.add_user("ann")
    lab.keys_of(lab.api.listUsers(username="admin")["user"][0]["id"])
    lab.cloud.reset()
    assert (lab.cloud.endpoint, lab.cloud.admin) == (endpoint, keys)
    assert lab.zone_id != zone_id
    assert lab.api.listVirtualMachines(listall="true") == {}
    assert [account["name"] for account in lab.api.listAccounts(listall="true")["account"]] == ["admin"]
    assert lab.api.listAsyncJobs() == {}
    (setting,) = lab.api.listConfigurations(name="kvm.cpu.dynamic.scaling.capacity")["configuration"]
    assert setting["value"] == "0"
    assert {host["memoryallocated"] for host in lab.api.listHosts()["host"]} == {0}
    assert _names(lab) == set()
    # Names and numbers begin anew too.
    lab.setting("enable.dynamic.scale.vm", "true")
    assert lab.deploy(lab.fixed())["instancename"] == "i-2-1-VM"


def test_the_release_can_be_another_one(lab: Lab) -> None:
    lab.cloud.reset(BEFORE)
    assert lab.api.listCapabilities()["capability"]["cloudstackversion"] == "4.22.0.0"
    lab.cloud.reset()
    assert lab.api.listCapabilities()["capability"]["cloudstackversion"] == "4.22.0.0"


@pytest.mark.parametrize("virtual_clock", [False, True])
def test_jobs_are_dropped_and_leave_no_domain(make_lab: LabMaker, virtual_clock: bool) -> None:
    # On a virtual clock nothing would wait for so long, but for the jobs that come in all the time.
    lab = make_lab(latencies=Latencies({Operation.DEPLOY: (1e6, 1e6)}), virtual_clock=virtual_clock)
    place = lab.place(lab.fixed())
    for _ in range(3):
        lab.api.deployVirtualMachine(fetch_result=False, **place)
    if not virtual_clock:
        wait_until("three domains", lambda: len(_names(lab)), lambda seen: seen == 3, 10, first_pause_s=0.002)
    lab.cloud.reset()
    assert _names(lab) == set()
    assert lab.api.listVirtualMachines(listall="true") == {}


def test_requests_during_a_reset_are_answered_by_the_old_cloud_or_the_new(lab: Lab) -> None:
    """Never with a fault of the lab's own, and no connection is lost."""
    faults: list[str] = []
    stop = threading.Event()

    def knock() -> None:
        while not stop.is_set():
            try:
                place = lab.place(lab.fixed())
                lab.api.deployVirtualMachine(fetch_result=False, **place)
            except CloudStackApiException as refusal:
                if FAULT in str(refusal):
                    faults.append(str(refusal))

    knocking = threading.Thread(target=knock)
    knocking.start()
    for _ in range(20):
        lab.cloud.reset()
    stop.set()
    knocking.join()
    assert faults == []
    lab.cloud.reset()
    assert _names(lab) == set()
