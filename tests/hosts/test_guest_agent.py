"""The guest's answers are counted, and a guest that says something else is not believed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.hosts.guest_agent import read_guest
from harness.hosts.observation import GuestView, NotSeen

CPUS = '{"return": [{"logical-id": 0, "online": true}, {"logical-id": 1, "online": false}]}'
BLOCKS = json.dumps(
    {"return": [{"phys-index": index, "online": online} for index, online in ((0, True), (1, True), (32, False))]}
)
SIZE = '{"return": {"size": 134217728}}'


def test_only_what_is_online_counts() -> None:
    assert read_guest(CPUS, BLOCKS, SIZE) == GuestView(online_cpus=1, online_memory_mib=256)


@pytest.mark.parametrize("silent", [0, 1, 2])
def test_one_silent_answer_makes_the_guest_not_seen(silent: int) -> None:
    answers: list[str | NotSeen] = [CPUS, BLOCKS, SIZE]
    answers[silent] = NotSeen("Guest agent is not responding")

    assert read_guest(*answers) == NotSeen("guest agent: Guest agent is not responding")


@pytest.mark.parametrize(
    "answers",
    [
        ("{}", BLOCKS, SIZE),
        ("nothing", BLOCKS, SIZE),
        (CPUS, '{"return": {}}', SIZE),
        (CPUS, '{"return": [{"online": true}]}', SIZE),
        (CPUS, BLOCKS, '{"return": {"size": 0}}'),
        (CPUS, BLOCKS, '{"return": {"size": "128"}}'),
        (CPUS, BLOCKS, '{"return": {"size": true}}'),
        (CPUS, BLOCKS, "[" * 100_000),
    ],
)
def test_an_answer_of_another_shape_is_not_seen(answers: tuple[str, str, str]) -> None:
    assert isinstance(read_guest(*answers), NotSeen)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["return", "online", "size", "phys-index"]), inner),
)


@given(cpus=_JSON, blocks=_JSON, size=_JSON)
def test_no_answer_whatever_raises(cpus: object, blocks: object, size: object) -> None:
    read_guest(json.dumps({"return": cpus}), json.dumps({"return": blocks}), json.dumps({"return": size}))
