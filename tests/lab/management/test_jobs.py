"""Jobs by themselves: outcomes of all kinds, lines, and the end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from harness.errors import HarnessError
from harness.lab.management.clock import WallClock
from harness.lab.management.errors import FAULT, InvalidValueError, OperationFailedError
from harness.lab.management.jobs import Job, JobRunner, JobStatus, Result, Work
from harness.lab.management.model import User
from harness.waiting import wait_until

_USER = User("u", 2, "admin", "a", "key", "secret", WallClock().now())


@pytest.fixture
def jobs() -> Iterator[JobRunner]:
    runner = JobRunner()
    yield runner
    runner.shut_down()


def _work(run: Callable[[], Result], line: str = "one") -> Work:
    return Work(line, run, "VirtualMachine", line)


def _ended(jobs: JobRunner, job: Job) -> Job:
    def look() -> Job:
        found = jobs.find(job.id)
        assert found is not None
        return found

    return wait_until("the job", look, lambda seen: seen.status is not JobStatus.PENDING, 10, first_pause_s=0.002)


def _raising(error: Exception) -> Callable[[], Result]:
    def run() -> Result:
        raise error

    return run


def test_of_ended_jobs_the_newest_are_kept_and_a_pending_one_always(
    jobs: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.lab.management.jobs.KEPT", 3)
    go = threading.Event()

    def held() -> Result:
        go.wait(10)
        return {}

    pending = jobs.submit("Cmd", _USER, _work(held, "held"))
    done = [_ended(jobs, jobs.submit("Cmd", _USER, _work(dict))) for _ in range(5)]
    assert [job.id for job in jobs.records()] == [pending.id, *(job.id for job in done[2:])]
    go.set()
    assert _ended(jobs, pending).status is JobStatus.SUCCEEDED


def test_a_success_has_its_result(jobs: JobRunner) -> None:
    ended = _ended(jobs, jobs.submit("Cmd", _USER, _work(lambda: {"success": True})))
    assert (ended.status, ended.result_code, ended.result) == (JobStatus.SUCCEEDED, 0, {"success": True})
    assert ended.completed is not None


def test_a_refusal_has_its_code_and_text(jobs: JobRunner) -> None:
    ended = _ended(jobs, jobs.submit("Cmd", _USER, _work(_raising(InvalidValueError("no")))))
    assert (ended.status, ended.result_code) == (JobStatus.FAILED, 431)
    assert ended.result == {"errorcode": 431, "errortext": "no"}


def test_any_other_known_failure_is_an_internal_error(jobs: JobRunner) -> None:
    ended = _ended(jobs, jobs.submit("Cmd", _USER, _work(_raising(HarnessError("broken")))))
    assert ended.result == {"errorcode": 530, "errortext": "broken"}


def test_a_fault_of_the_lab_ends_the_job_and_is_in_the_log(jobs: JobRunner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        ended = _ended(jobs, jobs.submit("Cmd", _USER, _work(_raising(KeyError("x")))))
    assert ended.result == {"errorcode": 530, "errortext": FAULT}
    assert "met a fault of the lab" in caplog.text


def test_a_line_keeps_its_order_while_others_go_on(jobs: JobRunner) -> None:
    may_go = threading.Event()
    done: list[str] = []

    def slow() -> Result:
        assert may_go.wait(10)
        done.append("slow")
        return {}

    def quick() -> Result:
        done.append("quick")
        return {}

    first = jobs.submit("Cmd", _USER, _work(slow))
    second = jobs.submit("Cmd", _USER, _work(quick))
    _ended(jobs, jobs.submit("Cmd", _USER, _work(lambda: {}, "two")))
    assert {job.id for job in jobs.pending()} == {first.id, second.id}
    may_go.set()
    _ended(jobs, second)
    assert done == ["slow", "quick"]


def test_a_line_can_be_used_again_after_it_ran_empty(jobs: JobRunner) -> None:
    for _ in range(50):
        assert _ended(jobs, jobs.submit("Cmd", _USER, _work(lambda: {}))).status is JobStatus.SUCCEEDED


def test_the_end_waits_for_what_runs_and_drops_what_waits() -> None:
    jobs = JobRunner()
    began, may_go = threading.Event(), threading.Event()

    def slow() -> Result:
        began.set()
        assert may_go.wait(10)
        return {}

    first = jobs.submit("Cmd", _USER, _work(slow))
    second = jobs.submit("Cmd", _USER, _work(lambda: {}))
    assert began.wait(10)
    ending = threading.Thread(target=jobs.shut_down)
    ending.start()
    wait_until("the line to be emptied", lambda: len(jobs._lines["one"]), lambda waiting: waiting == 0, 10)
    may_go.set()
    ending.join(10)
    found = [jobs.find(job.id) for job in (first, second)]
    assert [job.status for job in found if job] == [JobStatus.SUCCEEDED, JobStatus.PENDING]


def test_an_unknown_job_is_not_found(jobs: JobRunner) -> None:
    assert jobs.find("nothing") is None


def test_a_job_that_waits_for_the_clock_is_dropped_at_the_end() -> None:
    clock = WallClock()
    jobs = JobRunner(clock)
    waiting = threading.Event()

    def slow() -> Result:
        waiting.set()
        clock.wait(1000)
        return {}

    job = jobs.submit("Cmd", _USER, _work(slow))
    assert waiting.wait(10)
    jobs.shut_down()
    found = jobs.find(job.id)
    assert found is not None
    assert found.status is JobStatus.PENDING


def test_nothing_begins_after_the_end(jobs: JobRunner) -> None:
    jobs.shut_down()
    with pytest.raises(OperationFailedError, match="shutting down"):
        jobs.submit("Cmd", _USER, _work(lambda: {}))


def test_a_job_can_wait_for_others_until_a_deadline(jobs: JobRunner) -> None:
    may_go = threading.Event()

    def slow() -> Result:
        assert may_go.wait(10)
        return {}

    job = jobs.submit("Cmd", _USER, _work(slow))
    assert not jobs.wait_for([job], 0.01)
    may_go.set()
    assert jobs.wait_for([job], 10)


def test_the_end_wakes_a_job_that_waits_for_another() -> None:
    jobs = JobRunner()
    began, may_go = threading.Event(), threading.Event()

    def slow() -> Result:
        began.set()
        assert may_go.wait(10)
        return {}

    other = jobs.submit("Cmd", _USER, _work(slow))
    waits = jobs.submit("Cmd", _USER, _work(lambda: {"done": jobs.wait_for([other], 1000)}, "two"))
    assert began.wait(10)
    ending = threading.Thread(target=jobs.shut_down)
    ending.start()
    wait_until("the job to be dropped", lambda: jobs.is_busy("two"), lambda busy: not busy, 10)
    may_go.set()
    ending.join(10)
    found = jobs.find(waits.id)
    assert found is not None
    assert found.status is JobStatus.PENDING
