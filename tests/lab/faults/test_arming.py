"""Which calls a fault strikes, how often, and which orders are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.lab.faults.catalogue import KINDS, Fault, Point
from harness.lab.faults.order import FaultOrder, FaultRefusedError
from harness.lab.faults.registry import Faults


class Hands:
    """A host that remembers what was done to it, and refuses what it is told to."""

    def __init__(self, refuses: Fault | None = None) -> None:
        self.refuses = refuses
        self.done: list[str] = []

    def begin(self, order: FaultOrder) -> bool:
        if order.kind is self.refuses:
            raise FaultRefusedError("not here")
        self.done.append(f"begin {order.kind}")
        return order.entry.is_condition

    def end(self, order: FaultOrder) -> None:
        self.done.append(f"end {order.kind}")


def _faults(**hosts: Hands) -> Faults:
    faults = Faults()
    for name, hands in hosts.items():
        faults.attend_host(name, hands)
    faults.attend_cloud({"listZones", "scaleVirtualMachine"}, lambda name: frozenset({name, name.upper()}), str)
    return faults


def _struck(faults: Faults, calls: int, point: Point = Point.CALL, **about: object) -> list[bool]:
    return [faults.strike(point, **about) is not None for _ in range(calls)]  # type: ignore[arg-type]


def test_nothing_armed_nothing_struck() -> None:
    faults = _faults()
    assert not faults.may_strike(Point.CALL)
    assert _struck(faults, 3) == [False] * 3


def test_every_matching_call_is_struck_until_it_is_cleared() -> None:
    faults = _faults()
    armed = faults.arm(FaultOrder(kind=Fault.SLOW_ANSWER, command="listZones"))
    assert faults.may_strike(Point.CALL)
    assert _struck(faults, 3, command="listZones") == [True] * 3
    assert _struck(faults, 3, command="scaleVirtualMachine") == [False] * 3
    assert (armed.matched, armed.struck) == (3, 3)
    faults.clear()
    assert armed.over.is_set()
    assert _struck(faults, 3, command="listZones") == [False] * 3


def test_the_nth_and_the_next_k() -> None:
    faults = _faults()
    faults.arm(FaultOrder(kind=Fault.HTML_BODY, nth=3, times=1))
    assert _struck(faults, 5) == [False, False, True, False, False]
    faults.clear()
    faults.arm(FaultOrder(kind=Fault.HTML_BODY, times=2))
    assert _struck(faults, 4) == [True, True, False, False]


@given(st.integers(), st.floats(0.01, 1.0), st.integers(1, 5), st.none() | st.integers(1, 5), st.integers(0, 40))
def test_the_seed_alone_decides_which_calls_are_struck(
    seed: int, probability: float, nth: int, times: int | None, calls: int
) -> None:
    order = FaultOrder(kind=Fault.HTML_BODY, probability=probability, seed=seed, nth=nth, times=times)
    seen = []
    for _ in range(2):
        faults = _faults()
        armed = faults.arm(order)
        seen.append(_struck(faults, calls))
        assert armed.struck == sum(seen[-1])
    assert seen[0] == seen[1]
    assert not any(seen[0][: nth - 1])
    assert times is None or sum(seen[0]) <= times
    if probability == 1.0:
        assert sum(seen[0]) == min(max(calls - nth + 1, 0), calls if times is None else times)


def test_a_probability_strikes_about_so_many() -> None:
    faults = _faults()
    faults.arm(FaultOrder(kind=Fault.HTML_BODY, probability=0.25, seed=7))
    assert 400 < sum(_struck(faults, 2000)) < 600


def test_an_instance_is_known_by_any_of_its_names() -> None:
    faults = _faults()
    faults.arm(FaultOrder(kind=Fault.HTML_BODY, instance="WEB"))
    assert _struck(faults, 1, instances=["web"]) == [True]
    assert _struck(faults, 1, instances=["WEB", "db"]) == [True]
    assert _struck(faults, 1, instances=["db"]) == [False]
    assert _struck(faults, 1) == [False]


def test_what_was_struck_under_a_key_stays_struck_and_is_counted_once() -> None:
    faults = _faults()
    armed = faults.arm(FaultOrder(kind=Fault.JOB_LOST, times=1))
    assert _struck(faults, 3, Point.JOB, key="one") == [True] * 3
    assert _struck(faults, 1, Point.JOB, key="two") == [False]
    assert armed.struck == 1


def test_the_fault_that_was_armed_first_has_the_call() -> None:
    faults = _faults()
    first = faults.arm(FaultOrder(kind=Fault.HTML_BODY, times=1))
    second = faults.arm(FaultOrder(kind=Fault.GARBAGE_BODY))
    assert [faults.strike(Point.CALL) for _ in range(2)] == [first, second]
    assert (second.matched, second.struck) == (1, 1)


def test_a_kind_that_cannot_strike_does_not_see_the_call() -> None:
    faults = _faults()
    armed = faults.arm(FaultOrder(kind=Fault.REPLAYED_ANSWER))
    assert faults.strike(Point.CALL, unable=frozenset({Fault.REPLAYED_ANSWER})) is None
    assert armed.matched == 0


def test_a_condition_is_begun_on_its_host_and_ended() -> None:
    one, two = Hands(), Hands()
    faults = _faults(kvm1=one, kvm2=two)
    armed = faults.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm2"))
    assert (faults.is_down("kvm1"), faults.is_down("kvm2")) == (False, True)
    assert armed.struck == 1
    assert faults.strike(Point.AGENT, host="kvm2", command="start") is armed
    assert faults.strike(Point.AGENT, host="kvm1", command="start") is None
    assert faults.disarm(armed.number)
    assert not faults.disarm(armed.number)
    assert (one.done, two.done) == ([], ["begin host-down", "end host-down"])
    assert not faults.is_down("kvm2")


def test_what_one_host_refuses_is_taken_back_on_the_others_and_not_armed() -> None:
    one, two = Hands(), Hands(refuses=Fault.SSH_CUT)
    faults = _faults(kvm1=one, kvm2=two)
    with pytest.raises(FaultRefusedError, match="not here"):
        faults.arm(FaultOrder(kind=Fault.SSH_CUT))
    assert one.done == ["begin ssh-cut", "end ssh-cut"]
    assert faults.armed == ()


def test_a_fault_clears_itself_after_its_time() -> None:
    hands = Hands()
    faults = _faults(kvm1=hands)
    armed = faults.arm(FaultOrder(kind=Fault.SSH_REFUSED, host="kvm1", lasts=0.01))
    assert armed.over.wait(10)
    # It is over before the host is as it was; whoever clears waits for that.
    faults.clear()
    assert hands.done == ["begin ssh-refused", "end ssh-refused"]
    assert faults.armed == ()


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"kind": "host-down"}, "host-down: name the host"),
        ({"kind": "host-down", "host": "kvm9"}, "host-down: no host is named kvm9; there are kvm1"),
        ({"kind": "host-down", "host": "kvm1", "times": 2}, "nth, times and probability do not apply"),
        ({"kind": "html-body", "host": "kvm1"}, "html-body: host does not apply to it"),
        ({"kind": "html-body", "seconds": 1}, "html-body: seconds does not apply to it"),
        ({"kind": "vcpu-refused", "command": "scale"}, "vcpu-refused: command does not apply to it"),
        ({"kind": "html-body", "command": "listzones"}, "html-body: the lab has no command listzones"),
        ({"kind": "agent-disconnected", "command": "listZones"}, "the lab has no command listZones"),
    ],
)
def test_an_order_that_does_not_fit_its_kind_is_refused(order: dict[str, object], says: str) -> None:
    faults = _faults(kvm1=Hands())
    with pytest.raises(FaultRefusedError, match=says):
        faults.arm(FaultOrder.model_validate(order))
    assert faults.armed == ()


def test_a_condition_is_not_armed_twice_for_a_host() -> None:
    faults = _faults(kvm1=Hands(), kvm2=Hands())
    faults.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm1"))
    faults.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm2"))
    with pytest.raises(FaultRefusedError, match="armed for kvm1 already"):
        faults.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm1"))


@pytest.mark.parametrize("wrong", [{"nth": 0}, {"times": 0}, {"probability": 1.5}, {"seconds": -1}, {"colour": "red"}])
def test_values_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        FaultOrder.model_validate({"kind": "slow-answer"} | wrong)


def test_every_kind_is_in_the_catalogue_with_a_sentence() -> None:
    assert set(KINDS) == set(Fault)
    assert all(kind.says.endswith(".") for kind in KINDS.values())


def test_the_page_about_the_lab_has_a_row_for_each_kind_and_no_other() -> None:
    page = (Path(__file__).parents[3] / "docs" / "lab.md").read_text(encoding="utf-8")
    told = [line for line in page.splitlines() if line.startswith("| `") and line.split("`")[1] in set(Fault)]
    given = {
        kind.id: [f"`{name}`" for name in sorted(kind.filters)]
        + [f"`{name}` ({value:g})" for name, value in kind.options.items()]
        for kind in KINDS.values()
    }
    assert told == [
        f"| `{kind.id}` | {kind.layer} | {kind.says} | {', '.join(given[kind.id])} |" for kind in KINDS.values()
    ]
