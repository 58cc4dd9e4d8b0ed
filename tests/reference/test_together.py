"""Two requests at once: with the numbers seen on real servers as built, and as they must be where that is mended."""

from dataclasses import replace

import pytest

from harness.reference import oddities, refusals
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.decision import FAILED_TO_SCALE
from harness.reference.offering import CustomParameters, Size
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import Instance, Outcome, World
from harness.reference.together import Growth, Request, two_instances, two_requests
from tests.reference.worlds import SCALING_ON, UNCONSTRAINED, fixed, running, settings_with, world

_MIB = 1048576
_BOTH = pytest.mark.parametrize("release", [BEFORE, SINCE], ids=lambda release: release.name)


def _to(cpus: int, speed_mhz: int, memory_mib: int) -> Request:
    return Request(UNCONSTRAINED, CustomParameters(str(cpus), str(speed_mhz), str(memory_mib)))


def _one(release: Release) -> tuple[World, Instance]:
    there = world(release)
    return there, running(there, UNCONSTRAINED, Size(1, 500, 256))


@_BOTH
def test_def_01_as_built_the_second_request_succeeds_with_the_size_of_the_first(release: Release) -> None:
    there, instance = _one(release)
    pair = two_requests(there, instance, _to(2, 500, 256), _to(3, 500, 384))
    assert pair.second.refusal is None
    assert (pair.second.size, pair.second.domain.vcpus, pair.second.domain.shares) == (Size(2, 500, 256), 2, 1000)
    assert pair.first == pair.second
    assert pair.counted == (Growth(1, 0), Growth(2, 128))
    (broken,) = pair.second.contradictions
    assert broken.rule is oddities.CONCURRENT_SCALES
    assert broken.promised.endswith("3 vCPUs and 384 MiB in the end")
    assert "2 vCPUs and 256 MiB" in broken.built


@_BOTH
def test_def_01_mended_the_second_request_is_carried_out_after_the_first(release: Release) -> None:
    there, instance = _one(release.mended)
    pair = two_requests(there, instance, _to(2, 500, 256), _to(3, 500, 384))
    assert pair.first == pair.second
    assert (pair.second.size, pair.second.domain.vcpus) == (Size(3, 500, 384), 3)
    assert pair.counted == (Growth(1, 0), Growth(1, 128))
    assert pair.second.contradictions == ()


def test_def_01_mended_a_second_request_for_less_is_refused_and_the_first_stands() -> None:
    there, instance = _one(SINCE.mended)
    pair = two_requests(there, instance, _to(3, 500, 256), _to(2, 500, 256))
    assert pair.second.refusal is not None
    assert pair.second.refusal.rule is refusals.SCALING_DOWN
    assert (pair.first.outcome, pair.first.size) == (Outcome.IN_PLACE, Size(3, 500, 256))
    assert pair.counted == (Growth(2, 0), Growth(0, 0))


def test_def_01_a_second_request_that_is_refused_by_itself_stays_refused() -> None:
    there, instance = _one(SINCE)
    pair = two_requests(there, instance, _to(2, 500, 256), _to(1, 400, 256))
    assert pair.second.refusal is not None
    assert pair.second.refusal.rule is refusals.SCALING_DOWN
    assert (pair.second.size, pair.first.size) == (Size(2, 500, 256), Size(2, 500, 256))
    assert pair.counted[0] == Growth(1, 0)


def test_def_01_nothing_is_lost_behind_a_first_request_that_is_refused() -> None:
    there, instance = _one(SINCE)
    pair = two_requests(there, instance, _to(1, 400, 256), _to(2, 500, 256))
    assert pair.first.refusal is not None
    assert (pair.second.refusal, pair.second.size) == (None, Size(2, 500, 256))
    assert pair.first.size == Size(2, 500, 256)
    assert pair.counted == (Growth(0, 0), Growth(1, 0))


def _two(release: Release) -> tuple[World, Instance, Instance]:
    """Two instances of 256 MB on the host of 8 GiB that is alone in its cluster, as they were recorded."""
    there = world(release, replace(SCALING_ON, clusters={"b": {names.MEMORY_THRESHOLD: "0.95"}}))
    counting = tuple(
        replace(host, used_cpu_mhz=1000, used_memory_bytes=512 * _MIB) if host.id == "h3" else host
        for host in there.hosts
    )
    there = replace(there, hosts=counting)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256), on="h3")
    return there, instance, replace(instance, name="i-2-4-VM")


def _books(hosts: tuple[Host, ...]) -> tuple[int, int]:
    (host,) = (host for host in hosts if host.id == "h3")
    return host.used_cpu_mhz, host.used_memory_bytes


@pytest.mark.parametrize(
    ("release", "text", "counted", "growth"),
    [
        pytest.param(SINCE, "Unable to reconfigure VM.", (500, 5_242_880_000), Growth(0, 0), id="4.23"),
        pytest.param(BEFORE, None, (1000, 5_779_750_912), Growth(0, 4744), id="4.22"),
    ],
)
def test_def_06_as_built_both_are_scaled_and_the_books_lose_the_second(
    release: Release, text: str | None, counted: tuple[int, int], growth: Growth
) -> None:
    there, first, second = _two(release)
    pair = two_instances(there, first, _to(1, 500, 5000), second, _to(1, 500, 5000))
    assert (pair.second.refusal and pair.second.refusal.text) == text
    assert (pair.second.size.memory_mib, pair.second.domain.memory_kib) == (5000, 5_120_000)
    assert _books(pair.second.hosts) == counted
    assert pair.counted == (Growth(0, 4744), growth)
    assert oddities.CONCURRENT_GROWTH in {broken.rule for broken in pair.second.contradictions}


@_BOTH
def test_def_06_mended_the_second_stays_as_it_is(release: Release) -> None:
    there, first, second = _two(release.mended)
    # The mended release refuses a size that is no multiple of a memory block.
    pair = two_instances(there, first, _to(1, 500, 4992), second, _to(1, 500, 4992))
    assert pair.second.refusal is not None
    assert (pair.second.refusal.code, pair.second.refusal.text) == (530, FAILED_TO_SCALE)
    assert (pair.second.size.memory_mib, pair.second.domain.dimms_kib) == (256, ())
    assert pair.counted == (Growth(0, 4736), Growth(0, 0))
    if release is SINCE:
        assert _books(pair.second.hosts) == (1000, (4992 + 256) * _MIB)


@_BOTH
def test_def_06_does_not_show_where_there_is_room_for_both(release: Release) -> None:
    there, first, second = _two(release)
    pair = two_instances(there, first, _to(1, 500, 512), second, _to(1, 500, 512))
    assert (pair.second.refusal, pair.second.contradictions) == (None, ())
    assert pair.counted == (Growth(0, 256), Growth(0, 256))


# Defects that one request shows, on a mended release.


def test_def_02_mended_an_instance_that_cannot_grow_is_not_moved() -> None:
    there = world(SINCE.mended)
    instance = running(there, fixed(1, 500, 256, name="now"))
    pair = two_requests(there, instance, Request(fixed(2, 500, 5120)), Request(fixed(2, 500, 512)))
    assert (pair.first.refusal and pair.first.refusal.text) == FAILED_TO_SCALE
    assert pair.first.host_ids == ("h1",)
    assert pair.second.refusal is None


def test_room_that_another_instance_keeps_reserved_does_not_lose_a_mended_scale() -> None:
    there = world(SINCE.mended)
    reserved = replace(there.hosts[0], used_memory_bytes=256 * _MIB, reserved_memory_bytes=3840 * _MIB)
    there = replace(there, hosts=(reserved, *there.hosts[1:]), settings=settings_with({names.MEMORY_THRESHOLD: "1.0"}))
    instance = running(there, fixed(1, 500, 256, name="now"))
    pair = two_requests(there, instance, Request(fixed(1, 500, 512)), Request(fixed(1, 500, 768, name="more")))
    assert (pair.first.refusal, pair.second.refusal, pair.second.size.memory_mib) == (None, None, 768)
