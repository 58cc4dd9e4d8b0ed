"""The test matrix of the fact sheet where a pure function can tell: ceilings, CPU cap, migration, both releases."""

from dataclasses import replace

import pytest

from harness.reference import refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.domain import Ceilings, Domain, ceilings, domain_at_start
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.rule import Rule
from harness.reference.scaling import STOPPED, Instance, Outcome, Prediction, World, predict
from harness.reference.settings import CPU_CEILING, MEMORY_CEILING, Settings
from tests.reference.worlds import CONSTRAINED, GIB, UNCONSTRAINED, fixed, running, settings_with, world

BIG = Host("h", "big", "a", cpus=16, speed_mhz=2000, memory_bytes=64 * GIB)
NOW = fixed(1, 500, 256, name="now")
REMOVED = 17592186044415


def _start(settings: Settings, offering: Offering, size: Size, *, cap: bool = True, prepared: bool = True) -> Domain:
    return domain_at_start(SINCE, settings, BIG, offering, size, cpu_cap=cap, prepared=prepared)


def test_the_worked_example_of_the_domains_elements() -> None:
    size, offering = Size(2, 1000, 2048), fixed(2, 1000, 2048)
    domain = _start(Settings(), offering, size)
    assert (domain.memory_kib, domain.boot_memory_kib, domain.max_memory_kib) == (2097152, 2097152, 67108864)
    assert (domain.numa_cpus, domain.numa_memory_kib) == ("0-15", 2097152)
    assert (domain.vcpus, domain.max_vcpus) == (2, 16)
    assert (domain.shares, domain.quota_us, domain.period_us) == (2000, 5000, 10000)
    bare = _start(Settings(), offering, size, cap=False, prepared=False)
    assert (bare.max_memory_kib, bare.numa_cpus, bare.numa_memory_kib) == (None, None, None)
    assert (bare.vcpus, bare.max_vcpus, bare.quota_us, bare.period_us) == (2, 2, None, None)


def test_ceilings_equal_to_the_size_look_unprepared() -> None:
    domain = _start(
        settings_with({CPU_CEILING: "2", MEMORY_CEILING: "2048"}), fixed(2, 1000, 2048), Size(2, 1000, 2048)
    )
    assert (domain.prepared, domain.max_memory_kib, domain.max_vcpus) == (True, None, 2)


def test_ceilings_below_the_size_are_not_raised_to_it() -> None:
    domain = _start(
        settings_with({CPU_CEILING: "1", MEMORY_CEILING: "1024"}), fixed(2, 1000, 2048), Size(2, 1000, 2048)
    )
    assert (domain.max_memory_kib, domain.vcpus, domain.max_vcpus) == (None, 2, 1)


def test_a_single_possible_vcpu_is_a_range_of_one() -> None:
    domain = _start(settings_with({CPU_CEILING: "1"}), NOW, Size(1, 500, 256))
    assert (domain.max_vcpus, domain.numa_cpus) == (1, "0")


@pytest.mark.parametrize(
    ("cluster", "everywhere", "expected"),
    [
        pytest.param({MEMORY_CEILING: "0", CPU_CEILING: "0"}, {}, (65536, 16), id="LIM-01"),
        pytest.param({MEMORY_CEILING: "-1", CPU_CEILING: "-1"}, {}, (65536, 16), id="LIM-02"),
        pytest.param({CPU_CEILING: "8"}, {}, (65536, 8), id="LIM-03"),
        pytest.param({MEMORY_CEILING: "8192"}, {}, (8192, 16), id="LIM-04"),
        pytest.param({MEMORY_CEILING: "8192", CPU_CEILING: "0"}, {}, (8192, 16), id="LIM-05"),
        pytest.param({CPU_CEILING: "5"}, {CPU_CEILING: "6", MEMORY_CEILING: "512"}, (512, 5), id="LIM-06"),
        pytest.param({CPU_CEILING: "0"}, {CPU_CEILING: "6"}, (65536, 16), id="LIM-06-zero-wins"),
        pytest.param({CPU_CEILING: "99", MEMORY_CEILING: "999999"}, {}, (999999, 99), id="above-the-host"),
    ],
)
@pytest.mark.parametrize("offering", [NOW, CONSTRAINED, UNCONSTRAINED], ids=lambda offering: offering.offering_class)
def test_ceilings_are_the_clusters_settings_or_the_host_for_each_class(
    offering: Offering, cluster: dict[str, str], everywhere: dict[str, str], expected: tuple[int, int]
) -> None:
    settings = settings_with(cluster, global_values={**everywhere, names.MAX_OFFERING_CPUS: "3"})
    memory_mib, vcpus = expected
    assert ceilings(SINCE, settings, offering, host=BIG) == Ceilings(memory_mib * 1048576, vcpus)


@pytest.mark.parametrize(
    ("offering", "maxima", "expected"),
    [
        (CONSTRAINED, {names.MAX_OFFERING_CPUS: "3", names.MAX_OFFERING_MEMORY: "300"}, (8192, 4)),
        (replace(CONSTRAINED, max_cpus=None, max_memory_mib=None), {}, (65536, 16)),
        (UNCONSTRAINED, {names.MAX_OFFERING_CPUS: "3", names.MAX_OFFERING_MEMORY: "300"}, (300, 3)),
        (UNCONSTRAINED, {}, (65536, 16)),
    ],
)
def test_before_the_pull_request_ceilings_are_the_offerings_or_the_global_maxima(
    offering: Offering, maxima: dict[str, str], expected: tuple[int, int]
) -> None:
    settings = settings_with({CPU_CEILING: "7", MEMORY_CEILING: "777"}, global_values=maxima)
    assert ceilings(BEFORE, settings, offering, host=BIG) == Ceilings(expected[0] * 1048576, expected[1])


def _scaled(offering: Offering, there: World | None = None, now: Offering = NOW) -> tuple[Instance, Prediction]:
    there = there or world()
    instance = running(there, now)
    return instance, predict(there, instance, offering, NO_PARAMETERS)


@pytest.mark.parametrize(
    ("wanted", "failure"),
    [
        pytest.param(fixed(4, 500, 1024), None, id="LIM-07"),
        pytest.param(fixed(5, 500, 256), rules.HOTPLUG, id="LIM-08"),
        pytest.param(fixed(1, 500, 1152), rules.DIMM, id="LIM-09"),
    ],
)
def test_a_ceiling_is_reached_and_not_passed(wanted: Offering, failure: Rule | None) -> None:
    there = world(settings=settings_with({CPU_CEILING: "4", MEMORY_CEILING: "1024"}))
    instance, prediction = _scaled(wanted, there)
    if failure is None:
        assert (prediction.outcome, prediction.domain.vcpus) == (Outcome.IN_PLACE, 4)
        return
    assert prediction.refusal is not None
    assert (prediction.refusal.code, prediction.refusal.text) == (530, "Unable to reconfigure VM.")
    assert prediction.refusal.rule is failure
    assert (prediction.offering, prediction.domain) == (instance.offering, instance.domain)


def test_with_the_host_as_ceiling_its_capability_is_asked_first() -> None:
    there = world()
    alone = replace(there, hosts=(there.hosts[0],))
    for wanted in (fixed(9, 500, 256), fixed(1, 500, 5120)):
        _, prediction = _scaled(wanted, alone)
        assert prediction.refusal is not None
        assert prediction.refusal.rule in (refusals.NO_DESTINATION, refusals.CLUSTER_THRESHOLD)
        assert prediction.refusal.text == "Failed to scale the VM"


@pytest.mark.parametrize(
    ("was_capped", "capped", "cpus", "speed", "quota", "period", "rule"),
    [
        pytest.param(False, True, 2, 500, 2500, 10000, rules.QUOTA_UPDATED, id="CAP-01"),
        pytest.param(False, True, 1, 500, 2500, 10000, rules.QUOTA_UPDATED, id="CAP-02"),
        pytest.param(True, False, 2, 500, REMOVED, 10000, rules.QUOTA_REMOVED, id="CAP-03"),
        pytest.param(True, False, 1, 500, REMOVED, 10000, rules.QUOTA_REMOVED, id="CAP-04"),
        pytest.param(True, True, 1, 1000, 5000, 10000, rules.QUOTA_UPDATED, id="CAP-05"),
        pytest.param(True, True, 2, 500, 2500, 10000, rules.QUOTA_UPDATED, id="CAP-06"),
        pytest.param(False, False, 2, 700, None, None, rules.NO_QUOTA, id="CAP-07"),
    ],
)
def test_the_table_of_old_and_new_cap(
    was_capped: bool, capped: bool, cpus: int, speed: int, quota: int | None, period: int | None, rule: Rule
) -> None:
    _, prediction = _scaled(fixed(cpus, speed, 256, cap=capped), now=fixed(1, 500, 256, name="now", cap=was_capped))
    assert prediction.outcome is Outcome.IN_PLACE
    assert (prediction.domain.quota_us, prediction.domain.period_us) == (quota, period)
    assert prediction.domain.because["quota_us"] is prediction.domain.because["period_us"] is rule


def test_a_cap_that_is_removed_can_be_set_again() -> None:
    there = world()
    capped, free = (fixed(1, 500, 256, name=name, cap=cap) for name, cap in (("capped", True), ("free", False)))
    first = predict(there, running(there, capped), free, NO_PARAMETERS)
    middle = replace(running(there, capped), offering=free, cpu_cap=first.cpu_cap, domain=first.domain)
    again = predict(there, middle, replace(capped, id="again"), NO_PARAMETERS)
    assert (first.domain.quota_us, first.domain.scheduler_quota_us, again.domain.quota_us) == (REMOVED, REMOVED, 2500)


def test_a_small_part_of_a_cpu_has_the_least_quota_and_a_longer_period() -> None:
    _, prediction = _scaled(fixed(1, 60, 256, cap=True), now=fixed(1, 60, 256, name="now"))
    assert (prediction.domain.quota_us, prediction.domain.period_us) == (1000, 33333)


def test_before_the_pull_request_a_new_cap_waits_for_the_restart() -> None:
    there = world(BEFORE)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256))
    prediction = predict(there, instance, replace(CONSTRAINED, cpu_cap=True), CustomParameters("2"))
    assert (prediction.cpu_cap, prediction.domain.quota_us) == (True, None)
    assert prediction.domain.because["quota_us"] is rules.QUOTA_STALE


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        pytest.param({}, "Unable to reconfigure VM.", id="MIG-11"),
        pytest.param({CPU_CEILING: "16", MEMORY_CEILING: "8192"}, None, id="MIG-12"),
    ],
)
def test_above_the_starting_hosts_totals_only_settings_let_an_instance_grow(
    cluster: dict[str, str], expected: str | None
) -> None:
    _, prediction = _scaled(fixed(2, 500, 5120), world(settings=settings_with(cluster)))
    assert prediction.host_ids == ("h2",)
    assert (prediction.refusal and prediction.refusal.text) == expected
    assert prediction.size == (Size(1, 500, 256) if expected else Size(2, 500, 5120))


def test_a_candidate_in_another_cluster_does_not_count() -> None:
    there = world()
    instance = running(there, NOW, on="h3")
    refusal = predict(there, instance, fixed(2, 500, 9000), NO_PARAMETERS).refusal
    assert refusal is not None
    assert refusal.rule is refusals.NO_DESTINATION


def test_a_stopped_instance_may_shrink_and_starts_with_the_new_size() -> None:
    there = world()
    large = fixed(4, 1000, 2048, name="large")
    prediction = predict(there, replace(running(there, large), state=STOPPED), NOW, NO_PARAMETERS)
    assert (prediction.outcome, prediction.size, prediction.flag) == (Outcome.STORED, Size(1, 500, 256), True)
    assert rules.STORED in prediction.rules


@pytest.mark.parametrize("release", [BEFORE, SINCE])
def test_the_flag_goes_down_with_an_offering_while_stopped(release: Release) -> None:
    there = world(release)
    stopped = replace(running(there, NOW), state=STOPPED)
    unscalable = replace(fixed(2, 500, 512), dynamic_scaling=False)
    prediction = predict(there, stopped, unscalable, NO_PARAMETERS)
    assert (prediction.outcome, prediction.flag) == (Outcome.STORED, False)


@pytest.mark.parametrize(("release", "wanted"), [(BEFORE, refusals.NOT_LARGER_BEFORE), (SINCE, refusals.SCALING_DOWN)])
def test_a_fixed_instance_that_shrinks_is_told_of_its_size_in_both_releases(release: Release, wanted: Rule) -> None:
    there = world(release)
    refusal = predict(there, running(there, fixed(2, 500, 512)), NOW, NO_PARAMETERS).refusal
    assert refusal is not None
    assert refusal.rule is wanted


@pytest.mark.parametrize(("release", "text"), [(BEFORE, "Unhandled exception"), (SINCE, "Unable to reconfigure VM.")])
def test_an_agents_failure_has_one_text_for_each_release(release: Release, text: str) -> None:
    there = world(release)
    instance = running(there, UNCONSTRAINED, Size(1, 500, 256), prepared=False)
    refusal = predict(there, instance, UNCONSTRAINED, CustomParameters(None, None, "512")).refusal
    assert refusal is not None
    assert (refusal.code, refusal.text, refusal.rule) == (530, text, refusals.NOT_PREPARED_MEMORY)
