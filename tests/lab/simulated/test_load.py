"""Busy programs of a simulated guest use what the cap leaves them, as long as they run and there are vCPUs for them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.simulated.load import Cap, GuestLoad, uptime
from harness.lab.simulated.sysroot import Sysroot
from harness.waiting import wait_until

FREE, TENTH = Cap(1.0, 0.1), Cap(0.1, 0.01)


def test_a_loop_uses_a_whole_vcpu_until_it_ends() -> None:
    load = GuestLoad()
    load.begin(100.0, 5, 2, FREE)
    load.account(102.0, 2, FREE)
    assert load.used_ns(0) == 2_000_000_000
    load.account(200.0, 2, FREE)
    assert load.used_ns(0) == 5_000_000_000
    assert load.used_ns(1) == load.throttled(0) == 0


def test_a_cap_holds_it_back_from_when_it_is_set() -> None:
    load = GuestLoad()
    load.begin(0.0, 100, 1, FREE)
    load.account(10.0, 1, FREE)
    load.account(20.0, 1, TENTH)
    assert load.used_ns(0) == pytest.approx(11e9)
    assert load.throttled(0) == pytest.approx(1000, abs=1)


def test_two_loops_share_one_vcpu_and_have_two_for_themselves() -> None:
    for vcpus, used_s in ((1, [4, 0]), (2, [4, 3])):
        load = GuestLoad()
        load.begin(0.0, 3, vcpus, FREE)
        load.begin(0.0, 4, vcpus, FREE)
        load.account(10.0, vcpus, FREE)
        assert [load.used_ns(vcpu) / 1e9 for vcpu in range(2)] == used_s


@given(moments=st.lists(st.floats(0, 100), min_size=1, max_size=20), part=st.floats(0.01, 1))
def test_how_often_is_counted_makes_no_difference(moments: list[float], part: float) -> None:
    cap = Cap(part, 0.01)
    often, once = GuestLoad(), GuestLoad()
    for load in (often, once):
        load.begin(0.0, 50, 1, cap)
    for moment in sorted(moments):
        often.account(moment, 1, cap)
    for load in (often, once):
        load.account(100.0, 1, cap)
    assert often.used_ns(0) == pytest.approx(once.used_ns(0), abs=1000)


def test_other_looks_do_not_take_away_what_is_being_read(
    host_one: SimulatedHypervisor, agent_xml: Callable[..., str], tmp_path: Path
) -> None:
    host_one.start(agent_xml())
    (name,) = host_one.domain_names()
    host_one.burn(name, uptime(), 60)
    sysroot = Sysroot(tmp_path, host_one)
    sysroot.render()
    files = sysroot.root / "virsh" / name
    folder, used, then = files.stat().st_ino, (files / "domstats").read_text(), uptime()
    wait_until("time to pass", uptime, lambda now: now > then + 0.05, 5)
    sysroot.render()
    assert files.stat().st_ino == folder
    assert (files / "domstats").read_text() != used
