"""Growth of which nobody has been told is not there for a decision, as long as a real server would be at work."""

from harness.lab.management.waves import UntoldGrowth
from harness.reference.offering import Size
from tests.reference.worlds import LARGE, SMALL

SMALLER, LARGER = Size(1, 500, 256), Size(2, 500, 1280)


def test_untold_growth_is_not_there() -> None:
    growth = UntoldGrowth(lambda: 0.0)
    growth.took("a", SMALL.id, SMALLER, LARGER)
    before, other = growth.without((SMALL, LARGE), 0.0)
    assert SMALL.used_memory_bytes - before.used_memory_bytes == 1024 * 1048576
    assert SMALL.used_cpu_mhz - before.used_cpu_mhz == 500
    assert other == LARGE


def test_growth_that_was_told_is_there_for_whoever_asks_from_then_on() -> None:
    now = [0.0]
    growth = UntoldGrowth(lambda: now[0])
    growth.took("a", SMALL.id, SMALLER, LARGER)
    growth.end_was_told("b")
    assert growth.without((SMALL,), growth.now()) != (SMALL,)
    now[0] = 0.2
    growth.end_was_told("a")
    assert growth.without((SMALL,), 0.2) == (SMALL,)
    # Its request came before, though it is decided only now.
    assert growth.without((SMALL,), 0.1) != (SMALL,)


def test_growth_is_there_after_as_long_as_a_scale_takes() -> None:
    now = [0.0]
    growth = UntoldGrowth(lambda: now[0])
    growth.took("a", SMALL.id, SMALLER, LARGER)
    now[0] = 1.5
    assert growth.without((SMALL,), 1.5) != (SMALL,)
    growth.end_was_told("a")
    now[0] = 1.7
    assert growth.without((SMALL,), 0.0) == (SMALL,)
