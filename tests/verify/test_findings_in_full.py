"""A finding is what a person reads: what it names, what was expected and seen, where it was read, and by which rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.cloud.client import ApiError
from harness.cloud.entities import InstanceRecord, read
from harness.cloud.jobs import JobResult
from harness.hosts.cpu_use import CpuUse
from harness.hosts.observation import Absent, NotSeen, Observation, ProcessView, Topology, VcpuBandwidth
from harness.reference import refusals, rules
from harness.reference.offering import CustomParameters, Size
from harness.reference.refusal import Refusal
from harness.reference.scaling import predict
from harness.verify.books import compare_books
from harness.verify.cpu_time import CpuShare, compare_cpu_share, exceeds, share_between
from harness.verify.domain import NotVerifiedError, seen_domain
from harness.verify.domain_fragment import domain_fragment, seen_fragment
from harness.verify.finding import NOTHING_SEEN, Comparison, Finding, Layer
from harness.verify.instance import (
    ExpectedInstance,
    compare_absence,
    compare_answer,
    compare_arrival,
    compare_continuity,
    compare_job,
    compare_observation,
    compare_record,
    compare_saved_speed,
    compare_silent_guest,
)
from harness.verify.ways import compare_facts
from harness.waiting import DeadlineExpired
from tests.reference.worlds import UNCONSTRAINED, fixed, running, world
from tests.verify.test_books import HERE
from tests.verify.test_instance import AGREEING, DOMAIN

REFUSAL = Refusal(431, "no such thing", refusals.SAME_SIZE)
DUMPXML = "virsh dumpxml i-2-3-VM on kvm1 by ssh"
SCHEDINFO = "virsh schedinfo i-2-3-VM on kvm1 by ssh"
VCPUCOUNT = "virsh vcpucount i-2-3-VM on kvm1 by ssh"
TOPOLOGY = "sockets x cores x threads"
CGROUP = "cgroup v1 of i-2-3-VM on kvm1"
AGENT = "guest agent of i-2-3-VM on kvm1"


def _tuples(comparison: Comparison) -> list[tuple[str, ...]]:
    return [
        (each.layer.value, each.what, each.expected, each.observed, each.read_from, each.rule_id)
        for each in comparison.findings
    ]


def _only(comparison: Comparison) -> tuple[str, ...]:
    (one,) = _tuples(comparison)
    assert comparison.seen == {Layer(one[0])}
    return one


def _job(*, succeeded: bool) -> JobResult:
    return JobResult("j1", succeeded, 0 if succeeded else 530, "" if succeeded else "it broke", {}, 1.0)


def test_a_job_that_fails_where_it_must_succeed() -> None:
    place = "queryAsyncJobResult of job j1"
    assert _only(compare_job(None, _job(succeeded=False), rules.STORED)) == (
        *("api", "job", "success", "530 it broke"),
        *(place, "stored"),
    )


def test_a_job_that_succeeds_where_it_must_be_refused() -> None:
    place = "queryAsyncJobResult of job j1"
    expected = ("api", "job", "431 no such thing", "success", place, "same-size")
    assert _only(compare_job(REFUSAL, _job(succeeded=True))) == expected
    assert _only(compare_job(REFUSAL, _job(succeeded=False)))[3] == "530 it broke"


def _refuse() -> None:
    raise ApiError("scaleVirtualMachine", 530, None, "it broke")


def test_an_answer_that_is_another_refusal_or_none() -> None:
    refused = compare_answer(REFUSAL, _refuse, refusals.SAME_SIZE)
    assert _only(refused) == ("api", "answer", "431 no such thing", "530 it broke", "scaleVirtualMachine", "same-size")
    accepted = compare_answer(REFUSAL, lambda: None, refusals.SAME_SIZE)
    assert _only(accepted) == ("api", "answer", "431 no such thing", "accepted", "the API", "same-size")
    unwanted = compare_answer(None, _refuse, refusals.SAME_SIZE)
    assert _only(unwanted)[2:4] == ("accepted", "530 it broke")


def _record(**changes: object) -> InstanceRecord:
    plain = {
        "id": "i",
        "name": "n",
        "instancename": "i-2-3-VM",
        "state": "Running",
        "zoneid": "z",
        "hostid": "h1",
        "serviceofferingid": "u",
        "cpunumber": 2,
        "cpuspeed": 600,
        "memory": 256,
        "isdynamicallyscalable": True,
    }
    return read(InstanceRecord, {**plain, **changes})


EXPECTED = ExpectedInstance("Running", "u", Size(2, 600, 256), True, ("h1", "h2"), rules.AUTO_MIGRATE, rules.IN_PLACE)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"state": "Stopped"}, ("state", "Running", "Stopped", "auto-migrate")),
        ({"serviceofferingid": "v"}, ("service offering", "u", "v", "in-place")),
        ({"cpunumber": 1}, ("vCPUs", "2", "1", "in-place")),
        ({"cpuspeed": 1}, ("speed in MHz", "600", "1", "in-place")),
        ({"memory": 1}, ("memory in MiB", "256", "1", "in-place")),
        ({"isdynamicallyscalable": False}, ("instance flag", "True", "False", "flag-after-change")),
        ({"hostid": "h3"}, ("host", "h1 or h2", "h3", "auto-migrate")),
        ({"hostid": None}, ("host", "h1 or h2", "None", "auto-migrate")),
    ],
)
def test_an_instance_that_the_api_shows_otherwise(changes: dict[str, object], finding: tuple[str, ...]) -> None:
    what, expected, observed, rule = finding
    shown = compare_record(EXPECTED, _record(**changes))
    assert _only(shown) == ("api", what, expected, observed, "listVirtualMachines", rule)


def test_a_stopped_instance_is_on_no_host() -> None:
    nowhere = replace(EXPECTED, host_ids=())
    assert compare_record(nowhere, _record(hostid=None)).findings == ()
    assert _only(compare_record(nowhere, _record()))[2:4] == ("none", "h1")


def test_the_speed_of_the_next_start_is_the_saved_one_under_a_custom_offering_only() -> None:
    instance = running(world(), UNCONSTRAINED, Size(1, 500, 256))
    prediction = predict(world(), instance, UNCONSTRAINED, CustomParameters("2", "600", "256"))
    lost = compare_saved_speed(prediction, _record(details={}))
    place = ("listVirtualMachines", rules.SAVED_PARAMETERS.id)
    assert _only(lost) == ("api", "speed in MHz at the next start", "600", "None", *place)
    under_a_fixed_one = predict(world(), instance, fixed(2, 700, 512), CustomParameters())
    assert compare_saved_speed(under_a_fixed_one, _record(details={"cpuSpeed": "500"})).findings == ()


def _seen(part: str, **changes: object) -> list[tuple[str, ...]]:
    view = replace(getattr(AGREEING, part), **changes)
    return _tuples(compare_observation(DOMAIN, replace(AGREEING, **{part: view})))


@pytest.mark.parametrize(
    ("part", "changes", "finding"),
    [
        ("domain", {"shares": 1}, ("domain", "shares", "1000", "1", DUMPXML, "shares")),
        (
            "domain",
            {"topology": Topology(1, 1, 1)},
            ("domain", "sockets x cores x threads", None, "1 x 1 x 1", DUMPXML),
        ),
        ("domain", {"topology": None}, ("domain", "sockets x cores x threads", None, "none", DUMPXML)),
        ("scheduler", {"shares": 1}, ("scheduler", "cpu_shares", "1000", "1", SCHEDINFO, "shares")),
        ("scheduler", {"quota_us": -1}, ("scheduler", "vcpu_quota in us", "2500", "-1", SCHEDINFO, "quota")),
        ("scheduler", {"period_us": 1}, ("scheduler", "vcpu_period in us", "10000", "1", SCHEDINFO, "quota")),
        ("cgroup", {"weight": 1}, ("scheduler", "weight", "1000", "1", CGROUP, "shares")),
        ("vcpus", {"current": 1}, ("domain", "live vCPUs", "2", "1", VCPUCOUNT, "vcpus")),
        ("guest", {"online_cpus": 1}, ("guest", "online CPUs", "2", "1", AGENT)),
        ("guest", {"online_memory_mib": 1}, ("guest", "online memory in MiB", "512", "1", AGENT)),
    ],
)
def test_a_host_that_shows_something_else(part: str, changes: dict[str, object], finding: tuple[str, ...]) -> None:
    (seen,) = _seen(part, **changes)
    assert [(have, want) for have, want in zip(seen, finding, strict=False) if want not in (None, have)] == []


def test_a_vcpu_whose_group_has_another_limit() -> None:
    good, quota, period = VcpuBandwidth(2500, 10000), VcpuBandwidth(-1, 10000), VcpuBandwidth(2500, 1)
    assert _seen("cgroup", vcpus={0: good, 1: quota}) == [
        ("scheduler", "quota of vCPU 1 in us", "2500", "-1", CGROUP, "quota")
    ]
    assert _seen("cgroup", vcpus={0: period, 1: good}) == [
        ("scheduler", "period of vCPU 0 in us", "10000", "1", CGROUP, "quota")
    ]


def test_a_domain_that_is_not_there_or_still_there() -> None:
    gone = replace(AGREEING, domain=Absent())
    assert _tuples(compare_observation(DOMAIN, gone))[0] == (
        *("domain", "domain", "present", "absent"),
        *(DUMPXML, "in-place"),
    )
    left = compare_absence(AGREEING, rules.AUTO_MIGRATE)
    assert _only(left) == ("domain", "domain on the host it left", "absent", "present", DUMPXML, "auto-migrate")
    assert compare_absence(gone) == Comparison((), frozenset({Layer.DOMAIN}), {})
    unseen = compare_absence(replace(AGREEING, domain=NotSeen("libvirtd is away")))
    assert unseen == Comparison((), frozenset(), {Layer.DOMAIN: "libvirtd is away"})


def _numbered(number: int, seen: Observation = AGREEING) -> Observation:
    return replace(seen, domain=replace(seen.domain, number=number))


def test_a_domain_that_was_started_anew() -> None:
    anew = compare_continuity(_numbered(7), _numbered(8))
    assert _only(anew) == ("domain", "libvirt's id of the domain", "7", "8", DUMPXML, "guest-survives")


def test_a_domain_must_have_come_by_live_migration() -> None:
    def arrived(**changes: object) -> Comparison:
        return compare_arrival(replace(AGREEING, **changes), rules.AUTO_MIGRATE)

    place = ("command line of QEMU of i-2-3-VM on kvm1", "auto-migrate")
    what = "how the domain came to its host"
    assert arrived(process=ProcessView(took_over=True)) == Comparison((), frozenset({Layer.DOMAIN}), {})
    began = arrived(process=ProcessView(took_over=False))
    assert _only(began) == ("domain", what, "by live migration", "by a start", *place)
    unseen = arrived(process=NotSeen("no right to read it"))
    assert unseen == Comparison((), frozenset(), {Layer.DOMAIN: "no right to read it"})
    # The libvirt transport reads no files; that the domain is not there is another check's finding.
    assert arrived(process=NotSeen("no files"), transport="libvirt") is NOTHING_SEEN
    assert arrived(domain=Absent(), process=ProcessView(took_over=False)) is NOTHING_SEEN


def test_a_guest_agent_that_fell_silent() -> None:
    silent = compare_silent_guest("i-2-3-VM", DeadlineExpired("the guest", 3.0, None))
    said = str(DeadlineExpired("the guest", 3.0, None))
    place = ("guest agent of i-2-3-VM", "guest-survives")
    assert _only(silent) == ("guest", "guest agent", "answers as before", said, *place)


def test_books_that_differ() -> None:
    differing = compare_books([[HERE]], [replace(HERE, used_cpu_mhz=7)], rules.COUNTED_IN_PLACE)
    assert _only(differing) == ("api", "allocated MHz of kvm1", "1000", "7", "listHosts", "counted-in-place")


def test_cpu_time_above_a_cap_and_below_a_former_one() -> None:
    free = running(world(), fixed(1, 500, 256)).domain
    capped = replace(free, quota_us=1000, period_us=10000)
    rule = free.because["quota_us"].id
    what = "part of a CPU that a busy vCPU gets"
    assert _only(compare_cpu_share(capped, CpuShare(0.5, 3), "there")) == (
        *("guest", what, "at most 0.10", "0.50"),
        *("there", rule),
    )
    held = compare_cpu_share(free, CpuShare(0.5, 3), "there")
    assert _only(held) == ("guest", "periods in which a vCPU is held back", "0", "3", "there", rule)
    still = compare_cpu_share(replace(capped, quota_us=5000), CpuShare(0.1, 3, at_most=0.1), "there", above=0.1)
    assert _only(still) == ("guest", what, "more than 0.10", "0.10", "there", rule)


def test_what_a_share_is_held_against_is_five_percent_and_two_ticks_above_the_cap() -> None:
    assert not exceeds(CpuShare(0.5 * 1.05 + 0.02, None), 0.5)
    assert exceeds(CpuShare(0.5 * 1.05 + 0.0201, None), 0.5)


def test_a_vcpu_that_came_meanwhile_began_with_nothing() -> None:
    first, second = CpuUse(10.0, {0: 1.0}, {}), CpuUse(12.0, {0: 1.0, 1: 1.5}, {1: 4})
    assert share_between(first, second) == CpuShare(0.75, 4, at_most=0.75)
    fewer = share_between(replace(first, throttled={1: 1}), replace(second, throttled={}))
    assert fewer == CpuShare(0.75, -1, at_most=0.75)


def test_what_looks_that_took_long_may_have_missed_bounds_a_share() -> None:
    first, second = CpuUse(10.0, {0: 1.0}, None), CpuUse(12.0, {0: 3.0}, None)
    assert share_between(first, second).at_most == 1.0
    assert share_between(replace(first, within_s=2.0), second).at_most == 1.0
    assert share_between(replace(first, within_s=1.0), replace(second, used_s={0: 1.5})).at_most == 0.5
    assert share_between(replace(first, within_s=1.0), second).at_most == 1.0


def test_a_vcpu_that_may_use_more_and_was_not_held_back_proves_nothing() -> None:
    capped = replace(running(world(), fixed(1, 500, 256)).domain, quota_us=5000, period_us=10000)
    idle = compare_cpu_share(capped, CpuShare(0.05, 0, at_most=0.05), "there", above=0.1)
    assert idle.not_verified == {Layer.GUEST: "the host is too busy: a vCPU that may use more got 0.05 of a CPU"}
    held = compare_cpu_share(capped, CpuShare(0.1, 3, at_most=0.12), "there", above=0.1)
    assert [finding.expected for finding in held.findings] == ["more than 0.10"]


def test_facts_that_are_neither_as_built_nor_mended() -> None:
    comparison, shown = compare_facts(
        rules.STORED, Layer.API, "there", {"n": 3}, as_built={"n": 1}, mended=({"n": 2}, {"n": 4})
    )
    assert shown is None
    assert _only(comparison) == ("api", "n", "1 (as built) or 2 or 4 (mended)", "3", "there", "stored")


def test_a_domain_that_was_not_seen_is_told_with_its_place_and_reason() -> None:
    with pytest.raises(NotVerifiedError, match=r"the domain of i-2-3-VM on kvm1: NotSeen\(reason='away'\)"):
        seen_domain(replace(AGREEING, domain=NotSeen("away")))


def test_a_fragment_shows_each_dimm_and_leaves_out_a_current_number_that_is_the_maximum() -> None:
    text = seen_fragment(replace(AGREEING.domain, dimms_kib=(1024, 2048), vcpus=AGREEING.domain.max_vcpus))
    assert text.count("<memory model='dimm'>") == 2
    assert "<size unit='KiB'>1024</size>" in text
    assert f"  <vcpu>{AGREEING.domain.max_vcpus}</vcpu>" in text.splitlines()
    shown = domain_fragment(DOMAIN).splitlines()
    assert any(line.startswith("  <vcpu current='2'>") for line in shown)
    assert "  <currentMemory unit='KiB'>524288</currentMemory>" in shown
    assert any(line.startswith("  <maxMemory slots='16' ") for line in shown)


def test_an_unprepared_domain_has_no_slots() -> None:
    plain = replace(DOMAIN, max_memory_kib=None)
    seen = replace(AGREEING, domain=replace(AGREEING.domain, max_memory_kib=None, memory_slots=None))
    assert [each.what for each in compare_observation(plain, seen).findings if "slots" in each.what] == []


def test_a_finding_belongs_to_a_layer() -> None:
    comparison = compare_facts(rules.STORED, Layer.GUEST, "there", {"n": 3}, as_built={"n": 1}, mended=())[0]
    assert comparison.findings == (Finding(Layer.GUEST, "n", "1 (as built) or  (mended)", "3", "there", "stored"),)
