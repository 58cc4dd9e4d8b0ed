"""The one way to wait."""

import pytest

from harness.waiting import DeadlineExpired, wait_until


class Clock:
    """A clock that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.sleep", clock.sleep)
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    return clock


def test_the_first_look_comes_at_once_and_ends_the_wait() -> None:
    looks = iter([3])
    assert wait_until("it", lambda: next(looks), lambda seen: seen == 3, 0) == 3


def test_looks_go_on_until_it_is_there() -> None:
    looks = iter([1, 2, 3, 4])
    assert wait_until("it", lambda: next(looks), lambda seen: seen == 3, 5, first_pause_s=0.001) == 3


def test_the_last_thing_seen_is_in_the_error() -> None:
    with pytest.raises(DeadlineExpired, match=r"waited 0\.05 s for it; last seen: 7") as raised:
        wait_until("it", lambda: 7, lambda _: False, 0.05, first_pause_s=0.01)
    assert (raised.value.what, raised.value.seconds, raised.value.last_seen) == ("it", 0.05, 7)


def test_a_transient_error_means_not_yet_and_is_in_the_error_at_the_end() -> None:
    looks = iter([OSError("busy"), 1])

    def look() -> int:
        seen = next(looks)
        if isinstance(seen, OSError):
            raise seen
        return seen

    assert wait_until("it", look, lambda _: True, 5, first_pause_s=0.001, transient=(OSError,)) == 1

    def broken() -> int:
        raise OSError("still busy")

    with pytest.raises(DeadlineExpired, match="still busy"):
        wait_until("it", broken, lambda _: True, 0.02, first_pause_s=0.005, transient=(OSError,))


def test_any_other_error_means_give_up_now() -> None:
    def broken() -> int:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        wait_until("it", broken, lambda _: True, 5)


def test_pauses_grow_by_a_factor_to_the_longest(clock: Clock) -> None:
    wait_until("it", lambda: clock.now, lambda now: now > 100.3, 60, first_pause_s=0.01, longest_pause_s=0.1, growth=3)
    assert clock.pauses == pytest.approx([0.01, 0.03, 0.09, 0.1, 0.1])


def test_pauses_grow_with_the_time_waited_where_a_share_of_it_is_given(clock: Clock) -> None:
    wait_until("it", lambda: clock.now, lambda now: now > 110, 60, first_pause_s=0.01, longest_pause_s=0.09, share=0.03)
    assert clock.pauses[0] == pytest.approx(0.01)
    waited = 0.0
    for pause in clock.pauses:
        assert pause <= max(0.09, 0.03 * waited) + 1e-9
        waited += pause
    assert clock.pauses[-1] > 0.25
