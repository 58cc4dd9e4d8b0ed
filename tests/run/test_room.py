"""Fillers leave what they are told to, thresholds are crossed when they are meant to, and lacks are named."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cloud.entities import InstanceRecord
from harness.reference.capacity import crosses_threshold
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Size
from harness.reference.scaling import predict
from harness.reference.settings import AUTO_MIGRATE, CPU_OVERCOMMIT, CPU_THRESHOLD, MEMORY_OVERCOMMIT, MEMORY_THRESHOLD
from harness.run.permits import CannotArrangeError
from harness.run.reserved_room import worlds_with_reserved
from harness.run.room import (
    Room,
    cases_at_once,
    cpu_fillers,
    cpu_threshold_below,
    free_mhz,
    free_mib,
    memory_filler,
    require_arranged,
    total_mib,
)
from harness.run.stage import Stage
from harness.verify.domain import seen_domain
from harness.waiting import wait_until
from tests.reference.worlds import fixed, running, settings_with, world

GROWN = Size(2, 500, 512)


def test_a_filler_leaves_just_the_memory_it_is_told_to() -> None:
    there = world(small_used_mib=1000)
    assert free_mib(there, "h1") - memory_filler(there, there.host("h1"), 512).memory_mib == 512


@given(
    used=st.integers(0, 15_000),
    left=st.integers(0, 15_000),
    overcommit=st.sampled_from(["1.0", "1.5", "3.0"]),
)
def test_cpu_fillers_leave_hardly_less_than_they_are_told_to(used: int, left: int, overcommit: str) -> None:
    there = world(settings=settings_with({CPU_OVERCOMMIT: overcommit}), small_used_mhz=used)
    host = there.host("h1")
    if free_mhz(there, "h1") <= left:
        with pytest.raises(CannotArrangeError, match=rf"needs {left + 1} MHz free on host kvm1; has"):
            cpu_fillers(there, host, left)
        return
    sizes = cpu_fillers(there, host, left)
    rest = free_mhz(there, "h1") - sum(size.cpu_mhz for size in sizes)
    assert left - sum(size.cpus for size in sizes) < rest <= left
    assert all(size.cpus <= host.cpus and size.speed_mhz <= host.speed_mhz for size in sizes)


def test_cpu_fillers_need_memory_too() -> None:
    there = world(small_used_mib=4000)
    with pytest.raises(CannotArrangeError, match=r"needs 256 MiB free on host kvm1; has 96"):
        cpu_fillers(there, there.host("h1"), 500)


def test_overcommit_counts_into_what_a_host_can_give() -> None:
    there = world(settings=settings_with({"mem.overprovisioning.factor": "2.0"}))
    assert total_mib(there, there.host("h1")) == 2 * 4096


@given(used=st.integers(0, 16_000), growth=st.integers(10, 2_000), overcommit=st.sampled_from(["1.0", "2.0"]))
def test_a_threshold_lies_between_what_is_allocated_and_what_would_be(used: int, growth: int, overcommit: str) -> None:
    there = world(settings=settings_with({CPU_OVERCOMMIT: overcommit}), small_used_mhz=used)
    threshold = cpu_threshold_below(there, "a", growth)
    settings = settings_with({CPU_OVERCOMMIT: overcommit, CPU_THRESHOLD: threshold})
    assert not crosses_threshold(there.hosts, settings, "a", 0, 0)
    assert crosses_threshold(there.hosts, settings, "a", growth, 0)


@pytest.mark.parametrize(
    ("cluster", "used_mib", "room", "says"),
    [
        ({CPU_THRESHOLD: "0.001"}, 0, Room.ON_THE_HOST, "are allocated, 0% and 85% may be"),
        ({CPU_THRESHOLD: "0.001"}, 0, Room.NOT_ON_THE_HOST, "below its allocation thresholds"),
        ({}, 0, Room.CLUSTER_TOO_FULL, "it is below it all the same"),
        ({}, 4000, Room.ON_THE_HOST, "from 1 x 500 MHz and 256 MiB to 2 x 500 MHz and 512 MiB; kvm1 has 8 CPUs"),
        ({AUTO_MIGRATE: "false"}, 4000, Room.ON_THE_HOST, "needs room for the growth"),
        ({}, 0, Room.NOT_ON_THE_HOST, "it has room all the same"),
    ],
)
def test_what_was_not_arranged_is_named(cluster: dict[str, str], used_mib: int, room: Room, says: str) -> None:
    there = world(settings=settings_with(cluster), small_used_mib=used_mib)
    instance = running(there, fixed(1, 500, 256, name="old"))
    prediction = predict(there, instance, fixed(2, 500, 512), NO_PARAMETERS)
    with pytest.raises(CannotArrangeError, match=says):
        require_arranged(there, instance, GROWN, prediction, room)


@pytest.mark.parametrize(
    ("cluster", "used_mib", "room"),
    [
        ({CPU_THRESHOLD: "0.001"}, 0, Room.CLUSTER_TOO_FULL),
        ({}, 0, Room.ON_THE_HOST),
        ({}, 4000, Room.NOT_ON_THE_HOST),
    ],
)
def test_what_was_arranged_is_taken(cluster: dict[str, str], used_mib: int, room: Room) -> None:
    there = world(settings=settings_with(cluster), small_used_mib=used_mib)
    instance = running(there, fixed(1, 500, 256, name="old"))
    prediction = predict(there, instance, fixed(2, 500, 512), NO_PARAMETERS)
    require_arranged(there, instance, GROWN, prediction, room)


@pytest.mark.parametrize("room", list(Room))
def test_a_refusal_before_any_host_is_looked_at_needs_no_room(room: Room) -> None:
    there = world()
    instance = running(there, replace(fixed(2, 500, 256), name="old", id="old"))
    prediction = predict(there, instance, fixed(1, 500, 256), CustomParameters())
    require_arranged(there, instance, GROWN, prediction, room)


@pytest.mark.parametrize(
    ("settings", "used_mib", "at_once"),
    [
        # 4096 MiB, of which 85 % may be allocated, are four shares of 768; 16000 MHz would be four, too.
        ({}, 0, 4),
        ({}, 1300, 2),
        ({"mem.overprovisioning.factor": "2.0"}, 0, 4),
        ({"mem.overprovisioning.factor": "2.0", "cpu.overprovisioning.factor": "2.0"}, 0, 9),
        ({MEMORY_THRESHOLD: "0.5"}, 0, 2),
        ({CPU_THRESHOLD: "0.1"}, 0, 1),
        ({}, 4096, 1),
    ],
)
def test_so_many_cases_share_a_host_that_none_lacks_room(settings: dict[str, str], used_mib: int, at_once: int) -> None:
    there = world(settings=settings_with(settings), small_used_mib=used_mib)
    assert cases_at_once(there, there.host("h1")) == at_once


def test_a_case_that_shares_its_host_takes_no_more_than_its_share(stage: Stage) -> None:
    stage.shares_home = True
    speed = stage.speed(0.5)
    instance = stage.instance(stage.fixed(1, speed, 256))
    assert instance.scale(stage.fixed(3, speed, 768)).job.succeeded
    with pytest.raises(RuntimeError, match=r"may take 1\.5 CPUs and 768 MiB of it: mark it alone"):
        stage.instance(stage.fixed(1, speed, 256))
    assert len(stage.session.api.list("listVirtualMachines", "virtualmachine", listall=True)) == 1


def test_a_growth_beyond_the_share_is_not_asked_for(stage: Stage) -> None:
    stage.shares_home = True
    instance = stage.instance(stage.fixed(1, 500, 256))
    with pytest.raises(RuntimeError, match="mark it alone"):
        instance.scale(stage.fixed(1, 500, 896))
    assert instance.verify().instance_name == instance.record.instance_name
    assert instance.record.memory_mib == 256


@pytest.mark.parametrize("has_the_books", [False, True], ids=["others are there", "nobody else is there"])
def test_a_refusal_for_room_that_others_took_meanwhile_is_no_finding(stage: Stage, has_the_books: bool) -> None:
    stage.has_the_books = has_the_books
    stage.setting(AUTO_MIGRATE, "false")
    stage.setting(MEMORY_THRESHOLD, "1.0")
    instance = stage.instance(stage.fixed(1, 500, 256))
    request = instance.request(stage.fixed(1, 500, 1280))
    stage.leave_memory_mib(512)
    if has_the_books:
        assert not request.send().finish().job.succeeded
        assert any(finding.what == "job" for finding in stage.comparison.findings)
        return
    with pytest.raises(CannotArrangeError, match="nobody else takes meanwhile; 'Failed to scale the VM' is right"):
        request.send().finish()
    assert stage.comparison.findings == ()


def test_a_refusal_that_no_lack_of_room_explains_is_a_finding_beside_others_too(stage: Stage) -> None:
    stage.has_the_books = False
    offering = stage.fixed(1, 500, 512)
    request = stage.instance(stage.fixed(1, 500, 256)).request(offering)
    stage.made_inactive(offering)
    assert not request.send().finish().job.succeeded
    assert any(finding.what == "job" for finding in stage.comparison.findings)


def test_a_growth_into_what_is_only_reserved_for_a_stopped_instance_is_no_finding(stage: Stage) -> None:
    stage.has_the_books = True
    stage.setting(AUTO_MIGRATE, "false")
    stage.setting(MEMORY_THRESHOLD, "1.0")
    stopped, instance = (stage.instance(stage.fixed(1, 500, 256)) for _ in range(2))
    stage.leave_memory_mib(128)
    stopped.stop()
    with pytest.raises(CannotArrangeError, match=r"has 1 stopped instances, and 'Unable to reconfigure VM\.'"):
        instance.scale_without_room(stage.fixed(1, 500, 512))
    assert stage.comparison.findings == ()


def test_a_growth_into_what_is_still_reserved_for_one_that_is_gone_is_no_finding(stage: Stage) -> None:
    stage.has_the_books = True
    stage.setting(AUTO_MIGRATE, "false")
    stage.setting(MEMORY_THRESHOLD, "1.0")
    gone, instance = (stage.instance(stage.fixed(1, 500, 256)) for _ in range(2))
    stage.leave_memory_mib(128)
    gone.stop()
    request = instance.request(stage.fixed(1, 500, 512), room=Room.NOT_ON_THE_HOST).send()
    request.wait()
    # On a real server a host was seen to keep room for an instance that was gone. Here it goes before anybody asks.
    stage.session.api.call("destroyVirtualMachine", id=gone.id, expunge="true")
    wait_until("it to be gone", lambda: gone.id in str(_instances(stage)), lambda there: not there, 20)
    with pytest.raises(CannotArrangeError, match=r"has 0 stopped instances, and 'Unable to reconfigure VM\.'"):
        request.finish_alone()
    assert stage.comparison.findings == ()


def _instances(stage: Stage) -> list[dict[str, object]]:
    return stage.session.api.list("listVirtualMachines", "virtualmachine", listall=True)


def test_what_no_reserved_capacity_explains_stays_a_finding(stage: Stage) -> None:
    stopped, instance = (stage.instance(stage.fixed(1, 500, 256)) for _ in range(2))
    stopped.stop()
    offering = stage.fixed(1, 500, 512)
    request = instance.request(offering)
    stage.made_inactive(offering)
    assert not request.send().finish().job.succeeded
    assert any(finding.what == "job" for finding in stage.comparison.findings)


@pytest.mark.parametrize(
    ("counted_mib", "stopped_mib", "reserved_mib"),
    [
        (256, (256,), []),
        (512, (256,), [256]),
        (512, (512,), []),
        (1024, (256, 512), [256, 512, 768]),
        (768, (256, 512), [256, 512]),
    ],
)
def test_reserved_can_be_what_is_counted_beyond_what_runs_as_far_as_stopped_instances_have_it(
    counted_mib: int, stopped_mib: tuple[int, ...], reserved_mib: list[int]
) -> None:
    there = world(small_used_mib=counted_mib, small_used_mhz=8000)
    records = [
        InstanceRecord(
            id=str(number),
            name="n",
            instancename="i-1-1-VM",
            state="Stopped",
            zoneid="z",
            serviceofferingid="o",
            cpunumber=1,
            cpuspeed=500,
            memory=memory_mib,
            isdynamicallyscalable=True,
        )
        for number, memory_mib in enumerate(stopped_mib)
    ]
    worlds = [each.host("h1") for each in worlds_with_reserved(there, running(there, fixed(1, 500, 256)), [], records)]
    assert [host.reserved_memory_bytes // 2**20 for host in worlds] == reserved_mib
    assert {host.used_memory_bytes + host.reserved_memory_bytes for host in worlds} <= {counted_mib * 2**20}


@pytest.mark.parametrize(("overcommit", "literal"), [("1.0", True), ("1.5", False)])
def test_sizes_in_kib_are_promised_without_memory_overcommit_only(stage: Stage, overcommit: str, literal: bool) -> None:
    stage.setting(MEMORY_OVERCOMMIT, overcommit)
    instance = stage.instance(stage.fixed(1, 500, 256))
    assert stage.starts_with(seen_domain(instance.verify()), 1, 262144)
    assert not stage.starts_with(seen_domain(instance.verify()), 2, 262144)
    assert stage.starts_with(seen_domain(instance.verify()), 1, 262145) is not literal
    scaled = instance.scale(stage.fixed(2, 500, 512))
    assert scaled.grew_to(2, 262144)
    assert not scaled.grew_to(1, 262144)
    assert scaled.grew_to(2, 131072) is not literal
    assert stage.comparison.findings == ()


@pytest.mark.parametrize(("overcommit", "literal"), [("1.0", True), ("2.0", False)])
def test_a_quota_by_the_speed_is_promised_without_cpu_overcommit_only(
    stage: Stage, overcommit: str, literal: bool
) -> None:
    stage.setting(CPU_OVERCOMMIT, overcommit)
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    free = instance.scale(stage.fixed(1, stage.speed(0.5), 256))
    assert free.limits_cpu_to(None, None)
    assert free.limits_cpu_to(2500, 10000) is not literal
    capped = instance.scale(stage.fixed(1, stage.speed(0.5), 256, cap=True))
    assert capped.limits_cpu_to(5000, 10000)
    assert capped.limits_cpu_to(2600, 10000) is not literal
    assert not capped.limits_cpu_to(None, None)
    removed = instance.scale(stage.fixed(1, stage.speed(0.5), 256))
    assert removed.limits_cpu_to(17592186044415, 10000)
    assert not removed.limits_cpu_to(None, None)
    assert stage.comparison.findings == ()
