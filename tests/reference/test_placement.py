"""Where an instance is scaled: in place, after a migration, or not at all."""

from dataclasses import replace
from itertools import product

import pytest

from harness.reference import oddities, refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import Host, can_grow, crosses_threshold, strict_tags
from harness.reference.decision import EndlessScaleError
from harness.reference.offering import NO_PARAMETERS, Offering, Size
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import Outcome, Prediction, World, decide, predict
from harness.reference.settings import AUTO_MIGRATE, Settings
from tests.reference.worlds import (
    CONSTRAINED,
    LARGE,
    OTHER_CLUSTER,
    SMALL,
    UNCONSTRAINED,
    fixed,
    running,
    settings_with,
    world,
)

NOW = fixed(1, 500, 256, name="now")
WANTED = fixed(2, 500, 1024)
MIB = 1048576
NO_THRESHOLDS = {names.CPU_THRESHOLD: "9", names.MEMORY_THRESHOLD: "9"}


def _world(*, fits: bool, migrate: bool, other_fits: bool, release: Release = SINCE) -> World:
    settings = settings_with({AUTO_MIGRATE: str(migrate).lower(), **NO_THRESHOLDS})
    there = world(release, settings, small_used_mib=256 if fits else 4096)
    other = replace(LARGE, used_memory_bytes=0 if other_fits else LARGE.memory_bytes)
    return replace(there, hosts=(there.hosts[0], other, there.hosts[2]))


def _predicted(there: World, wanted: Offering = WANTED) -> Prediction:
    return predict(there, running(there, NOW), wanted, NO_PARAMETERS)


@pytest.mark.parametrize(("fits", "migrate", "other_fits"), list(product([True, False], repeat=3)))
def test_the_decision_table_of_auto_migration(fits: bool, migrate: bool, other_fits: bool) -> None:
    there = _world(fits=fits, migrate=migrate, other_fits=other_fits)
    instance = running(there, NOW)
    prediction = _predicted(there)
    if fits:
        assert (prediction.outcome, prediction.host_ids) == (Outcome.IN_PLACE, ("h1",))
    elif migrate and other_fits:
        assert (prediction.outcome, prediction.host_ids) == (Outcome.MIGRATED, ("h2",))
        assert prediction.size == Size(2, 500, 1024)
    else:
        assert prediction.refusal is not None
        assert (prediction.refusal.code, prediction.refusal.text) == (530, "Failed to scale the VM")
        assert prediction.refusal.rule is (refusals.NO_DESTINATION if migrate else refusals.AUTO_MIGRATE_OFF)
        assert oddities.ONE_TEXT_FOR_MANY in prediction.oddities
        assert (prediction.host_ids, prediction.domain, prediction.hosts) == (("h1",), instance.domain, there.hosts)


def test_before_the_pull_request_migration_is_always_tried() -> None:
    there = _world(fits=False, migrate=False, other_fits=True, release=BEFORE)
    instance = running(there, CONSTRAINED, Size(1, 500, 256))
    prediction = predict(there, instance, WANTED, NO_PARAMETERS)
    assert (prediction.outcome, prediction.host_ids) == (Outcome.MIGRATED, ("h2",))


def test_the_clusters_value_wins_over_the_global_one() -> None:
    there = _world(fits=False, migrate=False, other_fits=True)
    globally = replace(there.settings, global_values={AUTO_MIGRATE: "true"})
    refusal = _predicted(replace(there, settings=globally)).refusal
    assert refusal is not None
    assert refusal.rule is refusals.AUTO_MIGRATE_OFF


@pytest.mark.parametrize(
    "changed",
    [
        {"up": False},
        {"enabled": False},
        {"cluster_id": "b"},
        {"cpus": 1},
        {"speed_mhz": 400},
        {"used_memory_bytes": LARGE.memory_bytes - 1023 * MIB},
        {"used_cpu_mhz": LARGE.cpu_mhz - 999},
        {"reserved_memory_bytes": LARGE.memory_bytes - 1023 * MIB},
        {"reserved_cpu_mhz": LARGE.cpu_mhz - 999},
    ],
)
def test_a_destination_is_up_and_enabled_of_the_cluster_capable_and_has_room_for_the_whole(
    changed: dict[str, object],
) -> None:
    there = _world(fits=False, migrate=True, other_fits=True)
    other = replace(LARGE, **changed)
    without = replace(there, hosts=(there.hosts[0], other))
    refusal = _predicted(without).refusal
    assert refusal is not None
    assert refusal.rule is refusals.NO_DESTINATION


def test_an_exact_fit_fits_on_both_sides() -> None:
    there = world(settings=settings_with(NO_THRESHOLDS), small_used_mib=4096 - 768, small_used_mhz=16000 - 500)
    assert _predicted(there).outcome is Outcome.IN_PLACE
    full = _world(fits=False, migrate=True, other_fits=True)
    exact = replace(LARGE, used_memory_bytes=LARGE.memory_bytes - 1024 * MIB, used_cpu_mhz=LARGE.cpu_mhz - 1000)
    assert _predicted(replace(full, hosts=(full.hosts[0], exact))).outcome is Outcome.MIGRATED


@pytest.mark.parametrize(
    ("used", "reserved", "fits"), [({"used_cpu_mhz": 15501}, {}, False), ({}, {"reserved_cpu_mhz": 16000}, True)]
)
def test_growth_in_place_needs_what_is_free_and_ignores_what_is_reserved(
    used: dict[str, int], reserved: dict[str, int], fits: bool
) -> None:
    host = replace(SMALL, **used, **reserved)
    assert can_grow(host, Settings(), Size(1, 500, 256), Size(2, 500, 256)) is fits


def test_overcommit_widens_the_room_but_not_the_capability() -> None:
    twice = Settings(clusters={"a": {names.CPU_OVERCOMMIT: "2", names.MEMORY_OVERCOMMIT: "2"}})
    full = replace(SMALL, used_cpu_mhz=16000, used_memory_bytes=SMALL.memory_bytes)
    small = Size(1, 500, 256)
    assert can_grow(full, twice, small, Size(8, 2000, 4096))
    assert not can_grow(full, twice, small, Size(9, 500, 256))
    assert not can_grow(full, twice, small, Size(1, 2001, 256))


def test_a_speed_above_the_hosts_is_never_scaled_in_place() -> None:
    there = world()
    assert _predicted(there, fixed(1, 2001, 256)).outcome is Outcome.MIGRATED
    refusal = _predicted(there, fixed(1, 2501, 256)).refusal
    assert refusal is not None
    assert (refusal.code, refusal.text) == (530, "Failed to scale the VM")


def test_of_several_destinations_the_last_host_comes_first_and_the_one_it_landed_on_decides() -> None:
    there = _world(fits=False, migrate=True, other_fits=True)
    slow = replace(SMALL, id="h4", name="kvm4", speed_mhz=1000)
    there = replace(there, hosts=(*there.hosts, slow))
    instance = running(there, NOW)
    capped = fixed(1, 500, 512, cap=True)
    assert predict(there, instance, capped, NO_PARAMETERS).host_ids == ("h2", "h4")
    back = predict(there, replace(instance, last_host_id="h4"), capped, NO_PARAMETERS)
    assert (back.host_ids, back.domain.quota_us) == (("h4", "h2"), 5000)
    landed = predict(there, instance, capped, NO_PARAMETERS, landed_on="h4")
    assert (landed.host_ids, landed.domain.quota_us) == (("h2", "h4"), 5000)
    elsewhere = predict(there, instance, capped, NO_PARAMETERS, landed_on="nowhere")
    assert elsewhere.domain.quota_us == 2000


def test_host_tags_choose_the_destination_and_only_strict_ones_bind_the_running_host() -> None:
    there = _world(fits=False, migrate=True, other_fits=True)
    tagged = replace(WANTED, host_tags=frozenset({"gpu"}))
    refusal = _predicted(there, tagged).refusal
    assert refusal is not None
    assert refusal.rule is refusals.NO_DESTINATION
    with_tag = replace(there, hosts=(there.hosts[0], replace(LARGE, tags=frozenset({"gpu", "more"}))))
    assert _predicted(with_tag, tagged).outcome is Outcome.MIGRATED
    roomy = _world(fits=True, migrate=True, other_fits=True)
    assert _predicted(roomy, tagged).outcome is Outcome.IN_PLACE


def test_strict_host_tags_of_the_new_offering_and_the_template_are_asked_for_first() -> None:
    strict = replace(settings_with(), global_values={names.STRICT_HOST_TAGS: "gpu, ssd"})
    there = world(settings=strict)
    tagged = replace(WANTED, host_tags=frozenset({"gpu"}))
    for instance, offering in (
        (running(there, NOW), tagged),
        (replace(running(there, NOW), template_tags=frozenset({"ssd"})), WANTED),
    ):
        refusal = decide(there, instance, offering, NO_PARAMETERS).refusal
        assert refusal is not None
        assert (refusal.text, refusal.rule) == ("Failed to scale the VM", refusals.STRICT_TAGS)


def test_strict_tags_in_the_loop_are_those_of_the_current_offering() -> None:
    strict = replace(settings_with(), global_values={names.STRICT_HOST_TAGS: "gpu"})
    there = world(settings=strict)
    instance = running(there, replace(NOW, host_tags=frozenset({"gpu"})))
    assert predict(there, instance, WANTED, NO_PARAMETERS).outcome is Outcome.MIGRATED


def test_tags_with_limits_are_strict_unless_that_is_switched_off() -> None:
    values = {names.STRICT_HOST_TAGS: "a, ,b", names.LIMIT_HOST_TAGS: "c"}
    assert strict_tags(Settings(global_values=values)) == {"a", "b", "c"}
    assert strict_tags(Settings(global_values={**values, names.STRICT_LIMIT_TAGS: "false"})) == {"a", "b"}
    assert strict_tags(Settings()) == frozenset()


def test_affinity_that_conflicts_has_a_text_of_its_own() -> None:
    there = _world(fits=False, migrate=True, other_fits=True)
    instance = replace(running(there, NOW), affinity_conflict=True)
    refusal = decide(there, instance, WANTED, NO_PARAMETERS).refusal
    assert refusal is not None
    assert (refusal.code, refusal.rule) == (530, refusals.AFFINITY)
    assert refusal.text == "Unable to create deployment, affinity rules associated to the <vm> conflict."
    roomy = _world(fits=True, migrate=True, other_fits=True)
    assert decide(roomy, instance, WANTED, NO_PARAMETERS).outcome is Outcome.IN_PLACE


@pytest.mark.parametrize("retries", ["1", "2", "-1"])
def test_one_attempt_suffices_where_there_is_room(retries: str) -> None:
    for fits in (True, False):
        there = _world(fits=fits, migrate=True, other_fits=True)
        settings = replace(there.settings, global_values={names.SCALE_RETRY: retries})
        outcome = _predicted(replace(there, settings=settings)).outcome
        assert outcome is (Outcome.IN_PLACE if fits else Outcome.MIGRATED)


def test_endless_attempts_without_a_host_never_end_and_none_fail_at_once() -> None:
    there = _world(fits=False, migrate=True, other_fits=False)
    endless = replace(there.settings, global_values={names.SCALE_RETRY: "-1"})
    with pytest.raises(EndlessScaleError, match="never ends"):
        _predicted(replace(there, settings=endless))
    roomy = _world(fits=True, migrate=True, other_fits=True)
    none = replace(roomy.settings, global_values={names.SCALE_RETRY: "0"})
    refusal = _predicted(replace(roomy, settings=none)).refusal
    assert refusal is not None
    assert (refusal.text, refusal.rule) == ("Failed to scale the VM", refusals.NO_ATTEMPT)


@pytest.mark.parametrize(
    ("cpu_mhz", "memory_mib", "crossed"), [(0, 0, False), (8400, 0, False), (8401, 0, True), (0, 3 * 4096, False)]
)
def test_a_cluster_crosses_its_threshold_by_mhz_while_mib_count_as_bytes(
    cpu_mhz: int, memory_mib: int, crossed: bool
) -> None:
    # 56000 MHz in the cluster, of which 0.85 are 47600; 12 GiB, of which 10 are used.
    hosts = (replace(SMALL, used_memory_bytes=2 * 1024 * MIB), replace(LARGE, used_memory_bytes=8 * 1024 * MIB))
    used = tuple(replace(host, used_cpu_mhz=19600) for host in hosts)
    assert crosses_threshold((*used, OTHER_CLUSTER), Settings(), "a", cpu_mhz, memory_mib) is crossed


def test_reserved_capacity_and_overcommit_count_for_the_threshold() -> None:
    hosts = (replace(SMALL, reserved_memory_bytes=SMALL.memory_bytes),)
    assert crosses_threshold(hosts, Settings(), "a", 0, 0)
    twice = Settings(clusters={"a": {names.MEMORY_OVERCOMMIT: "2"}})
    assert not crosses_threshold(hosts, twice, "a", 0, 0)
    unknown = (replace(SMALL, speed_mhz=0),)
    assert not crosses_threshold(unknown, Settings(), "a", 10**6, 0)


def test_the_threshold_has_a_text_of_its_own() -> None:
    there = world(settings=settings_with({names.CPU_THRESHOLD: "0.001"}))
    refusal = _predicted(there).refusal
    assert refusal is not None
    assert (refusal.code, refusal.rule) == (530, refusals.CLUSTER_THRESHOLD)
    assert refusal.text == "Unable to scale <vm> due to insufficient resources."


def test_a_host_that_the_world_lacks_is_an_error() -> None:
    there = world()
    stray = replace(running(there, NOW), host_id="nowhere")
    with pytest.raises(KeyError, match="nowhere"):
        predict(there, stray, WANTED, NO_PARAMETERS)
    hosts: tuple[Host, ...] = ()
    with pytest.raises(KeyError):
        replace(there, hosts=hosts).host("h1")


def test_what_decided_is_told() -> None:
    moved = predict(
        _world(fits=False, migrate=True, other_fits=True),
        running(world(), UNCONSTRAINED, Size(1, 500, 256)),
        WANTED,
        NO_PARAMETERS,
    )
    assert {rules.IN_PLACE, rules.AUTO_MIGRATE, rules.SAVED_PARAMETERS} <= set(moved.rules)


def test_the_threshold_is_held_against_the_growth_alone_and_an_exact_share_does_not_cross_it() -> None:
    # Of 56000 MHz half is used; the scale adds 500, and 500 more is the instance's own.
    exact = world(settings=settings_with({names.CPU_THRESHOLD: str(28500 / 56000)}), small_used_mhz=8000)
    hosts = (exact.hosts[0], replace(LARGE, used_cpu_mhz=15000, reserved_cpu_mhz=5000), exact.hosts[2])
    assert _predicted(replace(exact, hosts=hosts), fixed(2, 500, 256)).outcome is Outcome.IN_PLACE
    more = (replace(hosts[0], used_cpu_mhz=8001), *hosts[1:])
    refusal = _predicted(replace(exact, hosts=more), fixed(2, 500, 256)).refusal
    assert refusal is not None
    assert refusal.rule is refusals.CLUSTER_THRESHOLD
    half = (replace(SMALL, used_memory_bytes=SMALL.memory_bytes // 2),)
    assert not crosses_threshold(half, Settings({names.MEMORY_THRESHOLD: "0.5"}), "a", 0, 0)
    assert crosses_threshold(half, Settings({names.MEMORY_THRESHOLD: "0.5"}), "a", 0, 1)


def test_memory_that_stays_does_not_raise_the_oddity_of_units() -> None:
    assert _predicted(world(), fixed(2, 500, 256)).oddities == ()
