"""The one way to wait."""

import pytest

from harness.waiting import DeadlineExpired, wait_until


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


def test_pauses_grow_with_the_time_waited_where_a_share_of_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, pauses = [100.0], []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr("time.sleep", sleep)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    wait_until("it", lambda: clock[0], lambda now: now > 110, 60, first_pause_s=0.01, longest_pause_s=0.09, share=0.03)
    assert pauses[0] == pytest.approx(0.01)
    waited = 0.0
    for pause in pauses:
        assert pause <= max(0.09, 0.03 * waited) + 1e-9
        waited += pause
    assert pauses[-1] > 0.25
