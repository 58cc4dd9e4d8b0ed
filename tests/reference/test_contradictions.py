"""The defects that one scale shows, with the numbers seen on real servers, and where they do not show."""

from dataclasses import replace

import pytest

from harness.reference import oddities, refusals
from harness.reference import settings as names
from harness.reference.contradictions import Contradiction
from harness.reference.domain import domain_at_start
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size, size_at_start
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import STOPPED, Instance, Outcome, Prediction, World, predict
from tests.reference.worlds import SMALL, UNCONSTRAINED, fixed, running, settings_with, world

NOW = fixed(1, 500, 256, name="now")
AT_700 = Offering(
    "c7", "c7", None, 700, None, cpu_cap=True, min_cpus=1, max_cpus=4, min_memory_mib=256, max_memory_mib=1024
)


def _defects(prediction: Prediction) -> list[str]:
    return [contradiction.rule.id for contradiction in prediction.contradictions]


def test_an_ordinary_scale_shows_no_defect() -> None:
    there = world()
    for wanted in (fixed(2, 500, 512), fixed(1, 500, 256, cap=True), fixed(1, 700, 384)):
        assert predict(there, running(there, NOW), wanted, NO_PARAMETERS).contradictions == ()


def test_def_02_an_instance_is_moved_for_nothing() -> None:
    there = world()
    prediction = predict(there, running(there, NOW), fixed(2, 500, 5120), NO_PARAMETERS)
    assert prediction.contradictions == (
        Contradiction(
            oddities.MOVED_FOR_NOTHING,
            "the instance is scaled, or stays where it is",
            "the instance is moved to kvm2 and not scaled",
        ),
    )
    assert (prediction.host_ids, prediction.size) == (("h2",), Size(1, 500, 256))
    enough = settings_with({names.CPU_CEILING: "16", names.MEMORY_CEILING: "8192"})
    there = world(settings=enough)
    assert predict(there, running(there, NOW), fixed(2, 500, 5120), NO_PARAMETERS).contradictions == ()


def test_def_02_before_the_pull_request_comes_from_the_offerings_ceilings() -> None:
    there = world(BEFORE, small_used_mib=3900)
    narrow = replace(AT_700, id="narrow", cpu_cap=False, max_memory_mib=512)
    wide = replace(narrow, id="wide", max_memory_mib=1024)
    prediction = predict(there, running(there, narrow, Size(1, 700, 256)), wide, CustomParameters(None, None, "768"))
    assert (_defects(prediction), prediction.host_ids) == (["DEF-02"], ("h2",))


@pytest.mark.parametrize("state", ["Running", STOPPED])
@pytest.mark.parametrize(("release", "at_start"), [(SINCE, 600), (BEFORE, 700)])
def test_def_03_a_saved_speed_outlives_the_change_since_the_pull_request(
    release: Release, at_start: int, state: str
) -> None:
    there = world(release)
    instance = replace(running(there, UNCONSTRAINED, Size(1, 600, 256)), state=state)
    prediction = predict(there, instance, AT_700, CustomParameters("2", None, "512"))
    assert prediction.size == Size(2, 700, 512)
    size = size_at_start(AT_700, prediction.saved)
    domain = domain_at_start(release, there.settings, SMALL, AT_700, size, cpu_cap=True, prepared=True)
    assert (domain.shares, domain.quota_us) == ((1200, 3000) if release is SINCE else (1400, 3500))
    if release is BEFORE:
        assert prediction.contradictions == ()
        return
    assert prediction.contradictions == (
        Contradiction(oddities.STALE_SPEED, "700 MHz after the next start", f"{at_start} MHz after the next start"),
    )
    if state != STOPPED:
        assert (prediction.domain.shares, prediction.domain.quota_us) == (1400, 3500)


def test_def_03_does_not_show_where_the_speed_stays_or_the_scale_fails() -> None:
    there = world()
    same_speed = running(there, UNCONSTRAINED, Size(1, 700, 256))
    assert predict(there, same_speed, AT_700, CustomParameters("2", None, "512")).contradictions == ()
    unprepared = running(there, UNCONSTRAINED, Size(1, 600, 256), prepared=False)
    failed = predict(there, unprepared, AT_700, CustomParameters("2", None, "512"))
    assert (failed.outcome, failed.contradictions) == (Outcome.REFUSED, ())


def _capped_at_600(there: World) -> Prediction:
    return predict(there, running(there, fixed(1, 500, 256, cap=True)), _CAPPED, NO_PARAMETERS)


_CAPPED = fixed(1, 600, 256, name="capped", cap=True)


def test_def_04_overcommit_halves_the_quota_of_a_live_scale() -> None:
    prediction = _capped_at_600(world(settings=settings_with({names.CPU_OVERCOMMIT: "2"})))
    assert prediction.domain.quota_us == 1500
    assert prediction.contradictions == (
        Contradiction(
            oddities.HALVED_QUOTA,
            "the quota of a restart, 3000 of 10000 us",
            "a quota of 1500 of 10000 us until the next start",
        ),
    )


@pytest.mark.parametrize(
    "there",
    [
        world(),
        world(settings=settings_with({names.CPU_OVERCOMMIT: "2", names.DIVIDE_SPEED: "false"})),
        world(settings=settings_with({names.MEMORY_OVERCOMMIT: "2"})),
    ],
)
def test_def_04_does_not_show_without_a_divided_speed(there: World) -> None:
    assert _capped_at_600(there).contradictions == ()


def test_def_04_does_not_show_before_the_pull_request_nor_without_a_cap_nor_for_a_failure() -> None:
    twice = settings_with({names.CPU_OVERCOMMIT: "2"})
    older = world(BEFORE, twice)
    instance = running(older, replace(UNCONSTRAINED, cpu_cap=True), Size(1, 500, 256))
    assert predict(older, instance, _CAPPED, NO_PARAMETERS).contradictions == ()
    there = world(settings=twice)
    assert predict(there, running(there, NOW), fixed(1, 600, 256), NO_PARAMETERS).contradictions == ()
    unprepared = running(there, NOW, prepared=False)
    assert predict(there, unprepared, replace(_CAPPED, cpus=2), NO_PARAMETERS).contradictions == ()


@pytest.mark.parametrize("release", [BEFORE, SINCE])
def test_def_05_the_guest_sees_nothing_of_a_dimm_that_is_no_whole_block(release: Release) -> None:
    there = world(release)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    for memory_mib in (300, 384, 500):
        prediction = predict(there, instance, UNCONSTRAINED, CustomParameters(None, None, str(memory_mib)))
        assert prediction.outcome is Outcome.IN_PLACE
        assert prediction.domain.memory_kib == memory_mib * 1024
        assert prediction.domain.guest_memory_mib == 256
        assert prediction.contradictions == (
            Contradiction(
                oddities.UNUSABLE_DIMM,
                f"the guest sees {memory_mib} MiB, or the request is refused",
                "the guest sees 256 MiB",
            ),
        )
        instance = _after(instance, prediction)
    assert instance.domain.dimms_kib == (45056, 86016, 118784)
    odd = predict(there, instance, UNCONSTRAINED, CustomParameters(None, None, "513"))
    assert (odd.refusal and odd.refusal.text) == release.agent_failure
    assert odd.contradictions == (
        Contradiction(
            oddities.UNUSABLE_DIMM,
            "the guest sees 513 MiB, or the request is refused",
            "QEMU refuses the DIMM and the job fails",
        ),
    )


def _after(instance: Instance, prediction: Prediction) -> Instance:
    return replace(instance, size=prediction.size, domain=prediction.domain, saved=prediction.saved)


def test_def_05_is_not_blamed_for_a_dimm_that_could_not_be_attached_anyhow() -> None:
    there = world()
    odd = fixed(1, 500, 513)
    unprepared = running(there, NOW, prepared=False)
    assert predict(there, unprepared, odd, NO_PARAMETERS).contradictions == ()
    prepared = running(there, NOW)
    for domain in (
        replace(prepared.domain, max_memory_kib=512 * 1024),
        replace(prepared.domain, dimms_kib=(2048,) * 16),
    ):
        assert predict(there, replace(prepared, domain=domain), odd, NO_PARAMETERS).contradictions == ()


def test_def_05_is_blamed_for_an_odd_dimm_that_would_just_fit() -> None:
    there = world()
    instance = running(there, NOW)
    just = replace(instance, domain=replace(instance.domain, max_memory_kib=513 * 1024))
    assert _defects(predict(there, just, fixed(1, 500, 513), NO_PARAMETERS)) == ["DEF-05"]


def test_def_05_does_not_show_where_vcpus_fail_after_the_memory() -> None:
    there = world(settings=settings_with({names.CPU_CEILING: "1"}))
    prediction = predict(there, running(there, NOW), fixed(2, 500, 300), NO_PARAMETERS)
    assert (prediction.outcome, prediction.contradictions) == (Outcome.REFUSED, ())
    assert prediction.domain.dimms_kib == (45056,)
    assert oddities.PARTIAL_SUCCESS in prediction.oddities


@pytest.mark.parametrize(
    ("caller", "defects"), [("admin", ["DEF-07"]), ("owner", []), (None, [])], ids=["other", "owner", "unknown"]
)
def test_def_07_counts_change_for_whoever_asks(caller: str | None, defects: list[str]) -> None:
    there = world()
    instance = replace(running(there, NOW), owner="owner")
    prediction = predict(there, instance, fixed(2, 500, 256), NO_PARAMETERS, caller=caller)
    assert _defects(prediction) == defects
    for contradiction in prediction.contradictions:
        assert contradiction.promised == "the resource counts of owner change"
        assert contradiction.built == "the resource counts of admin change"


def test_a_refused_or_stored_request_shows_no_defect_of_counting() -> None:
    there = world()
    instance = replace(running(there, NOW), owner="owner")
    refused = predict(there, instance, fixed(1, 400, 256), NO_PARAMETERS, caller="admin")
    stored = predict(there, replace(instance, state=STOPPED), fixed(2, 500, 256), NO_PARAMETERS, caller="admin")
    assert (refused.contradictions, stored.contradictions) == ((), ())


# The same where the defects are mended.


def test_def_02_mended_an_instance_that_cannot_grow_stays_where_it_is() -> None:
    there = world(SINCE.mended)
    for wanted in (fixed(2, 500, 5120), fixed(9, 500, 256), fixed(9, 500, 5120)):
        prediction = predict(there, running(there, NOW), wanted, NO_PARAMETERS)
        assert prediction.refusal is not None
        assert (prediction.refusal.code, prediction.refusal.text) == (530, "Failed to scale the VM")
        assert (prediction.host_ids, prediction.hosts, prediction.contradictions) == (("h1",), there.hosts, ())
    unprepared = running(there, NOW, prepared=False)
    full = replace(there, hosts=(replace(SMALL, used_cpu_mhz=16000), *there.hosts[1:]))
    faster = predict(full, unprepared, fixed(1, 700, 256), NO_PARAMETERS)
    assert (faster.outcome, faster.host_ids) == (Outcome.MIGRATED, ("h2",))


def test_def_02_mended_an_instance_that_can_grow_is_moved() -> None:
    enough = settings_with({names.CPU_CEILING: "9", names.MEMORY_CEILING: "5120"})
    there = world(SINCE.mended, enough)
    prediction = predict(there, running(there, NOW), fixed(9, 500, 5120), NO_PARAMETERS)
    assert (prediction.outcome, prediction.host_ids) == (Outcome.MIGRATED, ("h2",))


@pytest.mark.parametrize("release", [SINCE.mended, BEFORE.mended], ids=lambda release: release.name)
def test_def_03_mended_the_next_start_has_the_new_speed(release: Release) -> None:
    there = world(release)
    instance = running(there, UNCONSTRAINED, Size(1, 600, 256))
    prediction = predict(there, instance, AT_700, CustomParameters("2", None, "512"))
    assert (prediction.saved, prediction.contradictions) == (CustomParameters("2", "700", "512"), ())
    assert size_at_start(AT_700, prediction.saved) == Size(2, 700, 512)


def test_def_03_mended_nothing_is_saved_that_was_not_before() -> None:
    there = world(SINCE.mended)
    instance = running(there, AT_700, Size(1, 700, 256))
    prediction = predict(there, instance, AT_700, CustomParameters("2", None, "256"))
    assert prediction.saved == CustomParameters("2", None, "256")


def test_def_04_mended_a_live_scale_gives_the_quota_of_a_restart() -> None:
    prediction = _capped_at_600(world(SINCE.mended, settings_with({names.CPU_OVERCOMMIT: "2"})))
    assert (prediction.domain.quota_us, prediction.domain.period_us, prediction.contradictions) == (3000, 10000, ())
    assert prediction.domain.shares == 300


@pytest.mark.parametrize("release", [SINCE.mended, BEFORE.mended], ids=lambda release: release.name)
def test_def_05_mended_memory_grows_by_whole_blocks_only(release: Release) -> None:
    there = world(release)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    for memory_mib in (257, 300, 383, 385):
        refused = predict(there, instance, UNCONSTRAINED, CustomParameters(None, None, str(memory_mib)))
        assert refused.refusal is not None
        assert (refused.refusal.code, refused.refusal.rule) == (431, oddities.UNUSABLE_DIMM)
        assert (refused.domain, refused.size, refused.contradictions) == (instance.domain, instance.size, ())
    grown = predict(there, instance, UNCONSTRAINED, CustomParameters(None, None, "384"))
    assert (grown.refusal, grown.domain.guest_memory_mib, grown.contradictions) == (None, 384, ())
    faster = predict(there, instance, UNCONSTRAINED, CustomParameters("2", None, None))
    assert faster.refusal is None


def test_def_07_mended_the_owner_is_counted() -> None:
    there = world(SINCE.mended)
    instance = replace(running(there, NOW), owner="owner")
    assert predict(there, instance, fixed(2, 500, 256), NO_PARAMETERS, caller="admin").contradictions == ()


# Oddities, each shown by a prediction.


def test_memory_overcommit_ends_with_more_than_a_restart_gives() -> None:
    there = world(settings=settings_with({names.MEMORY_OVERCOMMIT: "2"}))
    instance = running(there, fixed(1, 500, 2048, name="now"))
    prediction = predict(there, instance, fixed(1, 500, 4096), NO_PARAMETERS)
    assert prediction.domain.dimms_kib == (3072 * 1024,)
    assert oddities.FULL_MEMORY in prediction.oddities
    there = world()
    prediction = predict(there, running(there, NOW), fixed(1, 500, 512), NO_PARAMETERS)
    assert oddities.FULL_MEMORY not in prediction.oddities
    assert prediction.oddities == (oddities.THRESHOLD_UNITS,)


@pytest.mark.parametrize("cgroup_version", [1, 2])
def test_a_capped_instance_on_a_host_of_unknown_speed_fails_after_all_else_is_done(cgroup_version: int) -> None:
    unknown = replace(SMALL, speed_mhz=0, cgroup_version=cgroup_version)
    there = replace(world(), hosts=(unknown,))
    instance = running(there, fixed(1, 0, 256, name="now", cap=True))
    assert instance.domain.quota_us is None
    prediction = predict(there, instance, fixed(2, 0, 512, cap=True), NO_PARAMETERS)
    assert prediction.refusal is not None
    assert prediction.refusal.rule is oddities.UNKNOWN_HOST_SPEED
    assert (prediction.domain.vcpus, prediction.domain.memory_kib, prediction.domain.shares) == (2, 524288, 2)
    assert {oddities.UNKNOWN_HOST_SPEED, oddities.PARTIAL_SUCCESS, refusals.AGENT_FAILED} <= set(prediction.rules)


def test_a_second_attempt_after_a_partial_success_finds_nothing_missing() -> None:
    there = world(settings=settings_with({names.CPU_CEILING: "2"}))
    instance = running(there, NOW)
    failed = predict(there, instance, fixed(3, 500, 512), NO_PARAMETERS)
    assert failed.oddities == (oddities.PARTIAL_SUCCESS,)
    assert (failed.size, failed.domain.memory_kib) == (instance.size, 524288)
    again = predict(there, replace(instance, domain=failed.domain), fixed(2, 500, 512), NO_PARAMETERS)
    assert (again.outcome, again.domain.dimms_kib) == (Outcome.IN_PLACE, (262144,))
