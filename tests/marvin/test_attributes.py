"""Which tests -a and -A select, against what nose 1.3.7 does."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.marvin.attributes import AttributeExpressionError, Selection


def _test(**attributes: Any) -> object:
    return type("Method", (), attributes)()


SCALE = _test(tags=["advanced", "Basic"], required_hardware="false", hypervisor="XenServer", slow=True, zero=0)


@pytest.mark.parametrize(
    ("attributes", "taken"),
    [
        ((), True),
        (("tags=advanced",), True),
        (("tags=ADVANCED",), True),
        (("tags=basic",), True),
        (("tags=adv",), False),
        (("tags=advanced,required_hardware=false",), True),
        (("tags=advanced,required_hardware=true",), False),
        (("tags=advanced,required_hardware=true", "slow"), True),
        (("tags=sg", "tags=eip"), False),
        (("hypervisor=xenserver",), True),
        (("slow",), True),
        (("!slow",), False),
        (("zero",), False),
        (("!zero",), True),
        (("!nothing",), True),
        (("nothing",), False),
        (("nothing=false",), True),
        (("tags=advanced,",), True),
        ((" slow ",), True),
        (("tags",), True),
    ],
)
def test_minus_a_selects_as_nose_does(attributes: tuple[str, ...], taken: bool) -> None:
    assert Selection(attributes).takes(SCALE, None) is taken


@pytest.mark.parametrize(
    ("expression", "taken"),
    [
        ("slow and not nothing", True),
        ("'sg' in tags", False),
        ("hypervisor.lower() == 'xenserver' or nothing", True),
        # As in nose, a function of Python's own is an attribute that is not there.
        ("not len", True),
    ],
)
def test_an_expression_sees_attributes_as_names(expression: str, taken: bool) -> None:
    assert Selection(expressions=[expression]).takes(SCALE, None) is taken


@pytest.mark.parametrize("wrong", ["slow and", "tags + 1"])
def test_an_expression_that_fails_is_said_in_one_line(wrong: str) -> None:
    with pytest.raises(AttributeExpressionError, match="--eval-attr") as raised:
        Selection(expressions=[wrong]).takes(SCALE, None)
    assert "\n" not in str(raised.value)


def test_the_class_is_asked_where_the_method_has_no_such_attribute() -> None:
    owner = type("Owner", (), {"tags": ["basic"], "team": "scaling"})
    assert Selection(["team=scaling"]).takes(SCALE, owner)
    assert not Selection(["team=scaling"]).takes(SCALE, None)
    # The method's own hides that of its class.
    assert Selection(["tags=advanced"]).takes(SCALE, owner)
    assert not Selection(["tags=basic"]).takes(_test(tags=["advanced"]), owner)


WORDS = st.sampled_from(["a", "b", "c"])
GROUPS = st.lists(st.lists(st.tuples(WORDS, st.booleans()), min_size=1, max_size=3), min_size=1, max_size=3)


@given(GROUPS, st.sets(WORDS))
def test_commas_are_and_repeated_options_are_or(groups: list[list[tuple[str, bool]]], there: set[str]) -> None:
    options = [",".join(word if wanted else f"!{word}" for word, wanted in group) for group in groups]
    expected = any(all((word in there) is wanted for word, wanted in group) for group in groups)
    assert Selection(options).takes(_test(**dict.fromkeys(there, True)), None) is expected
