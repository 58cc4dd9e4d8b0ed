"""The one way to wait: look, decide, look again until a deadline on a monotonic clock."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryError, Retrying, retry_if_exception_type, retry_if_result, stop_after_delay, wait_exponential

from harness.errors import HarnessError

T = TypeVar("T")


class DeadlineExpired(HarnessError):
    """What was waited for did not come in time.

    `what` names it, `seconds` is the time allowed, `last_seen` the last thing the look returned (or raised).
    """

    def __init__(self, what: str, seconds: float, last_seen: object) -> None:
        self.what = what
        self.seconds = seconds
        self.last_seen = last_seen
        super().__init__(f"waited {seconds:g} s for {what}; last seen: {last_seen}")


def wait_until(
    what: str,
    look: Callable[[], T],
    done: Callable[[T], bool],
    seconds: float,
    *,
    first_pause_s: float = 0.05,
    longest_pause_s: float = 1.0,
    growth: float = 2.0,
    share: float = 0.0,
    transient: tuple[type[BaseException], ...] = (),
) -> T:
    """Call `look` until `done(seen)` holds and return what was seen.

    The first look comes at once; pauses between looks grow by the factor `growth` from `first_pause_s` to
    `longest_pause_s`, and from then on are at least that `share` of the time waited so far. Exceptions listed in
    `transient` count as "not yet"; any other one means "give up now" and passes through.

    Raises:
        DeadlineExpired: after `seconds`, carrying the last thing seen.
    """
    started = time.monotonic()
    growing = wait_exponential(multiplier=first_pause_s, max=longest_pause_s, exp_base=growth, min=first_pause_s)

    def not_yet(seen: T) -> bool:
        return not done(seen)

    retrying = Retrying(
        retry=retry_if_result(not_yet) | retry_if_exception_type(transient),
        stop=stop_after_delay(seconds),
        wait=lambda state: max(growing(state), share * (state.seconds_since_start or 0.0)),
        sleep=lambda pause: time.sleep(max(0.0, min(pause, started + seconds - time.monotonic()))),
    )
    try:
        return retrying(look)
    except RetryError as expired:
        attempt = expired.last_attempt
        last_seen = attempt.exception() if attempt.failed else attempt.result()
        raise DeadlineExpired(what, seconds, last_seen) from attempt.exception()
