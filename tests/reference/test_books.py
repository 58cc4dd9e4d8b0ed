"""What hosts count as used after a scale, in both releases."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference import oddities, rules
from harness.reference.capacity import Allocation, allocation
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size
from harness.reference.release import BEFORE, SINCE
from harness.reference.scaling import STOPPED, Outcome, Prediction, predict
from harness.reference.settings import AUTO_MIGRATE
from tests.reference.worlds import UNCONSTRAINED, fixed, running, settings_with, world

MIB = 1048576
NOW = fixed(1, 500, 256, name="now")


def _counted(prediction: Prediction, host_id: str) -> tuple[int, int]:
    host = next(host for host in prediction.hosts if host.id == host_id)
    return host.used_cpu_mhz, host.used_memory_bytes // MIB


def test_in_place_the_new_size_takes_the_place_of_the_old() -> None:
    there = world(small_used_mhz=2500, small_used_mib=1256)
    prediction = predict(there, running(there, NOW), fixed(2, 700, 512), NO_PARAMETERS)
    assert _counted(prediction, "h1") == (2500 - 500 + 1400, 1256 - 256 + 512)
    assert rules.COUNTED_IN_PLACE in prediction.rules
    assert prediction.oddities == (oddities.THRESHOLD_UNITS,)
    assert prediction.hosts[1:] == there.hosts[1:]


@given(
    used=st.tuples(st.integers(500, 4000), st.integers(256, 1000)),
    new=st.tuples(st.integers(1, 4), st.integers(500, 700), st.integers(128, 512)),
)
def test_used_after_is_used_before_less_old_plus_new(used: tuple[int, int], new: tuple[int, int, int]) -> None:
    there = world(small_used_mhz=used[0], small_used_mib=used[1])
    size = Size(new[0], new[1], new[2] * 2)
    prediction = predict(there, running(there, NOW), fixed(size.cpus, size.speed_mhz, size.memory_mib), NO_PARAMETERS)
    if prediction.outcome is Outcome.IN_PLACE:
        expected = (used[0] - 500 + size.cpu_mhz, used[1] - 256 + size.memory_mib)
    else:
        assert size == Size(1, 500, 256)
        expected = used
    assert _counted(prediction, "h1") == expected


def test_after_a_migration_the_destination_counts_the_old_size() -> None:
    there = world(small_used_mhz=500, small_used_mib=3900)
    prediction = predict(there, running(there, NOW), fixed(2, 500, 1024), NO_PARAMETERS)
    assert prediction.outcome is Outcome.MIGRATED
    assert (_counted(prediction, "h1"), _counted(prediction, "h2")) == ((0, 3900 - 256), (500, 256))
    assert oddities.UNDERCOUNTED_AFTER_MIGRATION in prediction.oddities


def test_a_scale_that_fails_after_the_migration_has_moved_what_is_counted() -> None:
    there = world(small_used_mhz=500, small_used_mib=256)
    prediction = predict(there, running(there, NOW), fixed(2, 500, 5120), NO_PARAMETERS)
    assert prediction.outcome is Outcome.REFUSED
    assert (_counted(prediction, "h1"), _counted(prediction, "h2")) == ((0, 0), (500, 256))


def test_a_stopped_instance_is_counted_nowhere() -> None:
    there = world(small_used_mib=256)
    stopped = replace(running(there, NOW), state=STOPPED)
    prediction = predict(there, stopped, fixed(1, 400, 128), NO_PARAMETERS)
    assert (prediction.outcome, prediction.size) == (Outcome.STORED, Size(1, 400, 128))
    assert (prediction.hosts, prediction.domain) == (there.hosts, stopped.domain)


def test_an_amount_above_what_is_used_is_not_released() -> None:
    assert Allocation(100, 100 * MIB).with_released(Size(1, 500, 256)) == Allocation(100, 100 * MIB)
    assert Allocation(500, 100 * MIB).with_released(Size(1, 500, 256)) == Allocation(0, 100 * MIB)
    assert Allocation(100, 256 * MIB).with_released(Size(1, 500, 256)) == Allocation(100, 0)
    assert Allocation(0, 0).with_allocated(Size(2, 500, 256)) == Allocation(1000, 256 * MIB)


@pytest.mark.parametrize(
    ("used", "counted"),
    [
        # 2 x 500 MHz and 512 MB are released, of which only 500 and 256 were this instance's.
        ((2500, 1256), (2500, 1256)),
        # Less is used than is to be released: nothing is.
        ((500, 256), (1500, 768)),
    ],
)
def test_before_the_pull_request_a_scale_within_a_custom_offering_releases_the_new_size(
    used: tuple[int, int], counted: tuple[int, int]
) -> None:
    there = world(BEFORE, small_used_mhz=used[0], small_used_mib=used[1])
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    prediction = predict(there, instance, UNCONSTRAINED, CustomParameters("2", None, "512"))
    assert (prediction.outcome, _counted(prediction, "h1")) == (Outcome.IN_PLACE, counted)
    assert oddities.OVERCOUNTED_BEFORE in prediction.oddities


def test_before_the_pull_request_a_scale_to_a_fixed_offering_is_counted_well() -> None:
    there = world(BEFORE, small_used_mhz=500, small_used_mib=256)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    prediction = predict(there, instance, fixed(2, 500, 512), NO_PARAMETERS)
    assert _counted(prediction, "h1") == (1000, 512)
    assert oddities.OVERCOUNTED_BEFORE not in prediction.oddities


@pytest.mark.parametrize("release", [BEFORE, SINCE])
def test_where_reserved_capacity_leaves_no_room_the_job_fails_and_all_is_done(release) -> None:
    there = world(release, settings_with({AUTO_MIGRATE: "false"}), small_used_mhz=500, small_used_mib=256)
    small = replace(there.hosts[0], reserved_memory_bytes=3700 * MIB)
    there = replace(there, hosts=(small, *there.hosts[1:]))
    now: Offering = UNCONSTRAINED if release is BEFORE else NOW
    instance = running(there, now, Size(1, 500, 256))
    prediction = predict(there, instance, fixed(2, 500, 512), NO_PARAMETERS)
    assert prediction.refusal is not None
    assert (prediction.refusal.code, prediction.refusal.text) == (530, release.agent_failure)
    assert (prediction.refusal.rule, prediction.outcome) == (oddities.ALLOCATION_FAILED, Outcome.REFUSED)
    assert (prediction.size, prediction.domain.memory_kib, prediction.domain.vcpus) == (Size(2, 500, 512), 524288, 2)
    assert allocation(prediction.hosts[0]) == Allocation(0, 0)
    assert oddities.ALLOCATION_FAILED in prediction.oddities
