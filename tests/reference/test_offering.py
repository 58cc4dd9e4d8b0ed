"""Offering classes, custom parameters and the sizes they make."""

import pytest

from harness.reference.offering import (
    CustomParameters,
    Offering,
    OfferingClass,
    Size,
    concrete_size,
    fill_absent,
    parameters_for,
    parameters_refusal,
)
from harness.reference.release import SINCE
from harness.reference.settings import MAX_OFFERING_CPUS, MAX_OFFERING_MEMORY, Settings

FIXED = Offering("f", "fixed", 2, 1000, 1024)
CONSTRAINED = Offering(
    "c", "constrained", None, 500, None, min_cpus=1, max_cpus=4, min_memory_mib=256, max_memory_mib=1024
)
UNCONSTRAINED = Offering("u", "unconstrained", None, None, None)
NO_SETTINGS = Settings()


def test_the_class_of_an_offering_is_what_it_leaves_open() -> None:
    assert FIXED.offering_class is OfferingClass.FIXED
    assert CONSTRAINED.offering_class is OfferingClass.CONSTRAINED
    assert UNCONSTRAINED.offering_class is OfferingClass.UNCONSTRAINED


@pytest.mark.parametrize("offering", [FIXED, CONSTRAINED, UNCONSTRAINED])
def test_parameters_for_a_size_make_it_and_are_accepted(offering: Offering) -> None:
    size = Size(2, offering.speed_mhz or 700, 1024)
    parameters = parameters_for(offering, size)
    assert concrete_size(offering, parameters) == size
    assert parameters_refusal(SINCE, offering, parameters, NO_SETTINGS) is None


def test_absent_parameters_are_filled_with_current_values_where_the_offering_leaves_them_open() -> None:
    filled = fill_absent(CONSTRAINED, CustomParameters(cpus="3"), Size(1, 900, 512))
    assert filled == CustomParameters(cpus="3", memory_mib="512")
    assert fill_absent(UNCONSTRAINED, CustomParameters(), Size(1, 900, 512)) == CustomParameters("1", "900", "512")
    assert fill_absent(FIXED, CustomParameters(), Size(1, 900, 512)).is_empty


@pytest.mark.parametrize(
    ("offering", "asked", "text"),
    [
        (
            UNCONSTRAINED,
            CustomParameters(),
            "Need to specify custom parameter values cpu, cpu speed and memory when using custom offering",
        ),
        (CONSTRAINED, CustomParameters("5", None, "512"), "Invalid CPU cores value, specify a value between 1 and 4"),
        (CONSTRAINED, CustomParameters("x", None, "512"), "Invalid CPU cores value, specify a value between 1 and 4"),
        (
            CONSTRAINED,
            CustomParameters("2", None, "2048"),
            "Invalid memory value, specify a value between 256 and 1024",
        ),
        (
            CONSTRAINED,
            CustomParameters("2", "900", "512"),
            "The CPU speed of this offering id:c is not customizable. This is predefined as 500 MHz.",
        ),
        (
            UNCONSTRAINED,
            CustomParameters("2", "0", "512"),
            "Invalid CPU speed value, specify a value between 1 and 2147483647",
        ),
        (
            UNCONSTRAINED,
            CustomParameters("2", "500", "16"),
            "Invalid memory value, specify a value between 32 and 2147483647",
        ),
        (
            UNCONSTRAINED,
            CustomParameters("99999999999", "500", "512"),
            "Invalid CPU cores value, specify a value between 1 and 2147483647",
        ),
    ],
)
def test_parameters_out_of_order_are_refused(offering: Offering, asked: CustomParameters, text: str) -> None:
    refusal = parameters_refusal(SINCE, offering, asked, NO_SETTINGS)
    assert refusal is not None
    assert (refusal.code, refusal.text) == (431, text)


def test_parameters_in_range_and_those_of_a_fixed_offering_are_accepted() -> None:
    assert parameters_refusal(SINCE, CONSTRAINED, CustomParameters("4", None, "1024"), NO_SETTINGS) is None
    assert parameters_refusal(SINCE, FIXED, CustomParameters("99", "1", "1"), NO_SETTINGS) is None


def test_global_maxima_narrow_the_range() -> None:
    settings = Settings(global_values={MAX_OFFERING_CPUS: "2", MAX_OFFERING_MEMORY: "300"})
    cpus = parameters_refusal(SINCE, CONSTRAINED, CustomParameters("3", None, "256"), settings)
    memory = parameters_refusal(SINCE, CONSTRAINED, CustomParameters("2", None, "512"), settings)
    assert cpus is not None
    assert cpus.text.endswith("between 1 and 2")
    assert memory is not None
    assert memory.text.endswith("between 256 and 300")


def test_what_the_offering_fixes_wins_over_parameters() -> None:
    assert concrete_size(CONSTRAINED, CustomParameters("2", "900", "512")) == Size(2, 500, 512)


def test_a_size_that_nobody_gives_is_an_error() -> None:
    with pytest.raises(ValueError, match="cpuNumber"):
        concrete_size(UNCONSTRAINED, CustomParameters())
