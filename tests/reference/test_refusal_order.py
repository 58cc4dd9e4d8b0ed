"""Every refusal of a scale in its place: of any two that apply, the one that CloudStack checks first is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from harness.reference import refusals
from harness.reference import settings as names
from harness.reference.capacity import AccountLimits
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.rule import Rule
from harness.reference.scaling import STOPPED, Instance, World, decide
from tests.reference.worlds import fixed, running, settings_with, world


@dataclass(frozen=True)
class Situation:
    """A scale that would be granted, until faults are added to it."""

    world: World
    instance: Instance
    offering: Offering
    asked: CustomParameters = NO_PARAMETERS

    def rule(self) -> Rule:
        refusal = decide(self.world, self.instance, self.offering, self.asked).refusal
        assert refusal is not None
        return refusal.rule


Fault = Callable[[Situation], Situation]


def _instance(**changes: object) -> Fault:
    return lambda there: replace(there, instance=replace(there.instance, **changes))


def _current(**changes: object) -> Fault:
    return lambda there: replace(
        there, instance=replace(there.instance, offering=replace(there.instance.offering, **changes))
    )


def _offering(**changes: object) -> Fault:
    return lambda there: replace(there, offering=replace(there.offering, **changes))


def _setting(name: str, value: str) -> Fault:
    def set_to(there: Situation) -> Situation:
        values = {**there.world.settings.global_values, name: value}
        return replace(there, world=replace(there.world, settings=replace(there.world.settings, global_values=values)))

    return set_to


def _strict_tags(there: Situation) -> Situation:
    return _offering(host_tags=frozenset({"gpu"}))(_setting(names.STRICT_HOST_TAGS, "gpu")(there))


def _custom_out_of_range(there: Situation) -> Situation:
    opened = replace(there.offering, cpus=None, min_cpus=1, max_cpus=4)
    return replace(there, offering=opened, asked=CustomParameters(cpus="0"))


def _shrinking(there: Situation) -> Situation:
    return replace(there, instance=replace(there.instance, size=Size(64, 500, 256)))


def _zone_off(there: Situation) -> Situation:
    settings = replace(there.world.settings, zone={names.ENABLE_DYNAMIC_SCALE: "false"})
    return replace(there, world=replace(there.world, settings=settings))


def _limits(there: Situation) -> Situation:
    return _instance(limits=AccountLimits("someone", cpus=1, memory_mib=1))(there)


def _full(there: Situation) -> Situation:
    """Neither this host nor another one has room; the thresholds do not mind."""
    hosts = tuple(replace(host, used_memory_bytes=host.memory_bytes) for host in there.world.hosts)
    return replace(there, world=replace(there.world, hosts=hosts))


THRESHOLD = _setting(names.CPU_THRESHOLD, "0.0")
LAST = [
    (refusals.VGPU, _current(vgpu_type="large")),
    (refusals.RESOURCE_LIMIT, _limits),
    (refusals.ZONE_DISABLED, _zone_off),
    (refusals.NO_TOOLS, _instance(flag=False)),
    (refusals.CLUSTER_THRESHOLD, THRESHOLD),
    (refusals.NO_ATTEMPT, _setting(names.SCALE_RETRY, "0")),
]
FIRST = [
    (refusals.STRICT_TAGS, _strict_tags),
    (refusals.HYPERVISOR, _instance(hypervisor="Hyperv")),
    (refusals.CPUS_RANGE, _custom_out_of_range),
    (refusals.INACTIVE_OFFERING, _offering(active=False)),
    (refusals.WRONG_STATE, _instance(state="Migrating")),
    (refusals.STORAGE_TYPE, _offering(local_storage=True)),
    (refusals.SYSTEM_FLAG, _offering(for_system_vms=True)),
    (refusals.STORAGE_TAGS, _current(storage_tags=frozenset({"ssd"}))),
    (refusals.FLAGS_DIFFER, _offering(dynamic_scaling=False)),
    (refusals.DISK_STRICTNESS, _offering(disk_strict=True)),
]
ORDER = {
    SINCE: [
        *FIRST,
        (refusals.SCALING_DOWN, _shrinking),
        *LAST,
        (refusals.AUTO_MIGRATE_OFF, lambda there: _full(_setting(names.AUTO_MIGRATE, "false")(there))),
    ],
    BEFORE: [
        *FIRST,
        (refusals.NOT_LARGER_BEFORE, _shrinking),
        (refusals.FIXED_OFFERING_BEFORE, _current(cpus=1, speed_mhz=500, memory_mib=256)),
        *LAST,
        (refusals.NO_DESTINATION, _full),
    ],
}
STOPPED_ORDER = [
    (refusals.INACTIVE_WHILE_STOPPED, _offering(active=False)),
    (refusals.CPUS_RANGE, _custom_out_of_range),
    (refusals.DISK_STRICTNESS, _offering(disk_strict=True)),
    (refusals.RESOURCE_LIMIT, _limits),
    (refusals.STORAGE_TYPE, _offering(local_storage=True)),
    (refusals.SYSTEM_FLAG, _offering(for_system_vms=True)),
    (refusals.STORAGE_TAGS, _current(storage_tags=frozenset({"ssd"}))),
]


def _granted(release: Release, state: str = "Running") -> Situation:
    # Thresholds are far away, so that a full cluster ends in the search for a host.
    settings = settings_with({names.CPU_THRESHOLD: "9", names.MEMORY_THRESHOLD: "9"})
    settings = replace(settings, clusters={}, global_values=settings.clusters["a"])
    there = world(release, settings)
    now = Offering("now", "now", None, None, None) if release is BEFORE else fixed(1, 500, 256, name="now")
    instance = replace(running(there, now, Size(1, 500, 256)), state=state)
    return Situation(there, instance, fixed(2, 500, 512))


def _pairs(faults: list[tuple[Rule, Fault]]) -> list[tuple[Rule, Fault, Fault]]:
    return [
        (rule, first, second)
        for index, (rule, first) in enumerate(faults)
        for _, second in faults[index + 1 : index + 2] or [(rule, first)]
    ]


@pytest.mark.parametrize("release", [BEFORE, SINCE])
def test_without_a_fault_the_scale_is_granted(release: Release) -> None:
    there = _granted(release)
    assert decide(there.world, there.instance, there.offering, there.asked).refusal is None


@pytest.mark.parametrize(
    ("release", "rule", "first", "second"),
    [
        pytest.param(release, rule, first, second, id=f"{release.name}-{rule.id}")
        for release, faults in ORDER.items()
        for rule, first, second in _pairs(faults)
    ],
)
def test_of_two_faults_of_a_running_instance_the_first_is_named(
    release: Release, rule: Rule, first: Fault, second: Fault
) -> None:
    there = _granted(release)
    assert first(there).rule() is rule
    assert first(second(there)).rule() is rule


@pytest.mark.parametrize(
    ("rule", "first", "second"), [pytest.param(*pair, id=pair[0].id) for pair in _pairs(STOPPED_ORDER)]
)
@pytest.mark.parametrize("release", [BEFORE, SINCE])
def test_of_two_faults_of_a_stopped_instance_the_first_is_named(
    release: Release, rule: Rule, first: Fault, second: Fault
) -> None:
    there = _granted(release, STOPPED)
    assert first(there).rule() is rule
    assert first(second(there)).rule() is rule


@pytest.mark.parametrize("release", [BEFORE, SINCE])
@pytest.mark.parametrize(
    "fault",
    [
        _offering(dynamic_scaling=False),
        _shrinking,
        _zone_off,
        _instance(flag=False),
        THRESHOLD,
        _full,
        _strict_tags,
        _current(vgpu_type="large"),
        _instance(hypervisor="Hyperv"),
    ],
)
def test_what_only_concerns_live_scaling_does_not_stop_a_stopped_instance(release: Release, fault: Fault) -> None:
    there = fault(_granted(release, STOPPED))
    assert decide(there.world, there.instance, there.offering, there.asked).refusal is None


@pytest.mark.parametrize("state", ["Running", STOPPED, "Migrating"])
def test_an_external_hypervisor_is_refused_before_anything_else(state: str) -> None:
    there = _offering(active=False)(_instance(hypervisor="External")(_granted(SINCE, state)))
    refusal = decide(there.world, there.instance, there.offering, there.asked).refusal
    assert refusal is not None
    assert (refusal.code, refusal.text) == (431, "Operation not supported for instance: i-2-3-VM")


def test_the_same_offering_comes_after_the_state_and_before_the_storage() -> None:
    there = _granted(SINCE)
    same = replace(there, offering=there.instance.offering)
    assert same.rule() is refusals.SAME_OFFERING
    assert _instance(state="Error")(same).rule() is refusals.WRONG_STATE
    assert _offering(local_storage=True)(same).rule() is refusals.SAME_OFFERING


def test_the_disk_offering_comes_after_its_strictness_and_before_the_sizes() -> None:
    there = _offering(disk_strict=True, disk_offering_id="d2")(
        _current(disk_strict=True, disk_offering_id="d1")(_granted(SINCE))
    )
    assert there.rule() is refusals.DISK_OFFERING
    assert _shrinking(there).rule() is refusals.DISK_OFFERING
    assert _current(disk_strict=False)(there).rule() is refusals.DISK_STRICTNESS


def test_an_equal_size_comes_before_limits_and_vgpu() -> None:
    there = replace(_granted(SINCE), offering=fixed(1, 500, 256))
    assert there.rule() is refusals.SAME_SIZE
    assert _limits(there).rule() is refusals.SAME_SIZE
    assert _current(vgpu_type="large")(there).rule() is refusals.SAME_SIZE
