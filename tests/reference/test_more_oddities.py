"""Oddities of the domain that a prediction tells, and starts without a memory balloon."""

from dataclasses import replace

import pytest

from harness.reference import oddities
from harness.reference.capacity import Host
from harness.reference.domain import Domain, Topology, domain_at_start, topology
from harness.reference.offering import NO_PARAMETERS, Size
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.rule import Rule
from harness.reference.scaling import Instance, World, predict
from harness.reference.settings import (
    CPU_CEILING,
    MAX_OFFERING_CPUS,
    MAX_OFFERING_MEMORY,
    MEMORY_CEILING,
    MEMORY_OVERCOMMIT,
    Settings,
    seeded_by_upgrade,
)
from tests.reference.worlds import SCALING_ON, SMALL, fixed, running, world

STARTED = fixed(1, 500, 256, name="now")


def _oddities(there: World, instance: Instance, cpus: int = 2, memory_mib: int = 256) -> tuple[Rule, ...]:
    return predict(there, instance, fixed(cpus, 500, memory_mib), NO_PARAMETERS).oddities


def test_shares_that_are_higher_than_the_new_size_gives_are_told() -> None:
    there = world()
    instance = running(there, STARTED)
    raised = replace(instance, domain=replace(instance.domain, shares=4000))
    assert oddities.SHARES_KEPT in _oddities(there, raised)
    assert oddities.SHARES_KEPT not in _oddities(there, instance)


def test_shares_that_overflow_on_cgroup_v2_are_told() -> None:
    huge = Host("h1", "kvm1", "a", cpus=512, speed_mhz=5000, memory_bytes=2**40, cgroup_version=2)
    there = World(SINCE, SCALING_ON, (huge,))
    instance = running(there, STARTED)
    assert oddities.SHARES_PRODUCT_WRAPS in _oddities(there, instance, cpus=430)
    assert oddities.SHARES_PRODUCT_WRAPS not in _oddities(there, instance, cpus=429)


def test_ceilings_that_are_not_the_destinations_are_told() -> None:
    full = world(small_used_mib=3900)
    assert oddities.CEILINGS_OF_THE_START in _oddities(full, running(full, STARTED), memory_mib=1024)
    settings = Settings(zone=SCALING_ON.zone, clusters={"a": {CPU_CEILING: "4", MEMORY_CEILING: "4096"}})
    same = world(settings=settings, small_used_mib=3900)
    assert oddities.CEILINGS_OF_THE_START not in _oddities(same, running(same, STARTED), memory_mib=1024)
    roomy = world()
    assert oddities.CEILINGS_OF_THE_START not in _oddities(roomy, running(roomy, STARTED), memory_mib=1024)


def _at_start(release: Release, settings: Settings, *, ballooning: bool = True) -> Domain:
    return domain_at_start(
        release, settings, SMALL, STARTED, Size(2, 500, 512), cpu_cap=False, prepared=True, ballooning=ballooning
    )


def test_a_ceiling_below_the_size_is_told_where_the_domain_shows_it() -> None:
    low = _at_start(SINCE, Settings(clusters={"a": {CPU_CEILING: "1", MEMORY_CEILING: "256"}}))
    assert (low.vcpus, low.max_vcpus, low.max_memory_kib) == (2, 1, None)
    assert low.because["max_vcpus"] is oddities.CEILING_BELOW_SIZE
    assert low.because["max_memory_kib"] is oddities.CEILING_BELOW_SIZE
    assert oddities.CEILING_BELOW_SIZE not in _at_start(SINCE, Settings()).because.values()


def test_without_a_balloon_memory_at_start_is_what_was_asked_for_or_up_to_4_22_the_ceiling() -> None:
    overcommitted = Settings(global_values={MEMORY_OVERCOMMIT: "2"})
    assert _at_start(SINCE, overcommitted).memory_kib == 256 * 1024
    assert _at_start(SINCE, overcommitted, ballooning=False).memory_kib == 512 * 1024
    assert _at_start(BEFORE, overcommitted, ballooning=False).memory_kib == 4 * 1024 * 1024


@pytest.mark.parametrize(
    ("vcpus", "cores", "threads", "expected"),
    [
        (8, 2, None, Topology(4, 2, 1)),
        (8, 2, 2, Topology(2, 2, 2)),
        (8, 3, None, Topology(2, 4, 1)),
        (8, 16, None, Topology(2, 4, 1)),
        (8, 0, None, Topology(2, 4, 1)),
        (8, None, 2, Topology(2, 4, 1)),
    ],
)
def test_an_instances_own_topology_counts_where_it_divides_the_vcpus(
    vcpus: int, cores: int | None, threads: int | None, expected: Topology
) -> None:
    assert topology(vcpus, cores, threads) == expected


def test_an_upgrade_seeds_the_ceilings_with_the_maxima_of_offerings() -> None:
    before = Settings(global_values={MAX_OFFERING_CPUS: "16", MAX_OFFERING_MEMORY: "65536"})
    assert seeded_by_upgrade(before) == {CPU_CEILING: "16", MEMORY_CEILING: "65536"}
    assert seeded_by_upgrade(Settings()) == {CPU_CEILING: "0", MEMORY_CEILING: "0"}
