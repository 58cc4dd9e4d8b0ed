"""What a start gives in full: the rule of each value, the topology, memory by its cluster's settings; and refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.reference import oddities, refusals, rules
from harness.reference import settings as names
from harness.reference.decision import decide
from harness.reference.domain import Topology, boot_memory_mib, topology
from harness.reference.offering import (
    NO_PARAMETERS,
    CustomParameters,
    Offering,
    Size,
    concrete_size,
    parameters_refusal,
)
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.rule import Rule
from harness.reference.scaling import STOPPED, Outcome
from tests.reference.worlds import CONSTRAINED, SCALING_ON, UNCONSTRAINED, fixed, running, settings_with, world


def _because(limit: Rule, quota: Rule) -> dict[str, Rule]:
    return {
        "memory_kib": rules.BOOT_MEMORY,
        "max_memory_kib": limit,
        "numa_cpus": rules.MAX_MEMORY,
        "vcpus": rules.VCPUS,
        "max_vcpus": limit,
        "topology": rules.TOPOLOGY,
        "shares": rules.SHARES,
        "quota_us": quota,
        "period_us": quota,
        "dimms_kib": rules.DIMM,
        "guest_cpus": rules.VCPUS,
        "guest_memory_mib": rules.BOOT_MEMORY,
    }


@pytest.mark.parametrize(
    ("release", "prepared", "limit"),
    [
        (SINCE, True, rules.CEILINGS),
        (BEFORE, True, rules.CEILINGS_BEFORE),
        (SINCE, False, rules.NO_CEILINGS),
        (BEFORE, False, rules.NO_CEILINGS),
    ],
    ids=["since", "before", "since unprepared", "before unprepared"],
)
@pytest.mark.parametrize(("cap", "quota"), [(True, rules.QUOTA), (False, rules.NO_QUOTA)], ids=["capped", "uncapped"])
def test_each_value_of_a_started_domain_has_its_rule(
    release: Release, prepared: bool, limit: Rule, cap: bool, quota: Rule
) -> None:
    offering = replace(UNCONSTRAINED, cpu_cap=cap)
    domain = running(world(release), offering, Size(1, 500, 256), prepared=prepared).domain
    assert domain.because == _because(limit, quota)


@pytest.mark.parametrize(
    ("cpus", "memory_mib", "vcpu_rule", "memory_rule"),
    [
        ("2", "512", rules.CEILINGS, rules.CEILINGS),
        ("1", "512", oddities.CEILING_BELOW_SIZE, rules.CEILINGS),
        ("2", "256", rules.CEILINGS, oddities.CEILING_BELOW_SIZE),
        # The least that a setting can say, since 0 is no ceiling.
        ("1", "1", oddities.CEILING_BELOW_SIZE, oddities.CEILING_BELOW_SIZE),
    ],
)
def test_a_ceiling_is_below_the_size_only_where_it_is_less(
    cpus: str, memory_mib: str, vcpu_rule: Rule, memory_rule: Rule
) -> None:
    there = world(settings=settings_with({names.CPU_CEILING: cpus, names.MEMORY_CEILING: memory_mib}))
    because = running(there, fixed(2, 500, 512), prepared=True).domain.because
    assert (because["max_vcpus"], because["max_memory_kib"]) == (vcpu_rule, memory_rule)


@pytest.mark.parametrize(
    ("vcpus", "cores", "threads", "expected"),
    [(8, 2, 2, Topology(2, 2, 2)), (6, 1, None, Topology(6, 1, 1)), (6, 4, 2, Topology(1, 6, 1))],
)
def test_cores_and_threads_of_an_instance_count_where_their_product_divides_the_number(
    vcpus: int, cores: int, threads: int | None, expected: Topology
) -> None:
    found = topology(vcpus, cores, threads)
    assert found == expected
    assert repr(found) == repr(expected)


def test_whether_memory_is_divided_is_the_clusters_setting() -> None:
    settings = settings_with({names.DIVIDE_MEMORY: "false", names.MEMORY_OVERCOMMIT: "2"})
    assert boot_memory_mib(settings, "a", 512) == 512


@pytest.mark.parametrize(
    ("lacking", "given"),
    [
        ("cpuNumber", CustomParameters(None, "500", "256")),
        ("cpuSpeed", CustomParameters("1", None, "256")),
        ("memory", CustomParameters("1", "500", None)),
    ],
)
def test_what_neither_offering_nor_parameters_give_is_named(lacking: str, given: CustomParameters) -> None:
    with pytest.raises(ValueError, match=f"^neither the offering nor the parameters give {lacking}$"):
        concrete_size(UNCONSTRAINED, given)


def test_a_refusal_by_the_size_tells_the_size_and_one_before_it_has_none() -> None:
    there = world()
    instance = running(there, fixed(2, 500, 512, name="now"))
    smaller = decide(there, instance, fixed(1, 500, 512), NO_PARAMETERS)
    assert smaller.refusal is not None
    assert (smaller.outcome, smaller.size) == (Outcome.REFUSED, concrete_size(fixed(1, 500, 512), NO_PARAMETERS))
    beyond = decide(there, instance, UNCONSTRAINED, CustomParameters("none", "500", "512"))
    assert beyond.refusal is not None
    assert (beyond.outcome, beyond.size) == (Outcome.REFUSED, None)


@pytest.mark.parametrize("field", ["cpus", "speed_mhz"])
def test_the_largest_number_that_can_be_asked_for_is_the_largest_int(field: str) -> None:
    asked = CustomParameters("1", "500", "256")
    largest, beyond = (replace(asked, **{field: f"{2**31 - 1 + more}"}) for more in (0, 1))
    assert parameters_refusal(SINCE, UNCONSTRAINED, largest, SCALING_ON) is None
    assert parameters_refusal(SINCE, UNCONSTRAINED, beyond, SCALING_ON) is not None


def test_the_least_number_of_vcpus_is_the_offerings() -> None:
    offering = replace(CONSTRAINED, min_cpus=2)
    refused = parameters_refusal(SINCE, offering, CustomParameters("1", None, "256"), SCALING_ON)
    assert refused is not None
    assert "between 2 and 4" in refused.text
    assert parameters_refusal(SINCE, offering, CustomParameters("2", None, "256"), SCALING_ON) is None


@pytest.mark.parametrize(
    ("setting", "larger"),
    [(names.MAX_OFFERING_CPUS, fixed(2, 500, 256)), (names.MAX_OFFERING_MEMORY, fixed(1, 600, 256))],
)
def test_the_least_that_an_offering_may_have_at_most_is_one(setting: str, larger: Offering) -> None:
    there = world(settings=settings_with(global_values={setting: "1"}))
    stopped = replace(running(there, fixed(1, 500, 256, name="now")), state=STOPPED)
    refusal = decide(there, stopped, larger, NO_PARAMETERS).refusal
    assert refusal is not None
    assert refusal.rule is refusals.LARGEST_SIZES


def test_a_stopped_instance_that_is_refused_is_left_as_it_was() -> None:
    there = world()
    stopped = replace(running(there, fixed(1, 500, 256, name="now")), state=STOPPED)
    refused = decide(there, stopped, UNCONSTRAINED, CustomParameters("none", "500", "256"))
    assert refused.refusal is not None
    assert (refused.outcome, refused.size) == (Outcome.REFUSED, None)
