"""Operations that take their time: what the API shows meanwhile, on either clock."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

import pytest

from harness.lab.api.lab_cloud import LabCloudError
from harness.lab.management.latency import Latencies, Operation
from harness.waiting import wait_until
from tests.lab.api.conftest import Lab, LabMaker

_LONG = 1000.0


def _state(lab: Lab, instance_id: str) -> str:
    return str(lab.api.listVirtualMachines(id=instance_id)["virtualmachine"][0]["state"])


def _in_state(lab: Lab, instance_id: str, state: str) -> None:
    wait_until(f"state {state}", lambda: _state(lab, instance_id), lambda seen: seen == state, 10, first_pause_s=0.002)


@pytest.mark.parametrize(
    ("operation", "command", "given", "state"),
    [
        (Operation.START, "startVirtualMachine", {}, "Starting"),
        (Operation.STOP, "stopVirtualMachine", {}, "Stopping"),
        (Operation.STOP, "stopVirtualMachine", {"forced": "true"}, "Stopping"),
        (Operation.REBOOT, "rebootVirtualMachine", {}, "Running"),
        (Operation.MIGRATE, "migrateVirtualMachine", {"autoselect": "true"}, "Migrating"),
        (Operation.SCALE, "scaleVirtualMachine", {}, "Running"),
        (Operation.DESTROY, "destroyVirtualMachine", {}, "Stopped"),
    ],
)
def test_an_operation_is_pending_and_its_instance_on_the_way(
    make_lab: LabMaker, operation: Operation, command: str, given: dict[str, Any], state: str
) -> None:
    lab = make_lab(latencies=Latencies({operation: (_LONG, _LONG)}))
    instance = lab.deploy(lab.fixed(), startvm="false") if state == "Starting" else lab.deploy(lab.fixed(), "kvm1")
    given = {**given, "virtualmachineid" if operation is Operation.MIGRATE else "id": instance["id"]}
    if operation is Operation.SCALE:
        given["serviceofferingid"] = lab.fixed(cpus=2)
    job = getattr(lab.api, command)(fetch_result=False, **given)
    _in_state(lab, instance["id"], state)
    shown = lab.api.queryAsyncJobResult(jobid=job["jobid"])
    assert (shown["jobstatus"], shown["jobprocstatus"]) == (0, 0)
    assert "jobresult" not in shown
    assert [each["jobid"] for each in lab.api.listAsyncJobs()["asyncjobs"]] == [job["jobid"]]
    assert lab.api.listAsyncJobs(startdate="2020-01-01")["count"] == 1
    assert lab.api.listAsyncJobs(startdate="2999-01-01") == {}
    # It would take a quarter of an hour; the end of the lab drops it at once.
    began = time.monotonic()
    lab.cloud.shutdown()
    assert time.monotonic() - began < 5
    assert all(host.hypervisor.domain_names() == () for host in lab.hosts.values())


def test_an_operation_takes_its_time(make_lab: LabMaker) -> None:
    lab = make_lab(latencies=Latencies({Operation.DEPLOY: (0.3, 0.3)}))
    began = time.monotonic()
    assert lab.deploy(lab.fixed())["state"] == "Running"
    assert time.monotonic() - began >= 0.3


def test_a_refused_operation_does_not_take_the_time_of_one_that_works(make_lab: LabMaker) -> None:
    lab = make_lab(latencies=Latencies({Operation.DEPLOY: (_LONG, _LONG)}))
    job = lab.run("deployVirtualMachine", **lab.place(lab.fixed(cpus=1, speed=9000)))
    assert job["jobstatus"] == 2


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")


def _seconds(job: dict[str, Any]) -> float:
    return (_moment(job["completed"]) - _moment(job["created"])).total_seconds()


def test_a_virtual_clock_shows_times_that_nobody_waited_for(make_lab: LabMaker) -> None:
    latencies = Latencies({Operation.DEPLOY: (2500, 2500), Operation.STOP: (600, 600), Operation.SCALE: (40, 40)})
    lab = make_lab(latencies=latencies, virtual_clock=True)
    began = time.monotonic()
    offering, larger = lab.fixed(), lab.fixed(cpus=2)
    place = lab.place(offering)
    started = [lab.api.deployVirtualMachine(fetch_result=False, **place) for _ in range(5)]
    deployed = [lab.finished(each) for each in started]
    # They begin within a moment of each other, so they run side by side.
    assert [_seconds(job) for job in deployed] == [2500] * 5
    instance_id = lab.instance_of(deployed[0])["id"]
    assert _seconds(lab.scale(instance_id, larger)) == 40
    stopped = lab.run("stopVirtualMachine", id=instance_id)
    assert _seconds(stopped) == 600
    newest = lab.api.listEvents(type="VM.STOP")["event"][0]
    assert newest["created"] == stopped["completed"]
    assert time.monotonic() - began < 10


def test_idle_time_passes_on_a_virtual_clock_only(make_lab: LabMaker) -> None:
    lab = make_lab(virtual_clock=True)
    before = _moment(lab.api.listHosts()["host"][0]["lastpinged"])
    lab.cloud.let_pass(24 * 3600)
    assert (_moment(lab.api.listHosts()["host"][0]["lastpinged"]) - before).days == 1
    with pytest.raises(LabCloudError, match="virtual"):
        make_lab().cloud.let_pass(1)


def test_a_scale_joins_the_one_that_still_takes_its_time(make_lab: LabMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.lab.management.waves._LONGEST_SECONDS", 0.0)
    lab = make_lab(latencies=Latencies({Operation.SCALE: (0.5, 0.5)}))
    instance = lab.deploy(lab.fixed(), "kvm1")
    first, second = [
        lab.api.scaleVirtualMachine(id=instance["id"], serviceofferingid=offering, fetch_result=False)
        for offering in [lab.fixed(cpus) for cpus in (2, 3)]
    ]
    assert [lab.instance_of(lab.finished(job))["cpunumber"] for job in (first, second)] == [2, 2]


def test_a_migrating_instance_counts_on_both_hosts_whenever_that_is_counted(make_lab: LabMaker) -> None:
    lab = make_lab(latencies=Latencies({Operation.MIGRATE: (_LONG, _LONG)}))
    instance = lab.deploy(lab.fixed(), "kvm1")
    there = lab.host_id("kvm2")
    lab.api.migrateVirtualMachine(virtualmachineid=instance["id"], hostid=there, fetch_result=False)
    _in_state(lab, instance["id"], "Migrating")
    assert lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]["hostid"] == there
    for period_ms in ("300000", "0"):
        lab.setting("capacity.check.period", period_ms)
        used = {host["name"]: host["cpuallocatedvalue"] for host in lab.api.listHosts(type="Routing")["host"]}
        assert used == {"kvm1": 500, "kvm2": 500, "kvm3": 0}
