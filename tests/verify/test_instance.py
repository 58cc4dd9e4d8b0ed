"""Each thing that is compared is caught when it differs, and nothing is caught when nothing does."""

from dataclasses import replace

import pytest

from harness.cloud.client import ApiError
from harness.cloud.entities import InstanceRecord, read
from harness.cloud.jobs import JobResult
from harness.hosts.observation import (
    Absent,
    CgroupView,
    DomainView,
    GuestView,
    NotSeen,
    Observation,
    SchedulerView,
    Topology,
    VcpuBandwidth,
    VcpuCounts,
)
from harness.reference import refusals, rules
from harness.reference.domain import Domain
from harness.reference.refusal import Refusal
from harness.verify.domain import NotVerifiedError, is_prepared, seen_domain
from harness.verify.finding import Layer
from harness.verify.instance import (
    ExpectedInstance,
    compare_absence,
    compare_answer,
    compare_job,
    compare_observation,
    compare_record,
    compare_refusal,
    compare_silent_guest,
    guest_has_settled,
)
from harness.waiting import DeadlineExpired
from tests.reference.worlds import fixed, running, world

DOMAIN: Domain = running(world(), fixed(2, 500, 512, cap=True)).domain


def _agreeing(domain: Domain = DOMAIN) -> Observation:
    """What a host shows when it agrees with `domain`."""
    view = DomainView(
        memory_kib=domain.memory_kib,
        current_memory_kib=domain.memory_kib,
        max_memory_kib=domain.max_memory_kib,
        memory_slots=16,
        vcpus=domain.vcpus,
        max_vcpus=domain.max_vcpus,
        numa_cpus=domain.numa_cpus,
        numa_memory_kib=domain.boot_memory_kib,
        topology=Topology(domain.topology.sockets, domain.topology.cores, domain.topology.threads),
        shares=domain.shares,
        quota_us=domain.quota_us,
        period_us=domain.period_us,
        dimms_kib=domain.dimms_kib,
        xml="<domain/>",
    )
    limit = VcpuBandwidth(domain.scheduler_quota_us, domain.scheduler_period_us)
    return Observation(
        instance_name="i-2-3-VM",
        host="kvm1",
        transport="ssh",
        domain=view,
        scheduler=SchedulerView(domain.shares, domain.scheduler_period_us, domain.scheduler_quota_us),
        cgroup=CgroupView(1, domain.shares, dict.fromkeys(range(domain.vcpus), limit)),
        vcpus=VcpuCounts(domain.vcpus, domain.max_vcpus),
        guest=GuestView(domain.vcpus, domain.guest_memory_mib),
    )


AGREEING = _agreeing()


def test_an_observation_that_agrees_has_no_finding_and_was_seen_on_every_host_layer() -> None:
    comparison = compare_observation(DOMAIN, AGREEING)
    assert comparison.findings == ()
    assert comparison.seen == {Layer.DOMAIN, Layer.SCHEDULER, Layer.GUEST}
    assert comparison.not_verified == {}


@pytest.mark.parametrize(
    ("part", "changes", "what"),
    [
        ("domain", {"memory_kib": 1}, "memory in KiB"),
        ("domain", {"current_memory_kib": 1}, "currentMemory in KiB"),
        ("domain", {"max_memory_kib": None}, "maxMemory in KiB"),
        ("domain", {"memory_slots": 15}, "maxMemory slots"),
        ("domain", {"numa_cpus": "0-3"}, "NUMA cell's vCPUs"),
        ("domain", {"numa_memory_kib": 1}, "NUMA cell's memory in KiB"),
        ("domain", {"vcpus": 3}, "current vCPUs"),
        ("domain", {"max_vcpus": 3}, "maximum vCPUs"),
        ("domain", {"topology": None}, "sockets x cores x threads"),
        ("domain", {"topology": Topology(8, 1, 1)}, "sockets x cores x threads"),
        ("domain", {"dimms_kib": (1024,)}, "DIMMs in KiB"),
        ("domain", {"shares": 1}, "shares"),
        ("domain", {"quota_us": None}, "quota in us"),
        ("domain", {"period_us": 1}, "period in us"),
        ("scheduler", {"shares": 1}, "cpu_shares"),
        ("scheduler", {"quota_us": -1}, "vcpu_quota in us"),
        ("scheduler", {"period_us": 1}, "vcpu_period in us"),
        ("cgroup", {"weight": 1}, "weight"),
        ("vcpus", {"current": 1}, "live vCPUs"),
        ("vcpus", {"maximum": 1}, "live maximum of vCPUs"),
        ("guest", {"online_cpus": 1}, "online CPUs"),
        ("guest", {"online_memory_mib": 1}, "online memory in MiB"),
    ],
)
def test_each_part_that_differs_is_one_finding(part: str, changes: dict[str, object], what: str) -> None:
    view = replace(getattr(AGREEING, part), **changes)
    comparison = compare_observation(DOMAIN, replace(AGREEING, **{part: view}))
    assert [finding.what for finding in comparison.findings] == [what]


def test_every_vcpus_own_cgroup_is_compared() -> None:
    limits = {0: VcpuBandwidth(2500, 10000), 1: VcpuBandwidth(-1, 10000)}
    comparison = compare_observation(DOMAIN, replace(AGREEING, cgroup=CgroupView(1, 1000, limits)))
    assert [finding.what for finding in comparison.findings] == ["quota of vCPU 1 in us"]
    one_missing = replace(AGREEING, cgroup=CgroupView(1, 1000, {0: VcpuBandwidth(2500, 10000)}))
    assert [finding.what for finding in compare_observation(DOMAIN, one_missing).findings] == ["vCPUs with a cgroup"]


UNCAPPED = running(world(), fixed(1, 500, 512)).domain
CAP_REMOVED = replace(UNCAPPED, quota_us=17592186044415, period_us=10000)


def _with_quota(domain: Domain, version: int, schedinfo_us: int, file_us: int) -> Observation:
    seen = _agreeing(domain)
    limits = {0: VcpuBandwidth(file_us, domain.scheduler_period_us)}
    scheduler = SchedulerView(domain.shares, domain.scheduler_period_us, schedinfo_us)
    return replace(seen, scheduler=scheduler, cgroup=CgroupView(version, domain.shares, limits))


def test_no_quota_and_the_largest_one_are_the_same_on_cgroup_v2_only() -> None:
    for domain in (UNCAPPED, CAP_REMOVED):
        for quota in (-1, 17592186044415):
            assert compare_observation(domain, _with_quota(domain, 2, quota, -1)).findings == ()
    assert len(compare_observation(UNCAPPED, _with_quota(UNCAPPED, 1, 17592186044415, -1)).findings) == 1
    assert len(compare_observation(CAP_REMOVED, _with_quota(CAP_REMOVED, 1, 17592186044415, -1)).findings) == 1
    assert len(compare_observation(UNCAPPED, _with_quota(UNCAPPED, 2, 5000, -1)).findings) == 1
    assert len(compare_observation(CAP_REMOVED, _with_quota(CAP_REMOVED, 2, -1, 5000)).findings) == 1


@pytest.mark.parametrize(
    ("part", "layer"),
    [
        ("domain", Layer.DOMAIN),
        ("scheduler", Layer.SCHEDULER),
        ("cgroup", Layer.SCHEDULER),
        ("vcpus", Layer.DOMAIN),
        ("guest", Layer.GUEST),
    ],
)
def test_what_could_not_be_seen_is_never_taken_for_seen(part: str, layer: Layer) -> None:
    comparison = compare_observation(DOMAIN, replace(AGREEING, **{part: NotSeen("the reason")}))
    assert comparison.findings == ()
    assert layer not in comparison.seen
    assert comparison.not_verified == {layer: "the reason"}


def test_a_transport_without_files_sees_the_scheduler_by_libvirts_report() -> None:
    unread = replace(AGREEING, transport="libvirt", cgroup=NotSeen("no files"))
    assert Layer.SCHEDULER in compare_observation(DOMAIN, unread).seen


def test_a_missing_domain_is_a_finding_where_it_must_be_and_right_where_it_left() -> None:
    gone = replace(AGREEING, domain=Absent())
    assert [finding.observed for finding in compare_observation(DOMAIN, gone).findings] == ["absent"]
    assert compare_absence(gone).findings == ()
    assert [finding.observed for finding in compare_absence(AGREEING).findings] == ["present"]
    assert compare_absence(replace(AGREEING, domain=NotSeen("no"))).seen == frozenset()


EXPECTED = ExpectedInstance(
    state="Running",
    offering_id="o",
    size=running(world(), fixed(2, 500, 512)).size,
    flag=True,
    host_ids=("h1",),
    placed_by=rules.IN_PLACE,
    sized_by=rules.IN_PLACE,
)
ANSWER = {
    "id": "1",
    "name": "n",
    "instancename": "i-2-3-VM",
    "state": "Running",
    "zoneid": "z",
    "hostid": "h1",
    "hostname": "kvm1",
    "serviceofferingid": "o",
    "cpunumber": 2,
    "cpuspeed": 500,
    "memory": 512,
    "isdynamicallyscalable": True,
}


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("state", "Stopped", "state"),
        ("serviceofferingid", "x", "service offering"),
        ("cpunumber", 1, "vCPUs"),
        ("cpuspeed", 1, "speed in MHz"),
        ("memory", 1, "memory in MiB"),
        ("isdynamicallyscalable", False, "instance flag"),
        ("hostid", "h2", "host"),
    ],
)
def test_each_field_of_the_api_that_differs_is_one_finding(field: str, value: object, what: str) -> None:
    assert compare_record(EXPECTED, read(InstanceRecord, ANSWER)).findings == ()
    wrong = read(InstanceRecord, ANSWER | {field: value})
    assert [finding.what for finding in compare_record(EXPECTED, wrong).findings] == [what]


SUCCESS = JobResult("j", True, 0, "", {}, 1.0)
FAILURE = JobResult("j", False, 530, "Failed to scale the VM", {}, 1.0)
REFUSAL = Refusal(530, "Failed to scale the VM", refusals.NO_DESTINATION)


def test_a_job_must_end_as_predicted_to_the_letter() -> None:
    assert compare_job(None, SUCCESS).findings == ()
    assert compare_job(REFUSAL, FAILURE).findings == ()
    assert len(compare_job(None, FAILURE).findings) == 1
    assert len(compare_job(REFUSAL, SUCCESS).findings) == 1
    assert len(compare_job(REFUSAL, replace(FAILURE, code=431)).findings) == 1
    assert len(compare_job(REFUSAL, replace(FAILURE, text="Failed to scale the VM.")).findings) == 1


def _refuse(code: int) -> None:
    raise ApiError("updateConfiguration", code, None, REFUSAL.text)


def test_an_answer_that_must_be_refused_is_a_finding_where_it_is_not() -> None:
    assert compare_refusal(REFUSAL, lambda: _refuse(530)).findings == ()
    assert len(compare_refusal(REFUSAL, lambda: _refuse(431)).findings) == 1
    assert [finding.observed for finding in compare_refusal(REFUSAL, lambda: None).findings] == ["accepted"]


def test_an_answer_that_must_be_given_is_a_finding_where_it_is_refused() -> None:
    assert compare_answer(None, lambda: None, REFUSAL.rule).findings == ()
    (finding,) = compare_answer(None, lambda: _refuse(530), REFUSAL.rule).findings
    assert (finding.expected, finding.observed) == ("accepted", "530 Failed to scale the VM")


def test_a_stopped_instance_must_be_on_no_host() -> None:
    expected = replace(EXPECTED, host_ids=())
    (finding,) = compare_record(expected, read(InstanceRecord, ANSWER)).findings
    assert (finding.what, finding.expected, finding.observed) == ("host", "none", "h1")
    nowhere = {key: value for key, value in ANSWER.items() if key != "hostid"}
    assert compare_record(expected, read(InstanceRecord, nowhere)).findings == ()


def test_a_guest_that_fell_silent_is_a_finding() -> None:
    expired = DeadlineExpired("the guest agent", 5, NotSeen("no answer"))
    assert len(compare_silent_guest("i-2-3-VM", expired).findings) == 1


def test_a_guest_has_settled_when_it_shows_all_that_is_expected() -> None:
    assert guest_has_settled(DOMAIN, GuestView(2, 512))
    assert not guest_has_settled(DOMAIN, GuestView(1, 512))
    assert not guest_has_settled(DOMAIN, GuestView(2, 256))
    assert not guest_has_settled(DOMAIN, NotSeen("no agent"))


def test_a_literal_look_at_the_domain_does_not_go_by_the_reference() -> None:
    domain = seen_domain(AGREEING)
    assert is_prepared(domain)
    assert not is_prepared(replace(domain, max_memory_kib=domain.memory_kib))
    assert not is_prepared(replace(domain, memory_slots=8))
    assert not is_prepared(replace(domain, max_vcpus=domain.vcpus))
    with pytest.raises(NotVerifiedError):
        seen_domain(replace(AGREEING, domain=NotSeen("no")))


def test_two_comparisons_together_see_only_what_neither_missed() -> None:
    seen = compare_observation(DOMAIN, AGREEING)
    blind = compare_observation(DOMAIN, replace(AGREEING, guest=NotSeen("no agent")))
    assert Layer.GUEST not in (seen + blind).seen
    assert Layer.GUEST not in (blind + seen).seen
