"""What a scale leaves behind in full: oddities at their edges, books after a migration, what a domain never had."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.reference import oddities, refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.cpu_tuning import LARGEST_SHARES_PRODUCT_MHZ
from harness.reference.domain import Domain, ScaleCommand, domain_after_scale
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Size
from harness.reference.refusal import Refusal
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.rule import Rule
from harness.reference.scaling import Instance, Outcome, World, predict
from harness.reference.together import Growth, Request, two_instances
from tests.reference.worlds import LARGE, OTHER_CLUSTER, SMALL, UNCONSTRAINED, fixed, running, settings_with, world

MIB = 1048576
NOW = fixed(1, 500, 256, name="now")


def _moves(neighbour: Host) -> tuple[World, Instance]:
    """The instance's host has no room for a growth in memory, and one neighbour has."""
    there = world(small_used_mib=3900, settings=settings_with({names.CPU_CEILING: "0"}))
    there = replace(there, hosts=(there.host("h1"), neighbour, OTHER_CLUSTER))
    return there, running(there, NOW)


@pytest.mark.parametrize(
    ("cpus", "more_bytes", "told"),
    [
        (SMALL.cpus, 0, False),
        # Less than a KiB is nothing that a domain's XML could tell.
        (SMALL.cpus, 1023, False),
        (SMALL.cpus, 1024, True),
        (SMALL.cpus + 1, 0, True),
        (SMALL.cpus + 1, 1024, True),
    ],
)
def test_ceilings_of_the_start_are_told_where_the_new_host_would_give_others(
    cpus: int, more_bytes: int, told: bool
) -> None:
    there, instance = _moves(replace(LARGE, cpus=cpus, memory_bytes=SMALL.memory_bytes + more_bytes))
    moved = predict(there, instance, fixed(1, 500, 1024), NO_PARAMETERS)
    assert moved.outcome is Outcome.MIGRATED
    assert (oddities.CEILINGS_OF_THE_START in moved.rules) is told


def test_ceilings_of_the_start_are_those_of_the_new_hosts_cluster_and_settings() -> None:
    there, _ = _moves(LARGE)
    there = replace(there, settings=settings_with({names.CPU_CEILING: "4", names.MEMORY_CEILING: "2048"}))
    moved = predict(there, running(there, NOW), fixed(1, 500, 1024), NO_PARAMETERS)
    assert moved.outcome is Outcome.MIGRATED
    assert oddities.CEILINGS_OF_THE_START not in moved.rules


def test_neither_an_unprepared_domain_nor_one_that_stays_has_ceilings_of_its_start() -> None:
    there, _ = _moves(LARGE)
    unprepared = running(there, NOW, prepared=False)
    moved = predict(
        replace(there, hosts=(replace(there.host("h1"), used_memory_bytes=0, used_cpu_mhz=15900), LARGE)),
        unprepared,
        fixed(1, 900, 256),
        NO_PARAMETERS,
    )
    assert moved.outcome is Outcome.MIGRATED
    assert oddities.CEILINGS_OF_THE_START not in moved.rules
    # Were it asked of one that stays, these would be other ceilings.
    elsewhere = replace(running(world(), NOW), domain=running(world(), NOW, on="h2").domain)
    stays = predict(world(), elsewhere, fixed(2, 500, 256), NO_PARAMETERS)
    assert stays.outcome is Outcome.IN_PLACE
    assert oddities.CEILINGS_OF_THE_START not in stays.rules


def test_a_migration_takes_the_old_size_along_and_nothing_else_changes() -> None:
    there, instance = _moves(replace(LARGE, used_cpu_mhz=700, used_memory_bytes=300 * MIB))
    there = replace(there, hosts=(replace(there.hosts[0], used_cpu_mhz=700), *there.hosts[1:]))
    moved = predict(there, instance, fixed(2, 500, 1024), NO_PARAMETERS)
    source, target, other = there.hosts
    assert moved.hosts == (
        replace(source, used_cpu_mhz=200, used_memory_bytes=3644 * MIB),
        replace(target, used_cpu_mhz=1200, used_memory_bytes=556 * MIB),
        other,
    )


def _oddities_of(wanted_mhz: int, *, version: int) -> tuple[Rule, ...]:
    host = replace(SMALL, cpus=1 << 20, cgroup_version=version, memory_bytes=1 << 40)
    there = replace(world(), hosts=(host, LARGE))
    before = running(there, NOW)
    before = replace(before, domain=replace(before.domain, shares=1))
    cpus, speed_mhz = next(
        (n, wanted_mhz // n) for n in range(wanted_mhz // 2000 + 1, wanted_mhz) if not wanted_mhz % n
    )
    scaled = predict(there, before, fixed(cpus, speed_mhz, 256), NO_PARAMETERS)
    assert scaled.refusal is None, scaled.refusal
    return scaled.oddities


@pytest.mark.parametrize(
    ("wanted_mhz", "version", "wraps"),
    [
        (LARGEST_SHARES_PRODUCT_MHZ, 2, False),
        (LARGEST_SHARES_PRODUCT_MHZ + 2, 2, True),
        (LARGEST_SHARES_PRODUCT_MHZ + 2, 1, False),
    ],
)
def test_the_product_of_shares_wraps_above_the_largest_and_on_cgroup_version_2_only(
    wanted_mhz: int, version: int, wraps: bool
) -> None:
    assert (oddities.SHARES_PRODUCT_WRAPS in _oddities_of(wanted_mhz, version=version)) is wraps


@pytest.mark.parametrize(("shares", "kept"), [(999, False), (1000, False), (1001, True)])
def test_shares_are_kept_where_there_are_more(shares: int, kept: bool) -> None:
    there = world()
    before = running(there, NOW)
    before = replace(before, domain=replace(before.domain, shares=shares))
    scaled = predict(there, before, fixed(2, 500, 256), NO_PARAMETERS)
    assert (oddities.SHARES_KEPT in scaled.rules) is kept
    assert scaled.domain.shares == max(shares, 1000)


def test_a_size_that_the_books_cannot_take_any_more_fails_with_all_else_done() -> None:
    there = world()
    before = running(there, UNCONSTRAINED, Size(1, 500, 256))
    asked = CustomParameters("2", "500", "512")
    taken = (replace(there.host("h1"), used_memory_bytes=SMALL.memory_bytes), *there.hosts[1:])
    as_planned = predict(there, before, UNCONSTRAINED, asked)
    lost = predict(there, before, UNCONSTRAINED, asked, counted=taken)
    assert as_planned.refusal is None
    assert lost == replace(
        as_planned,
        outcome=Outcome.REFUSED,
        refusal=Refusal(530, SINCE.agent_failure, oddities.ALLOCATION_FAILED),
        hosts=lost.hosts,
        rules=(*as_planned.rules, oddities.ALLOCATION_FAILED),
    )
    assert lost.hosts[0].used_memory_bytes == SMALL.memory_bytes - 256 * MIB


def _untold(domain: Domain) -> Domain:
    """A domain of which nobody says by which rules it is as it is."""
    return replace(domain, because={})


@pytest.mark.parametrize(("cap", "failure"), [(False, None), (True, oddities.UNKNOWN_HOST_SPEED)])
def test_a_quota_that_never_was_and_does_not_come_is_told_by_the_rule_of_none(cap: bool, failure: Rule | None) -> None:
    domain = _untold(running(world(), NOW).domain)
    command = ScaleCommand(1, 500, 256, cap, False, None)
    scaled, failed = domain_after_scale(SINCE, domain, command, SMALL)
    assert failed is failure
    assert (scaled.quota_us, scaled.period_us) == (None, None)
    assert scaled.because == {
        "shares": rules.SHARES_RAISED,
        "quota_us": rules.NO_QUOTA,
        "period_us": rules.NO_QUOTA,
    }
    told = replace(domain, because={"quota_us": rules.QUOTA_REMOVED, "period_us": rules.NO_QUOTA})
    again, _ = domain_after_scale(SINCE, told, command, SMALL)
    assert again.because["quota_us"] is again.because["period_us"] is rules.QUOTA_REMOVED


def test_memory_and_vcpus_that_do_not_grow_get_no_rule() -> None:
    domain = _untold(running(world(), NOW).domain)
    scaled, failure = domain_after_scale(SINCE, domain, ScaleCommand(1, 600, 256, False, False, None), SMALL)
    assert failure is None
    assert (scaled.dimms_kib, scaled.vcpus) == ((), 1)
    assert set(scaled.because) == {"shares", "quota_us", "period_us"}


def test_the_second_of_two_instances_is_decided_by_its_own_request_and_release() -> None:
    there = replace(world(SINCE.mended, small_used_mib=3072), hosts=world(small_used_mib=3072).hosts)
    first, second = (replace(running(there, NOW), name=name) for name in ("i-2-3-VM", "i-2-4-VM"))
    pair = two_instances(
        there, first, Request(fixed(1, 500, 768), NO_PARAMETERS), second, Request(fixed(2, 600, 512), NO_PARAMETERS)
    )
    assert pair.first == predict(there, first, fixed(1, 500, 768), NO_PARAMETERS)
    left = replace(there, hosts=pair.first.hosts)
    assert pair.second == predict(left, second, fixed(2, 600, 512), NO_PARAMETERS)
    assert pair.counted == (Growth(0, 512), Growth(1, 256))


def test_all_other_defects_of_a_release_hold_for_the_second_instance_too() -> None:
    """Only that they do not see each other is thought away to know how the second would have been decided."""
    there = world(small_used_mib=3500)
    first = running(there, NOW)
    unprepared = replace(running(there, NOW, prepared=False), name="i-2-4-VM")
    requests = Request(fixed(1, 500, 768), NO_PARAMETERS), Request(fixed(1, 500, 640), NO_PARAMETERS)
    pair = two_instances(there, first, requests[0], unprepared, requests[1])
    (broken, *others) = [one for one in pair.second.contradictions if one.rule is oddities.CONCURRENT_GROWTH]
    assert others == []
    # Where DEF-04 were mended as well, it would be refused in place of moved.
    release = replace(SINCE, defects=SINCE.defects - {oddities.CONCURRENT_GROWTH})
    alone = predict(World(release, there.settings, pair.first.hosts), unprepared, *_given(requests[1]))
    assert str(alone.outcome) in broken.promised


def _given(request: Request) -> tuple[object, object]:
    return request.offering, request.asked


def test_a_migration_takes_back_shares_that_were_raised_before() -> None:
    there, instance = _moves(LARGE)
    raised = replace(instance, domain=replace(instance.domain, shares=9999))
    moved = predict(there, raised, fixed(1, 500, 1024), NO_PARAMETERS)
    assert (moved.outcome, moved.domain.shares) == (Outcome.MIGRATED, 500)


def test_a_failure_before_anything_was_changed_is_no_partial_success() -> None:
    there = world()
    instance = running(there, NOW, prepared=False)
    failed = predict(there, instance, fixed(1, 500, 512), NO_PARAMETERS)
    assert (failed.outcome, failed.domain) == (Outcome.REFUSED, instance.domain)
    assert oddities.PARTIAL_SUCCESS not in failed.rules


@pytest.mark.parametrize(
    ("release", "kept", "other"),
    [
        (BEFORE, rules.SAVED_PARAMETERS_BEFORE, rules.SAVED_PARAMETERS),
        (SINCE, rules.SAVED_PARAMETERS, rules.SAVED_PARAMETERS_BEFORE),
    ],
    ids=["before", "since"],
)
def test_what_is_saved_goes_by_the_rule_of_the_release(release: Release, kept: Rule, other: Rule) -> None:
    there = world(release)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    scaled = predict(there, instance, UNCONSTRAINED, CustomParameters("2", "500", "256"))
    assert scaled.outcome is Outcome.IN_PLACE
    assert kept in scaled.rules
    assert other not in scaled.rules


def test_memory_that_no_block_of_the_guest_holds_is_refused_with_what_is_asked_for_where_that_is_mended() -> None:
    there = world(replace(SINCE, defects=SINCE.defects - {oddities.UNUSABLE_DIMM}))
    refused = predict(there, running(there, NOW), fixed(1, 500, 320), NO_PARAMETERS)
    text = "Memory of a running instance grows by multiples of 128 MB; 64 MB are asked for."
    assert refused.refusal == Refusal(431, text, oddities.UNUSABLE_DIMM)


@pytest.mark.parametrize(("left_bytes", "crossed"), [(300, False), (256, False), (255, True)])
def test_the_memory_threshold_is_held_against_what_is_added(left_bytes: int, crossed: bool) -> None:
    there = world(settings=settings_with({names.MEMORY_THRESHOLD: "1.0"}))
    almost = replace(SMALL, used_memory_bytes=SMALL.memory_bytes - left_bytes)
    full = replace(LARGE, used_memory_bytes=LARGE.memory_bytes)
    there = replace(there, hosts=(almost, full, OTHER_CLUSTER))
    # 256 MiB more count as 256 bytes, all of the new size would be 512.
    refusal = predict(there, running(there, NOW), fixed(1, 500, 512), NO_PARAMETERS).refusal
    assert refusal is not None
    assert (refusal.rule is refusals.CLUSTER_THRESHOLD) is crossed
