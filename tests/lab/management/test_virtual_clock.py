"""Virtual time: who goes on when, what moments are told, and how it ends."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.lab.management.clock import LabEndsError, WallClock
from harness.lab.management.jobs import THREADS, JobRunner, JobStatus, Result, Work
from harness.lab.management.model import User
from harness.lab.management.virtual_clock import VirtualClock
from harness.waiting import wait_until

_USER = User("u", 2, "admin", "a", "key", "secret", WallClock().now())
_HOUR = 3600.0


class _Run:
    """Jobs on a virtual clock which write down what happened at which second.

    One that is `held` stands still until it is to settle, however long a busy machine takes to submit the jobs.
    """

    def __init__(self, threads: int = THREADS, quiet_seconds: float = 0.2, *, held: bool = False) -> None:
        self.clock = VirtualClock(threads, quiet_seconds=0 if held else quiet_seconds)
        self.jobs = JobRunner(self.clock)
        self._held = held
        if held:
            self.clock.begun()
        self.happened: list[tuple[float, str]] = []

    def note(self, what: str) -> None:
        self.happened.append((self.clock.monotonic(), what))

    def submit(self, name: str, *pauses: float, line: str | None = None) -> str:
        def run() -> Result:
            self.note(f"{name} begins")
            for pause in pauses:
                self.clock.wait(pause)
                self.note(name)
            return {}

        return self.jobs.submit("Cmd", _USER, Work(line or name, run, "VirtualMachine", None)).id

    def settle(self) -> list[tuple[float, str]]:
        if self._held:
            with self.clock.working(-1):
                pass
        wait_until("the jobs", self.jobs.pending, lambda pending: not pending, 20, first_pause_s=0.005)
        self.jobs.shut_down()
        return self.happened


def test_hours_pass_at_once_and_in_order() -> None:
    run, began = _Run(held=True), time.monotonic()
    first = run.clock.now()
    jobs = [run.submit("slow", 10 * _HOUR, _HOUR), run.submit("quick", 3 * _HOUR)]
    happened = run.settle()
    assert happened == [
        (0, "slow begins"),
        (0, "quick begins"),
        (3 * _HOUR, "quick"),
        (10 * _HOUR, "slow"),
        (11 * _HOUR, "slow"),
    ]
    slow, quick = [run.jobs.find(job) for job in jobs]
    assert slow is not None
    assert quick is not None
    assert [(job.created - first).total_seconds() for job in (slow, quick)] == [0, 0]
    assert [(job.completed - first).total_seconds() for job in (slow, quick) if job.completed] == [
        11 * _HOUR,
        3 * _HOUR,
    ]
    assert time.monotonic() - began < 10


def test_what_is_due_at_one_moment_goes_in_the_order_it_was_begun() -> None:
    names = [f"job {number}" for number in range(60)]
    run = _Run(held=True)
    for name in names:
        run.submit(name, 5)
    assert run.settle() == [(0, f"{name} begins") for name in names] + [(5, name) for name in names]


def test_a_line_keeps_its_order_in_virtual_time() -> None:
    run = _Run(held=True)
    run.submit("first", 5, line="one")
    run.submit("second", 5, line="one")
    run.submit("beside", 7)
    assert [(at, what) for at, what in run.settle() if "begins" not in what] == [
        (5, "first"),
        (7, "beside"),
        (10, "second"),
    ]


def test_more_jobs_than_threads_all_end() -> None:
    run = _Run(threads=2)
    run.jobs._threads._max_workers = 2
    for number in range(6):
        run.submit(f"job {number}", 5)
    assert [at for at, what in run.settle() if "begins" not in what] == [5, 5, 10, 10, 15, 15]


@settings(max_examples=15)
@given(st.lists(st.lists(st.floats(0, 1e4), max_size=4), min_size=1, max_size=12))
def test_a_run_can_be_repeated(pauses: list[list[float]]) -> None:
    def once() -> list[tuple[float, str]]:
        run = _Run(held=True)
        for number, own in enumerate(pauses):
            run.submit(f"job {number}", *own)
        return run.settle()

    happened = once()
    assert happened == sorted(happened, key=lambda each: each[0])
    assert once() == happened


def test_time_stands_still_while_a_job_works() -> None:
    run = _Run(quiet_seconds=0)
    working, may_go = threading.Event(), threading.Event()

    def work() -> Result:
        working.set()
        assert may_go.wait(10)
        run.note("worked")
        return {}

    run.jobs.submit("Cmd", _USER, Work("working", work, "VirtualMachine", None))
    assert working.wait(10)
    run.submit("waiting", 5)
    assert run.clock.monotonic() == 0
    may_go.set()
    assert run.settle() == [(0, "worked"), (0, "waiting begins"), (5, "waiting")]


def test_a_job_that_waits_for_others_does_not_hold_up_the_time() -> None:
    run = _Run(quiet_seconds=0)

    def both() -> Result:
        job = run.jobs.find(run.submit("other", 9))
        assert job is not None
        assert run.jobs.wait_for([job], 10)
        run.note("all")
        return {}

    run.jobs.submit("Cmd", _USER, Work("both", both, "VirtualMachine", None))
    assert run.settle() == [(0, "other begins"), (9, "other"), (9, "all")]


def test_idle_time_passes_when_told() -> None:
    run = _Run(quiet_seconds=0)
    before = run.clock.now()
    run.submit("due meanwhile", 5)
    run.clock.let_pass(60)
    run.note("passed")
    assert run.settle() == [(0, "due meanwhile begins"), (5, "due meanwhile"), (60, "passed")]
    assert (run.clock.now() - before).total_seconds() == 60


def test_the_end_drops_what_waits() -> None:
    run = _Run(quiet_seconds=1000)
    job_id = run.submit("waiting", 5)
    wait_until("the job to wait", lambda: len(run.clock._waiting), lambda waiting: waiting == 1, 10)
    run.jobs.shut_down()
    job = run.jobs.find(job_id)
    assert job is not None
    assert job.status is JobStatus.PENDING
    with pytest.raises(LabEndsError):
        run.clock.let_pass(1)
