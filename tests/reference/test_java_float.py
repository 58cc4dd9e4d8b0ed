"""A server shows a setting of a zone or a cluster as Java writes its value; it is the same value all the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference.java_float import float32, written
from harness.reference.settings import (
    CPU_CEILING,
    CPU_OVERCOMMIT,
    CPU_THRESHOLD,
    ENABLE_DYNAMIC_SCALE,
    STRICT_HOST_TAGS,
    is_same_value,
)


# The first four as a real server showed them.
@pytest.mark.parametrize(
    ("number", "text"),
    [(2, "2.0"), (1.50, "1.5"), (0.50, "0.5"), (0.95, "0.95"), (0.1234567891, "0.12345679"), (1000, "1000.0")],
)
def test_a_float_is_written_with_as_few_digits_as_tell_it_from_others(number: float, text: str) -> None:
    assert written(number) == text


@given(st.floats(0.001, 1e6))
def test_what_is_written_is_read_as_the_same_float(number: float) -> None:
    assert float32(float(written(number))) == float32(number)


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        (CPU_OVERCOMMIT, "2", "2.0", True),
        (CPU_OVERCOMMIT, "2", "2.1", False),
        (CPU_THRESHOLD, "0.1234567891", "0.12345679", True),
        (CPU_THRESHOLD, "", "0.5", False),
        (CPU_THRESHOLD, "1e99", "0.5", False),
        (ENABLE_DYNAMIC_SCALE, "TRUE", "true", True),
        (ENABLE_DYNAMIC_SCALE, "true", "false", False),
        (CPU_CEILING, "08", "8", True),
        (CPU_CEILING, "", "8", False),
        (STRICT_HOST_TAGS, "a", "A", False),
        ("some.other.setting", "2", "2.0", False),
    ],
)
def test_two_texts_are_one_value_by_the_kind_of_the_setting(name: str, one: str, other: str, same: bool) -> None:
    assert is_same_value(name, one, other) is same
