"""How long operations take: drawn times, and waiting on a clock."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.management.clock import LabEndsError, WallClock
from harness.lab.management.latency import INSTANT, Latencies, Operation, Pace


class _Clock(WallClock):
    """Time passes only by waiting and by work."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.waited: list[float] = []

    def now(self) -> datetime:
        raise AssertionError("nobody asks")

    def monotonic(self) -> float:
        return self.seconds

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.seconds += seconds


@given(st.integers(), st.sampled_from(Operation), st.integers(1, 10**6), st.integers(1, 100))
def test_drawn_times_lie_in_their_range_and_follow_from_the_seed(
    seed: int, operation: Operation, number: int, count: int
) -> None:
    latencies = Latencies({operation: (2.0, 5.0)}, seed)
    drawn = latencies.seconds(operation, number, count)
    assert 2 <= drawn <= 5
    assert Latencies({operation: (2.0, 5.0)}, seed).seconds(operation, number, count) == drawn


def test_another_seed_instance_or_count_draws_another_time() -> None:
    ranges = {Operation.SCALE: (0.0, 1.0)}
    drawn = [
        Latencies(ranges, seed).seconds(Operation.SCALE, *which)
        for seed, which in ((1, (1, 1)), (2, (1, 1)), (1, (2, 1)), (1, (1, 2)))
    ]
    assert len(set(drawn)) == 4


def test_times_can_be_divided() -> None:
    divided = Latencies({Operation.STOP: (10, 20), Operation.SCALE: (4, 4)}, 7).divided(10)
    assert divided == Latencies({Operation.STOP: (1, 2), Operation.SCALE: (0.4, 0.4)}, 7)


def test_work_is_a_part_of_its_time() -> None:
    clock = _Clock()
    pace = Pace(Latencies({Operation.STOP: (10, 10)}), clock)
    with pace.at_least(Operation.STOP, 1):
        clock.seconds += 4
    with pace.at_least(Operation.STOP, 1):
        clock.seconds += 12
    assert clock.waited == [6, 0]


def test_work_that_fails_or_has_no_time_does_not_wait() -> None:
    clock = _Clock()
    pace = Pace(Latencies({Operation.STOP: (10, 10)}), clock)
    with pytest.raises(ValueError, match="no"), pace.at_least(Operation.STOP, 1):
        raise ValueError("no")
    with pace.at_least(Operation.START, 1):
        pass
    with Pace(INSTANT, clock).at_least(Operation.STOP, 1):
        pass
    assert clock.waited == []


def test_nobody_waits_any_more_once_the_clock_has_ended() -> None:
    clock = WallClock()
    clock.end()
    with (
        pytest.raises(LabEndsError),
        Pace(Latencies({Operation.STOP: (1000, 1000)}), clock).at_least(Operation.STOP, 1),
    ):
        pass
