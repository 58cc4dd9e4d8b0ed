"""Predictions in full: every rule that is named, every field that is carried on, and the edges of comparisons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.reference import oddities, refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import crosses_threshold
from harness.reference.creation import WantedOffering, creation_refusal
from harness.reference.decision import FAILED_TO_SCALE, Decision, decide
from harness.reference.domain import domain_after_migration
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size, parameters_for, size_at_start
from harness.reference.refusal import Refusal
from harness.reference.release import SINCE
from harness.reference.rule import Rule
from harness.reference.scaling import EndlessScaleError, Instance, Outcome, Prediction, World, predict
from harness.reference.settings import Settings
from harness.reference.together import Growth, Pair, Request, two_instances, two_requests
from tests.reference.worlds import CONSTRAINED, LARGE, SMALL, UNCONSTRAINED, fixed, running, settings_with, world

NOW = fixed(1, 500, 256, name="now")
BIG = Size(2, 500, 1024)
BIG_OFFERING = fixed(2, 500, 1024)


def _crowded(settings: Settings | None = None, **release: object) -> World:
    """The instance's host has no room for the growth, its neighbour has."""
    there = world(small_used_mib=3900, settings=settings or settings_with())
    return replace(there, release=replace(there.release, **release)) if release else there


def _decided(there: World, instance: Instance | None = None) -> Decision:
    return decide(there, instance or running(there, NOW), fixed(2, 500, 1024), NO_PARAMETERS)


def _refused(rule: Rule, *others: Rule, text: str = FAILED_TO_SCALE) -> Decision:
    return Decision(Outcome.REFUSED, Refusal(530, text, rule), BIG, rules=(*others, rule))


def test_no_attempt_at_all_is_a_refusal() -> None:
    there = world(settings=settings_with(global_values={names.SCALE_RETRY: "0"}))
    assert _decided(there) == _refused(refusals.NO_ATTEMPT, oddities.ONE_TEXT_FOR_MANY)


def test_in_place_names_its_rule_and_its_host() -> None:
    there = world()
    assert _decided(there) == Decision(
        Outcome.IN_PLACE, size=BIG, candidates=(there.host("h1"),), rules=(rules.IN_PLACE,)
    )


def test_without_room_and_without_leave_to_move() -> None:
    there = _crowded(settings_with({names.AUTO_MIGRATE: "false"}))
    expected = _refused(refusals.AUTO_MIGRATE_OFF, rules.IN_PLACE, oddities.ONE_TEXT_FOR_MANY)
    assert _decided(there) == expected


def test_affinity_that_conflicts() -> None:
    there = _crowded()
    text = "Unable to create deployment, affinity rules associated to the <vm> conflict."
    instance = replace(running(there, NOW), affinity_conflict=True)
    assert _decided(there, instance) == _refused(refusals.AFFINITY, rules.IN_PLACE, text=text)


def test_nowhere_to_go_is_told_after_the_attempts_or_never() -> None:
    there = _crowded()
    there = replace(there, hosts=(there.host("h1"), replace(LARGE, enabled=False)))
    expected = _refused(refusals.NO_DESTINATION, rules.IN_PLACE, oddities.ONE_TEXT_FOR_MANY)
    assert _decided(there) == expected
    endless = replace(there, settings=settings_with(global_values={names.SCALE_RETRY: "-1"}))
    with pytest.raises(EndlessScaleError, match=r"^scale\.retry is -1 and no host takes the instance: the job never"):
        _decided(endless)


def test_an_instance_that_cannot_grow_is_not_moved_where_that_is_mended() -> None:
    there = _crowded()
    mended = replace(there, release=there.release.mended)
    unprepared = running(there, NOW, prepared=False)
    expected = _refused(oddities.MOVED_FOR_NOTHING, rules.IN_PLACE, oddities.ONE_TEXT_FOR_MANY)
    assert _decided(mended, unprepared) == expected


def test_each_value_of_a_scaled_domain_has_its_rule() -> None:
    there = world()
    before = running(there, NOW)
    after = predict(there, before, fixed(2, 500, 512), NO_PARAMETERS).domain
    changed = {name: rule for name, rule in after.because.items() if before.domain.because[name] is not rule}
    assert changed == {
        "memory_kib": rules.DIMM,
        "guest_memory_mib": rules.GUEST_MEMORY,
        "vcpus": rules.HOTPLUG,
        "guest_cpus": rules.HOTPLUG,
        "shares": rules.SHARES_RAISED,
    }
    faster = predict(there, before, fixed(1, 600, 256), NO_PARAMETERS).domain
    assert [name for name, rule in faster.because.items() if before.domain.because[name] is not rule] == ["shares"]


def test_vcpus_that_are_refused_leave_the_rules_of_the_memory_that_came() -> None:
    there = world(settings=settings_with({names.CPU_CEILING: "1"}))
    before = running(there, NOW)
    prediction = predict(there, before, fixed(2, 500, 512), NO_PARAMETERS)
    assert prediction.refusal is not None
    assert prediction.domain.dimms_kib == (262144,)
    assert prediction.domain.because["memory_kib"] is rules.DIMM
    assert prediction.domain.because["guest_memory_mib"] is rules.GUEST_MEMORY
    assert prediction.domain.because["vcpus"] is before.domain.because["vcpus"]


def test_an_untouched_quota_keeps_its_rule() -> None:
    there = world()
    capped = running(there, UNCONSTRAINED, Size(1, 500, 256))
    capped = replace(capped, domain=replace(capped.domain, because={**capped.domain.because, "quota_us": rules.QUOTA}))
    after = predict(there, capped, UNCONSTRAINED, CustomParameters("2", "500", "256")).domain
    assert after.because["quota_us"] is rules.QUOTA
    bare = {name: rule for name, rule in capped.domain.because.items() if name != "quota_us"}
    without = replace(capped, domain=replace(capped.domain, because=bare))
    after = predict(there, without, UNCONSTRAINED, CustomParameters("2", "500", "256")).domain
    assert after.because["quota_us"] is rules.NO_QUOTA


def test_a_migration_counts_shares_by_the_settings_of_the_destinations_cluster() -> None:
    overcommitted = settings_with({names.CPU_OVERCOMMIT: "2"})
    instance = running(world(), fixed(2, 500, 256))
    moved = domain_after_migration(overcommitted, instance.domain, instance.size, LARGE)
    assert (moved.shares, moved.because["shares"]) == (500, rules.MIGRATION_KEEPS)
    assert {**moved.because, "shares": None} == {**instance.domain.because, "shares": None}


@pytest.mark.parametrize("lacking", ["cpuNumber", "cpuSpeed", "memory"])
def test_a_size_that_nobody_gives_is_named(lacking: str) -> None:
    given = {"cpus": "1", "speed_mhz": "500", "memory_mib": "256"}
    field = {"cpuNumber": "cpus", "cpuSpeed": "speed_mhz", "memory": "memory_mib"}[lacking]
    with pytest.raises(ValueError, match=rf"(?<!\w){lacking}(?!\w)"):
        size_at_start(UNCONSTRAINED, CustomParameters(**{**given, field: None}))


def test_only_what_an_offering_leaves_open_is_a_parameter() -> None:
    assert parameters_for(CONSTRAINED, Size(2, 500, 512)) == CustomParameters("2", None, "512")
    assert parameters_for(UNCONSTRAINED, Size(2, 500, 512)) == CustomParameters("2", "500", "512")
    assert parameters_for(fixed(2, 500, 512), Size(2, 500, 512)) == NO_PARAMETERS


def test_thresholds_are_of_what_the_cluster_has_with_its_own_overcommit() -> None:
    hosts = (replace(SMALL, used_cpu_mhz=8000),)
    half = {names.CPU_THRESHOLD: "0.5"}
    assert not crosses_threshold(hosts, settings_with(half), "a", 0, 0)
    assert crosses_threshold(hosts, settings_with(half), "a", 1, 0)
    doubled = settings_with({**half, names.CPU_OVERCOMMIT: "2"})
    assert not crosses_threshold(hosts, doubled, "a", 8000, 0)
    assert crosses_threshold(hosts, doubled, "a", 8001, 0)


@pytest.mark.parametrize(("grown_mib", "usable"), [(256, True), (257, False), (300, False), (384, True)])
def test_memory_in_odd_sizes_is_told_from_what_is_missing(grown_mib: int, usable: bool) -> None:
    there = world()
    prediction = predict(there, running(there, NOW), fixed(1, 600, grown_mib), NO_PARAMETERS)
    told = [broken for broken in prediction.contradictions if broken.rule is oddities.UNUSABLE_DIMM]
    assert (told == []) is usable


def _request(cpus: int, memory_mib: int) -> Request:
    return Request(UNCONSTRAINED, CustomParameters(str(cpus), "500", str(memory_mib)))


def test_two_requests_mended_are_one_after_the_other_in_every_part() -> None:
    there = replace(world(), release=SINCE.mended)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    first, second = _request(2, 256), _request(3, 384)
    done = predict(there, instance, first.offering, first.asked)
    pair = two_requests(there, instance, first, second)
    after = replace(
        instance,
        **{name: getattr(done, name) for name in ("offering", "size", "cpu_cap", "flag", "domain", "saved")},
        host_id=done.host_ids[0],
    )
    then = predict(replace(there, hosts=done.hosts), after, second.offering, second.asked)
    assert pair.second == then
    assert pair.first == replace(then, outcome=done.outcome, refusal=None)


def test_of_two_requests_mended_a_refused_second_one_leaves_the_first() -> None:
    there = replace(world(), release=SINCE.mended)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    first = _request(2, 512)
    done = predict(there, instance, first.offering, first.asked)
    pair = two_requests(there, instance, first, _request(1, 256))
    assert pair.second.refusal is not None
    assert pair.first == replace(done, hosts=pair.second.hosts)
    assert pair.counted == (Growth(1, 256), Growth(0, 0))


def test_of_two_requests_as_built_a_refused_second_one_is_refused_by_the_size_before() -> None:
    there = world()
    instance = running(there, UNCONSTRAINED, Size(2, 500, 512))
    first, second = _request(3, 512), _request(1, 256)
    done = predict(there, instance, first.offering, first.asked)
    alone = predict(there, instance, second.offering, second.asked)
    pair = two_requests(there, instance, first, second)
    assert pair.first == done
    assert pair.second == replace(done, outcome=Outcome.REFUSED, refusal=alone.refusal)


def _two(release: object) -> tuple[World, Instance, Instance]:
    there = replace(world(small_used_mib=3072), release=release)
    first = running(there, UNCONSTRAINED, Size(1, 500, 256))
    return there, first, replace(first, name="i-2-4-VM")


def test_two_instances_grow_into_room_for_one() -> None:
    there, first, second = _two(SINCE)
    request = _request(1, 1024)
    pair = two_instances(there, first, request, second, request)
    assert pair.first == predict(there, first, request.offering, request.asked)
    broken = next(each for each in pair.second.contradictions if each.rule is oddities.CONCURRENT_GROWTH)
    assert broken.promised == f"the second instance is not scaled on its host: {Outcome.MIGRATED}"
    assert broken.built == "the second instance has 1 vCPUs and 1024 MiB although there is no room for it"


def test_two_instances_mended_share_what_there_is() -> None:
    there, first, second = _two(SINCE.mended)
    request = _request(1, 1024)
    pair = two_instances(there, first, request, second, request)
    done = predict(there, first, request.offering, request.asked)
    assert pair.first == done
    assert pair.second == predict(replace(there, hosts=done.hosts), second, request.offering, request.asked)
    assert pair.second.outcome is Outcome.MIGRATED


def test_an_offering_may_have_just_the_least_memory() -> None:
    least = WantedOffering("x", customized=True, speed_mhz=500, min_cpus=1, max_cpus=2, min_memory_mib=32)
    assert creation_refusal(replace(least, max_memory_mib=64), Settings()) is None
    assert creation_refusal(replace(least, min_memory_mib=31, max_memory_mib=64), Settings()) is not None


def test_a_refusal_is_rendered_with_the_instances_names() -> None:
    refusal = Refusal(530, "<vm> <uuid> <account domain>", refusals.NO_TOOLS)
    assert refusal.rendered("i-2-3-VM", "u-1", 7) == "i-2-3-VM u-1 7"


def test_an_offering_is_whole() -> None:
    assert Offering("a", "a", 1, 500, 256) == fixed(1, 500, 256, name="a")


def _in_turn(first: Request, second: Request, instance: Instance | None = None, *, free_mib: int = 4096) -> Pair:
    """Two requests where only their being at once is mended."""
    there = world(small_used_mib=4096 - free_mib)
    mended = replace(there, release=replace(SINCE, defects=SINCE.defects - {oddities.CONCURRENT_SCALES}))
    return two_requests(mended, instance or running(mended, NOW), first, second)


def test_the_second_request_is_decided_by_what_the_first_left_of_its_host() -> None:
    instance = running(world(), UNCONSTRAINED, Size(1, 500, 256))
    pair = _in_turn(_request(1, 896), _request(1, 1408), instance, free_mib=1024)
    assert (pair.first.outcome, pair.second.outcome) == (Outcome.IN_PLACE, Outcome.MIGRATED)


def test_the_second_request_meets_the_offering_cap_and_flag_that_the_first_left() -> None:
    grown, capped = Request(BIG_OFFERING, NO_PARAMETERS), Request(fixed(1, 500, 256, cap=True), NO_PARAMETERS)
    again = _in_turn(grown, grown).second.refusal
    assert again is not None
    assert again.rule is refusals.SAME_OFFERING
    same = _in_turn(capped, Request(fixed(1, 500, 256, name="other", cap=True), NO_PARAMETERS)).second.refusal
    assert same is not None
    assert same.rule is refusals.SAME_SIZE
    lowered = replace(running(world(), NOW), template_flag=False)
    flag = _in_turn(grown, Request(fixed(3, 500, 1024, name="other"), NO_PARAMETERS), lowered).second.refusal
    assert flag is not None
    assert flag.rule is refusals.NO_TOOLS


def test_the_second_request_meets_the_domain_parameters_and_host_that_the_first_left() -> None:
    instance = running(world(), UNCONSTRAINED, Size(1, 500, 256))
    faster = Request(UNCONSTRAINED, CustomParameters("1", "600", "512"))
    fixed_speed = Request(replace(CONSTRAINED, speed_mhz=700), CustomParameters("1", None, "768"))
    pair = _in_turn(faster, fixed_speed, instance)
    assert pair.second.domain.dimms_kib == (262144, 262144)
    assert pair.second.saved == CustomParameters("1", "600", "768")
    moved = _in_turn(_request(1, 1024), _request(2, 1280), instance, free_mib=512)
    assert (moved.first.outcome, moved.second.outcome) == (Outcome.MIGRATED, Outcome.IN_PLACE)
    assert moved.second.host_ids == ("h2",)


def test_a_scale_that_only_the_books_refuse_has_done_all_the_rest() -> None:
    def done(reserved_mib: int) -> Prediction:
        there = world()
        hosts = (replace(SMALL, reserved_memory_bytes=reserved_mib << 20), LARGE)
        return predict(replace(there, hosts=hosts), running(there, NOW), fixed(2, 500, 1024, cap=True), NO_PARAMETERS)

    whole, unbooked = done(0), done(3900)
    assert (whole.outcome, unbooked.outcome) == (Outcome.IN_PLACE, Outcome.REFUSED)
    assert unbooked.refusal == Refusal(530, "Unable to reconfigure VM.", oddities.ALLOCATION_FAILED)
    for name in ("host_ids", "offering", "size", "cpu_cap", "flag", "domain", "saved", "contradictions"):
        assert getattr(unbooked, name) == getattr(whole, name), name
    assert unbooked.rules == (*whole.rules, oddities.ALLOCATION_FAILED)
