"""Which service offerings can be created, and in which words the others are refused."""

from dataclasses import replace

import pytest

from harness.reference import refusals
from harness.reference.creation import WantedOffering, creation_refusal
from harness.reference.rule import Rule
from harness.reference.settings import MAX_OFFERING_CPUS, MAX_OFFERING_MEMORY, Settings

FIXED = WantedOffering("o", cpus=1, speed_mhz=500, memory_mib=256)
UNCONSTRAINED = WantedOffering("o", customized=True)
CONSTRAINED = WantedOffering("o", speed_mhz=500, min_cpus=1, max_cpus=4, min_memory_mib=256, max_memory_mib=1024)
HALF = (
    "For creating a custom compute offering min/max cpu and min/max memory/cpu speed "
    "should all be null or all specified"
)
FAILED = "Failed to create service offering o: specify the "
NOTHING_SET = Settings()


@pytest.mark.parametrize(
    "wanted",
    [
        FIXED,
        replace(FIXED, speed_mhz=0),
        replace(FIXED, memory_mib=32),
        UNCONSTRAINED,
        CONSTRAINED,
        replace(CONSTRAINED, speed_mhz=0),
        replace(CONSTRAINED, min_cpus=4, max_cpus=1),
    ],
)
def test_each_class_can_be_created_even_with_a_speed_of_0_and_limits_the_wrong_way_round(
    wanted: WantedOffering,
) -> None:
    assert creation_refusal(wanted, NOTHING_SET) is None


@pytest.mark.parametrize(
    ("wanted", "customized"),
    [
        (FIXED, False),
        (WantedOffering("o", cpus=1), True),
        (WantedOffering("o", memory_mib=256), True),
        (replace(FIXED, customized=True), True),
        (WantedOffering("o", customized=False), False),
    ],
)
def test_an_offering_is_custom_where_it_says_so_or_lacks_vcpus_or_memory(
    wanted: WantedOffering, customized: bool
) -> None:
    assert wanted.is_customized is customized


@pytest.mark.parametrize(
    ("wanted", "text", "rule"),
    [
        (
            replace(FIXED, customized=True),
            "For creating a custom compute offering cpu and memory all should be null",
            refusals.CUSTOM_WITH_SIZES,
        ),
        (
            replace(CONSTRAINED, memory_mib=256),
            "For creating a custom compute offering cpu and memory all should be null",
            refusals.CUSTOM_WITH_SIZES,
        ),
        (replace(CONSTRAINED, speed_mhz=None), HALF, refusals.CUSTOM_HALF_CONSTRAINED),
        (replace(CONSTRAINED, min_cpus=None), HALF, refusals.CUSTOM_HALF_CONSTRAINED),
        (replace(CONSTRAINED, max_cpus=None), HALF, refusals.CUSTOM_HALF_CONSTRAINED),
        (replace(CONSTRAINED, min_memory_mib=None), HALF, refusals.CUSTOM_HALF_CONSTRAINED),
        (replace(CONSTRAINED, max_memory_mib=None), HALF, refusals.CUSTOM_HALF_CONSTRAINED),
        (
            replace(CONSTRAINED, speed_mhz=-1),
            FAILED + "cpu speed value between 1 and 2147483647",
            refusals.CUSTOM_LIMITS,
        ),
        (
            replace(CONSTRAINED, min_cpus=0),
            FAILED + "minimum or minimum cpu number value between 1 and 2147483647",
            refusals.CUSTOM_LIMITS,
        ),
        (
            replace(CONSTRAINED, max_cpus=0),
            FAILED + "minimum or minimum cpu number value between 1 and 2147483647",
            refusals.CUSTOM_LIMITS,
        ),
        (
            replace(CONSTRAINED, min_memory_mib=31),
            FAILED + "memory value between 32 and 2147483647 MB",
            refusals.CUSTOM_LIMITS,
        ),
        (replace(FIXED, cpus=0), FAILED + "cpu number value between 1 and 2147483647", refusals.FIXED_SIZES),
        (
            replace(FIXED, cpus=None, customized=False),
            FAILED + "cpu number value between 1 and 2147483647",
            refusals.FIXED_SIZES,
        ),
        (replace(FIXED, speed_mhz=None), FAILED + "cpu speed value between 0 and 2147483647", refusals.FIXED_SIZES),
        (replace(FIXED, speed_mhz=-1), FAILED + "cpu speed value between 0 and 2147483647", refusals.FIXED_SIZES),
        (replace(FIXED, memory_mib=31), FAILED + "memory value between 32 and 2147483647 MB", refusals.FIXED_SIZES),
        (
            replace(FIXED, memory_mib=None, customized=False),
            FAILED + "memory value between 32 and 2147483647 MB",
            refusals.FIXED_SIZES,
        ),
    ],
)
def test_what_cannot_be_created_is_refused_to_the_letter(wanted: WantedOffering, text: str, rule: Rule) -> None:
    refusal = creation_refusal(wanted, NOTHING_SET)
    assert refusal is not None
    assert (refusal.code, refusal.text, refusal.rule) == (431, text, rule)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (replace(FIXED, cpus=5), "cpu number value between 1 and 4"),
        (replace(FIXED, memory_mib=1025), "memory value between 32 and 1024 MB"),
        (replace(FIXED, cpus=4, memory_mib=1024), None),
        (replace(CONSTRAINED, max_cpus=8, max_memory_mib=8192), None),
    ],
)
def test_global_maxima_bind_fixed_offerings_only(wanted: WantedOffering, text: str | None) -> None:
    maxima = Settings(global_values={MAX_OFFERING_CPUS: "4", MAX_OFFERING_MEMORY: "1024"})
    refusal = creation_refusal(wanted, maxima)
    assert (refusal and refusal.text) == (text and FAILED + text)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (WantedOffering("o", cpus=1, customized=True, speed_mhz=-1), "cpu and memory all should be null"),
        (replace(CONSTRAINED, speed_mhz=-1, min_cpus=None), "all be null or all specified"),
        (replace(CONSTRAINED, speed_mhz=-1, min_cpus=0), "cpu speed value between 1 and 2147483647"),
        (replace(CONSTRAINED, min_cpus=0, min_memory_mib=1), "cpu number value between 1 and 2147483647"),
        (replace(FIXED, cpus=0, speed_mhz=-1), "cpu number value between 1 and 2147483647"),
        (replace(FIXED, speed_mhz=-1, memory_mib=1), "cpu speed value between 0 and 2147483647"),
    ],
)
def test_of_two_faults_the_first_is_named(wanted: WantedOffering, text: str) -> None:
    refusal = creation_refusal(wanted, NOTHING_SET)
    assert refusal is not None
    assert refusal.text.endswith(text)
