"""Custom parameters: each text with which they are refused, in order, and what Java takes for a number."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference import refusals
from harness.reference.offering import (
    NO_PARAMETERS,
    CustomParameters,
    Offering,
    Size,
    concrete_size,
    fill_absent,
    parameters_refusal,
    saved_parameters,
    size_at_start,
)
from harness.reference.release import BEFORE, SINCE
from harness.reference.rule import Rule
from harness.reference.settings import MAX_OFFERING_CPUS, MAX_OFFERING_MEMORY, Settings
from tests.reference.worlds import CONSTRAINED, UNCONSTRAINED, fixed

NOTHING_SET = Settings()
ONLY_SPEED_OPEN = Offering("s", "s", 2, None, 512)
MAXIMA = Settings(global_values={MAX_OFFERING_CPUS: "3", MAX_OFFERING_MEMORY: "1000"})
CORES = "Invalid CPU cores value, specify a value between {} and {}"
MEMORY = "Invalid memory value, specify a value between {} and {}"
SPEED = "Invalid CPU speed value, specify a value between 1 and 2147483647"
FIXED_CORES = "The CPU cores of this offering id:s is not customizable. This is predefined in the Template."
FIXED_SPEED = "The CPU speed of this offering id:c is not customizable. This is predefined as 500 MHz."
FIXED_MEMORY = "The memory of this offering id:s is not customizable. This is predefined in the Template."


@pytest.mark.parametrize(
    ("offering", "asked", "settings", "text", "rule"),
    [
        (
            UNCONSTRAINED,
            NO_PARAMETERS,
            NOTHING_SET,
            "Need to specify custom parameter values cpu, cpu speed and memory when using custom offering",
            refusals.MISSING_PARAMETERS,
        ),
        (CONSTRAINED, CustomParameters("0", None, "256"), NOTHING_SET, CORES.format(1, 4), refusals.CPUS_RANGE),
        (CONSTRAINED, CustomParameters("5", None, "256"), NOTHING_SET, CORES.format(1, 4), refusals.CPUS_RANGE),
        (CONSTRAINED, CustomParameters(None, None, "256"), NOTHING_SET, CORES.format(1, 4), refusals.CPUS_RANGE),
        (CONSTRAINED, CustomParameters("4", None, "256"), MAXIMA, CORES.format(1, 3), refusals.CPUS_RANGE),
        (UNCONSTRAINED, CustomParameters("0"), NOTHING_SET, CORES.format(1, 2147483647), refusals.CPUS_RANGE),
        (ONLY_SPEED_OPEN, CustomParameters("2", "500"), NOTHING_SET, FIXED_CORES, refusals.NOT_CUSTOMIZABLE),
        (UNCONSTRAINED, CustomParameters("1", None, "256"), NOTHING_SET, SPEED, refusals.SPEED_RANGE),
        (UNCONSTRAINED, CustomParameters("1", "0", "256"), NOTHING_SET, SPEED, refusals.SPEED_RANGE),
        (CONSTRAINED, CustomParameters("1", "500", "256"), NOTHING_SET, FIXED_SPEED, refusals.NOT_CUSTOMIZABLE),
        (CONSTRAINED, CustomParameters("1", None, "255"), NOTHING_SET, MEMORY.format(256, 8192), refusals.MEMORY_RANGE),
        (CONSTRAINED, CustomParameters("1"), NOTHING_SET, MEMORY.format(256, 8192), refusals.MEMORY_RANGE),
        (CONSTRAINED, CustomParameters("1", None, "1001"), MAXIMA, MEMORY.format(256, 1000), refusals.MEMORY_RANGE),
        (
            UNCONSTRAINED,
            CustomParameters("1", "500", "31"),
            NOTHING_SET,
            MEMORY.format(32, 2147483647),
            refusals.MEMORY_RANGE,
        ),
        (
            ONLY_SPEED_OPEN,
            CustomParameters(None, "500", "512"),
            NOTHING_SET,
            FIXED_MEMORY,
            refusals.NOT_CUSTOMIZABLE,
        ),
        # Of several faults the first in this order is named.
        (CONSTRAINED, CustomParameters("9", "900", "1"), NOTHING_SET, CORES.format(1, 4), refusals.CPUS_RANGE),
        (CONSTRAINED, CustomParameters("1", "900", "1"), NOTHING_SET, FIXED_SPEED, refusals.NOT_CUSTOMIZABLE),
        (UNCONSTRAINED, CustomParameters("1", "-1", "1"), NOTHING_SET, SPEED, refusals.SPEED_RANGE),
    ],
)
def test_each_fault_of_parameters_has_its_text(
    offering: Offering, asked: CustomParameters, settings: Settings, text: str, rule: Rule
) -> None:
    refusal = parameters_refusal(SINCE, offering, asked, settings)
    assert refusal is not None
    assert (refusal.code, refusal.text, refusal.rule) == (431, text, rule)


@pytest.mark.parametrize(
    ("offering", "asked", "text"),
    [
        (CONSTRAINED, CustomParameters("5"), "Invalid cpu cores value, specify a value between 1 and 4"),
        (UNCONSTRAINED, CustomParameters("1"), "Invalid cpu speed value, specify a value between 1 and 2147483647"),
        (CONSTRAINED, CustomParameters("1", None, "1"), MEMORY.format(256, 8192)),
        (
            ONLY_SPEED_OPEN,
            CustomParameters("2", "500"),
            "The cpu cores of this offering id:s is not customizable. This is predefined in the template.",
        ),
        (
            CONSTRAINED,
            CustomParameters("1", "500", "256"),
            "The cpu speed of this offering id:c is not customizable. This is predefined in the template.",
        ),
        (
            ONLY_SPEED_OPEN,
            CustomParameters(None, "500", "512"),
            "The memory of this offering id:s is not customizable. This is predefined in the template.",
        ),
    ],
)
def test_before_the_pull_request_the_texts_are_others(offering: Offering, asked: CustomParameters, text: str) -> None:
    refusal = parameters_refusal(BEFORE, offering, asked, NOTHING_SET)
    assert refusal is not None
    assert (refusal.code, refusal.text) == (431, text)


@pytest.mark.parametrize(
    ("offering", "asked"),
    [
        (ONLY_SPEED_OPEN, CustomParameters(None, "1", None)),
        (CONSTRAINED, CustomParameters("1", None, "256")),
        (CONSTRAINED, CustomParameters("4", None, "8192")),
        (UNCONSTRAINED, CustomParameters("+2", "0500", "32")),
        (fixed(1, 500, 256), CustomParameters("rubbish", "-1", "")),
    ],
)
def test_the_edges_of_the_ranges_are_accepted_and_a_fixed_offering_ignores_all(
    offering: Offering, asked: CustomParameters
) -> None:
    assert parameters_refusal(SINCE, offering, asked, NOTHING_SET) is None


@pytest.mark.parametrize("text", ["", " 2", "2 ", "1_0", "2.0", "0x2", "two", "2147483648", "-2147483649", "9" * 500])
def test_what_java_cannot_parse_counts_as_minus_one(text: str) -> None:
    refusal = parameters_refusal(SINCE, UNCONSTRAINED, CustomParameters(text, "500", "256"), NOTHING_SET)
    assert refusal is not None
    assert refusal.rule is refusals.CPUS_RANGE


@given(cpus=st.none() | st.text(max_size=12), speed=st.none() | st.text(max_size=12), memory=st.none() | st.integers())
def test_any_text_is_refused_or_makes_a_size(cpus: str | None, speed: str | None, memory: int | None) -> None:
    asked = CustomParameters(cpus, speed, None if memory is None else str(memory))
    for offering in (CONSTRAINED, UNCONSTRAINED, ONLY_SPEED_OPEN):
        if parameters_refusal(SINCE, offering, asked, NOTHING_SET) is None:
            size = concrete_size(offering, asked)
            assert min(size.cpus, size.speed_mhz) >= 1
            assert size.memory_mib >= 32


def test_absent_parameters_are_filled_with_the_current_size_only_where_the_offering_leaves_them_open() -> None:
    now = Size(2, 600, 512)
    assert fill_absent(UNCONSTRAINED, NO_PARAMETERS, now) == CustomParameters("2", "600", "512")
    assert fill_absent(CONSTRAINED, NO_PARAMETERS, now) == CustomParameters("2", None, "512")
    assert fill_absent(ONLY_SPEED_OPEN, NO_PARAMETERS, now) == CustomParameters(None, "600", None)
    assert fill_absent(UNCONSTRAINED, CustomParameters("9", "9", "9"), now) == CustomParameters("9", "9", "9")
    assert fill_absent(fixed(1, 1, 1), NO_PARAMETERS, now) == NO_PARAMETERS


def test_what_is_saved_is_what_the_offering_leaves_open_and_before_that_everything() -> None:
    size, before = Size(2, 500, 512), CustomParameters("1", "600", "256")
    assert saved_parameters(SINCE, CONSTRAINED, size, before) == CustomParameters("2", "600", "512")
    assert saved_parameters(BEFORE, CONSTRAINED, size, before) == CustomParameters("2", "500", "512")
    assert saved_parameters(SINCE, ONLY_SPEED_OPEN, size, before) == CustomParameters("1", "500", "256")
    for release in (BEFORE, SINCE):
        assert saved_parameters(release, UNCONSTRAINED, size, before) == CustomParameters("2", "500", "512")
        assert saved_parameters(release, fixed(2, 500, 512), size, before) == before


def test_at_a_start_saved_parameters_win_under_a_custom_offering_only() -> None:
    saved = CustomParameters("2", "600", "512")
    assert size_at_start(CONSTRAINED, saved) == Size(2, 600, 512)
    assert size_at_start(fixed(1, 500, 256), saved) == Size(1, 500, 256)
    with pytest.raises(ValueError, match="memory"):
        size_at_start(CONSTRAINED, replace(saved, memory_mib=None))
