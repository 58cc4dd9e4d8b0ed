"""The known defects DEF-01 to DEF-07: the lab shows each as it was seen on real servers, unless it is mended."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import Any

import pytest

from harness.reference.release import BEFORE, SINCE, Release
from harness.waiting import wait_until
from tests.lab.api.conftest import Entity, Lab, LabMaker

_MIB = 1 << 20
_RELEASES = [pytest.param(BEFORE, id="4.22"), pytest.param(SINCE, id="4.23")]
_MENDED = [pytest.param(release.values[0].mended, id=release.id) for release in _RELEASES]


def _unconstrained(lab: Lab, **given: Any) -> str:
    return str(lab.offering(customized="true", **given)["id"])


def _constrained(lab: Lab, **given: Any) -> str:
    ranges = {"mincpunumber": 1, "maxcpunumber": 4, "minmemory": 256, "maxmemory": 1024, "cpuspeed": 700}
    return str(lab.offering(customized="true", **{**ranges, **given})["id"])


def _sizes(cpus: int, speed: int, memory: int) -> dict[str, int]:
    return {"details[0].cpuNumber": cpus, "details[0].cpuSpeed": speed, "details[0].memory": memory}


def _send(lab: Lab, instance: Entity, offering_id: str, **details: int) -> Entity:
    return lab.raw.call("scaleVirtualMachine", id=instance["id"], serviceofferingid=offering_id, **details).body


def _shown(lab: Lab, instance: Entity) -> Entity:
    return dict(lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0])


def _scheduler(lab: Lab, host: str, instance: Entity) -> dict[str, int]:
    return dict(lab.hosts[host].hypervisor.scheduler_parameters(instance["instancename"]))


def _counts(lab: Lab, account: str = "admin") -> tuple[int, int]:
    found = lab.api.listAccounts(name=account, listall="true")["account"][0]
    return found["cputotal"], found["memorytotal"]


def _allocated(lab: Lab, host: str) -> tuple[int, int]:
    found = lab.api.listHosts(name=host)["host"][0]
    return found["cpuallocatedvalue"], found["memoryallocatedbytes"]


def _restarted(lab: Lab, instance: Entity) -> None:
    lab.instance_of(lab.run("stopVirtualMachine", id=instance["id"], forced="true"))
    lab.instance_of(lab.run("startVirtualMachine", id=instance["id"]))


# DEF-01


@pytest.mark.parametrize("release", _RELEASES)
def test_def_01_of_two_requests_at_once_the_second_is_counted_and_not_applied(
    make_lab: LabMaker, release: Release
) -> None:
    lab = make_lab(release)
    offering_id = _unconstrained(lab)
    instance = lab.deploy(offering_id, "kvm1", **_sizes(1, 500, 256))
    sent = [_send(lab, instance, offering_id, **_sizes(cpus, 500, memory)) for cpus, memory in ((2, 256), (4, 384))]
    for job in map(lab.finished, sent):
        assert (lab.instance_of(job)["cpunumber"], lab.instance_of(job)["memory"]) == (2, 256)
    assert "current='2'" in lab.xml("kvm1", instance)
    assert _counts(lab) == (1 + 1 + 3, 256 + 128)
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    assert _counts(lab) == (3, 128)


@pytest.mark.parametrize("release", _MENDED)
def test_def_01_mended_the_second_request_is_carried_out_after_the_first(make_lab: LabMaker, release: Release) -> None:
    lab = make_lab(release)
    offering_id = _unconstrained(lab)
    instance = lab.deploy(offering_id, "kvm1", **_sizes(1, 500, 256))
    sent = [_send(lab, instance, offering_id, **_sizes(cpus, 500, memory)) for cpus, memory in ((2, 256), (4, 384))]
    ends = [lab.instance_of(lab.finished(each)) for each in sent]
    assert (ends[1]["cpunumber"], ends[1]["memory"]) == (4, 384)
    assert "current='4'" in lab.xml("kvm1", instance)
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    assert _counts(lab) == (0, 0)


def test_def_01_a_request_that_comes_when_the_first_is_known_to_have_ended_is_applied(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    for cpus in (2, 3, 4):
        assert lab.instance_of(lab.scale(instance["id"], lab.fixed(cpus)))["cpunumber"] == cpus
    assert _counts(lab) == (4, 256)


def test_def_01_a_request_that_comes_later_than_any_scale_takes_is_applied(
    make_lab: LabMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.lab.management.waves._LONGEST_SECONDS", 0.0)
    lab = make_lab()
    instance = lab.deploy(lab.fixed(), "kvm1")
    _send(lab, instance, lab.fixed(2))
    # Nobody asks how it ended; that it no longer runs is no answer to that.
    wait_until("the first job", lab.api.listAsyncJobs, lambda listed: not listed, 30)
    second = _send(lab, instance, lab.fixed(3))
    assert lab.instance_of(lab.finished(second))["cpunumber"] == 3


def test_def_01_the_second_request_is_still_checked_and_fails_with_the_first(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    sent = [_send(lab, instance, lab.fixed(memory=memory)) for memory in (8192 - 256, 128, 384)]
    failed, down, joined = map(lab.finished, sent)
    assert failed["jobstatus"] == 2
    assert "Scaling down is not supported" in down["jobresult"]["errortext"]
    assert joined["jobstatus"] == 1, "a first request that never reached its host is nothing to wait for"

    tight = lab.deploy(lab.fixed(), "kvm1")
    lab.hosts["kvm1"].hypervisor.destroy(tight["instancename"])
    ends = [lab.finished(each) for each in [_send(lab, tight, lab.fixed(cpus)) for cpus in (2, 3)]]
    assert [end["jobresult"]["errortext"] for end in ends] == ["Unable to reconfigure VM."] * 2


# DEF-02


@pytest.mark.parametrize(
    ("mended", "host", "text"),
    [(False, "kvm2", "Unable to reconfigure VM."), (True, "kvm1", "Failed to scale the VM")],
)
def test_def_02_an_instance_that_cannot_grow_is_moved_for_nothing_unless_mended(
    make_lab: LabMaker, mended: bool, host: str, text: str
) -> None:
    lab = make_lab(SINCE.mended if mended else SINCE)
    instance = lab.deploy(lab.fixed(), "kvm1")
    job = lab.scale(instance["id"], lab.fixed(memory=5120))
    assert (job["jobresultcode"], job["jobresult"]["errortext"]) == (530, text)
    after = _shown(lab, instance)
    assert (after["hostname"], after["memory"], after["state"]) == (host, 256, "Running")


@pytest.mark.parametrize(
    ("mended", "host", "text"), [(False, "kvm2", "Unhandled exception"), (True, "kvm1", "Failed to scale the VM")]
)
def test_def_02_before_the_pull_request_for_the_ceilings_of_the_offering(
    make_lab: LabMaker, mended: bool, host: str, text: str
) -> None:
    lab = make_lab(BEFORE.mended if mended else BEFORE)
    instance = lab.deploy(
        _constrained(lab, maxmemory=512), "kvm1", **{"details[0].cpuNumber": 1, "details[0].memory": 256}
    )
    lab.deploy(lab.fixed(memory=3584), "kvm1")
    job = lab.scale(instance["id"], _constrained(lab), memory=768)
    assert (job["jobresultcode"], job["jobresult"]["errortext"]) == (530, text)
    assert _shown(lab, instance)["hostname"] == host


# DEF-03


@pytest.mark.parametrize(
    ("release", "saved", "shares", "quota"),
    [
        pytest.param(SINCE, "600", 1200, 3000, id="4.23"),
        pytest.param(SINCE.mended, "700", 1400, 3500, id="4.23 mended"),
        pytest.param(BEFORE, "700", 1400, 3500, id="4.22"),
    ],
)
def test_def_03_a_saved_speed_outlives_the_change_since_the_pull_request_unless_mended(
    make_lab: LabMaker, release: Release, saved: str, shares: int, quota: int
) -> None:
    lab = make_lab(release)
    instance = lab.deploy(_unconstrained(lab), "kvm1", **_sizes(1, 600, 256))
    target = _constrained(lab, limitcpuuse="true")
    scaled = lab.instance_of(lab.scale(instance["id"], target, cpuNumber=2, memory=512))
    assert (scaled["cpuspeed"], scaled["details"]["cpuSpeed"]) == (700, saved)
    assert _scheduler(lab, "kvm1", instance)["cpu_shares"] == 1400
    _restarted(lab, instance)
    seen = _scheduler(lab, "kvm1", instance)
    assert (seen["cpu_shares"], seen["vcpu_quota"]) == (shares, quota)


# DEF-04


@pytest.mark.parametrize(("mended", "live"), [(False, 1500), (True, 3000)])
def test_def_04_overcommit_halves_the_quota_of_a_live_scale_unless_mended(
    make_lab: LabMaker, mended: bool, live: int
) -> None:
    lab = make_lab(SINCE.mended if mended else SINCE)
    lab.setting("cpu.overprovisioning.factor", "2", clusterid=lab.cluster_id("cluster-a"))
    instance = lab.deploy(lab.fixed(limitcpuuse="true"), "kvm1")
    assert instance["details"] == {"cpuOvercommitRatio": "2", "memoryOvercommitRatio": "1.0"}
    lab.instance_of(lab.scale(instance["id"], lab.fixed(speed=600, limitcpuuse="true")))
    assert _scheduler(lab, "kvm1", instance)["vcpu_quota"] == live
    _restarted(lab, instance)
    assert _scheduler(lab, "kvm1", instance)["vcpu_quota"] == 3000


# DEF-05


def _guest_mib(lab: Lab, instance: Entity) -> int:
    answers = lab.hosts["kvm1"].hypervisor.snapshot(lambda domain: domain.guest_answers(), lambda _domain: False)
    return 128 * len(json.loads(answers[instance["instancename"]]["guest-get-memory-blocks"])["return"])


@pytest.mark.parametrize("release", _RELEASES)
def test_def_05_the_guest_sees_nothing_of_memory_that_is_no_whole_block(make_lab: LabMaker, release: Release) -> None:
    lab = make_lab(release)
    offering_id = _unconstrained(lab)
    instance = lab.deploy(offering_id, "kvm1", **_sizes(1, 500, 256))
    for memory in (300, 384, 500):
        assert lab.instance_of(lab.scale(instance["id"], offering_id, memory=memory))["memory"] == memory
        assert f"<memory unit='KiB'>{memory * 1024}</memory>" in lab.xml("kvm1", instance)
        assert _guest_mib(lab, instance) == 256
    job = lab.scale(instance["id"], offering_id, memory=513)
    assert (job["jobresultcode"], job["jobresult"]["errortext"]) == (530, release.agent_failure)


@pytest.mark.parametrize("release", _MENDED)
def test_def_05_mended_what_the_guest_could_not_use_is_refused(make_lab: LabMaker, release: Release) -> None:
    lab = make_lab(release)
    offering_id = _unconstrained(lab)
    instance = lab.deploy(offering_id, "kvm1", **_sizes(1, 500, 256))
    for memory in (257, 300):
        job = lab.scale(instance["id"], offering_id, memory=memory)
        assert job["jobresultcode"] == 431
        assert "grows by multiples of 128 MB" in job["jobresult"]["errortext"]
        assert (_shown(lab, instance)["memory"], _guest_mib(lab, instance)) == (256, 256)
    assert lab.instance_of(lab.scale(instance["id"], offering_id, memory=384))["memory"] == 384
    assert _guest_mib(lab, instance) == 384


# DEF-06


def _together(lab: Lab, instances: list[Entity], offering_id: str, memory: int) -> list[Entity]:
    """Scale instances of one host at once: none is done on the host before the last is about to be, or is refused."""
    barrier = threading.Barrier(len(instances))
    hypervisor = lab.hosts[instances[0]["hostname"]].hypervisor
    attach = hypervisor.attach_device

    def attach_together(domain: str, device_xml: str) -> None:
        # Broken where the others were refused before they came here.
        with contextlib.suppress(threading.BrokenBarrierError):
            barrier.wait(2)
        attach(domain, device_xml)

    hypervisor.attach_device = attach_together
    started = [_send(lab, each, offering_id, **_sizes(1, 500, memory)) for each in instances]
    return [lab.finished(each) for each in started]


def _pair_in_cluster_b(lab: Lab, offering_id: str) -> list[Entity]:
    lab.setting("cluster.memory.allocated.capacity.disablethreshold", "0.95", clusterid=lab.cluster_id("cluster-b"))
    return [lab.deploy(offering_id, "kvm3", **_sizes(1, 500, 256)) for _ in range(2)]


@pytest.mark.parametrize(
    ("release", "statuses", "allocated"),
    [
        pytest.param(SINCE, [1, 2], (500, 5_242_880_000), id="4.23"),
        pytest.param(BEFORE, [1, 1], (1000, 5_779_750_912), id="4.22"),
    ],
)
def test_def_06_two_that_grow_at_once_into_room_for_one_overfill_the_host(
    make_lab: LabMaker, release: Release, statuses: list[int], allocated: tuple[int, int]
) -> None:
    lab = make_lab(release)
    offering_id = _unconstrained(lab)
    pair = _pair_in_cluster_b(lab, offering_id)
    jobs = _together(lab, pair, offering_id, 5000)
    assert sorted(job["jobstatus"] for job in jobs) == statuses
    for job in jobs:
        if job["jobstatus"] == 2:
            assert job["jobresult"]["errortext"] == release.agent_failure
    assert [_shown(lab, instance)["memory"] for instance in pair] == [5000, 5000]
    assert _allocated(lab, "kvm3") == allocated


@pytest.mark.parametrize("release", _MENDED)
def test_def_06_mended_the_second_stays_as_it_is(make_lab: LabMaker, release: Release) -> None:
    lab = make_lab(release)
    offering_id = _unconstrained(lab)
    pair = _pair_in_cluster_b(lab, offering_id)
    jobs = _together(lab, pair, offering_id, 4992)
    assert sorted(job["jobstatus"] for job in jobs) == [1, 2]
    (refused,) = (job for job in jobs if job["jobstatus"] == 2)
    assert (refused["jobresultcode"], refused["jobresult"]["errortext"]) == (530, "Failed to scale the VM")
    assert sorted(_shown(lab, instance)["memory"] for instance in pair) == [256, 4992]
    assert _allocated(lab, "kvm3") == (1000, (256 + 4992) * _MIB)
    assert _counts(lab) == (2, 256 + 4992)


def test_def_06_mended_room_that_a_failed_scale_took_is_given_back(make_lab: LabMaker) -> None:
    lab = make_lab(SINCE.mended)
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.hosts["kvm1"].hypervisor.destroy(instance["instancename"])
    assert lab.scale(instance["id"], lab.fixed(2))["jobstatus"] == 2
    assert _allocated(lab, "kvm1") == (500, 256 * _MIB)


# DEF-07


@pytest.mark.parametrize("release", _RELEASES)
@pytest.mark.parametrize("mended", [False, True])
def test_def_07_a_scale_is_counted_for_whoever_asked_unless_mended(
    make_lab: LabMaker, release: Release, mended: bool
) -> None:
    lab = make_lab(release.mended if mended else release)
    lab.cloud.add_user("owner")
    domain_id = lab.api.listDomains()["domain"][0]["id"]
    offering_id = _unconstrained(lab)
    instance = lab.deploy(offering_id, "kvm1", account="owner", domainid=domain_id, **_sizes(1, 500, 256))
    lab.instance_of(lab.scale(instance["id"], offering_id, cpuNumber=2))
    assert (_counts(lab, "owner")[0], _counts(lab)[0]) == ((2, 0) if mended else (1, 1))
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    assert (_counts(lab, "owner")[0], _counts(lab)[0]) == ((0, 0) if mended else (-1, 1))
