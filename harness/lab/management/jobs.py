"""Asynchronous jobs: in order for one instance, side by side for different ones."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum
from threading import Condition
from uuid import uuid4

from harness.errors import HarnessError
from harness.lab.log import of_job
from harness.lab.management.clock import Clock, LabEndsError, WallClock
from harness.lab.management.errors import FAULT, INTERNAL, ApiError, OperationFailedError, PermissionDeniedError
from harness.lab.management.model import User

_log = logging.getLogger(__name__)
# Of those that have ended; with what they answered they are 10 KiB each. CloudStack keeps them for a day.
KEPT = 2000
# Half of the default of db.cloud.maxActive. Source: AsyncJobManagerImpl.configure.
THREADS = 125

Result = dict[str, object]


class JobStatus(IntEnum):
    PENDING = 0
    SUCCEEDED = 1
    FAILED = 2


@dataclass(frozen=True)
class Job:
    """A job as queryAsyncJobResult shows it. `result` is the object of a success or the error of a failure."""

    id: str
    command_class: str
    user: User
    instance_type: str
    instance_id: str | None
    created: datetime
    status: JobStatus = JobStatus.PENDING
    result_code: int = 0
    result: Result | None = None
    completed: datetime | None = None


@dataclass(frozen=True)
class Work:
    """What a job is to do. Works with the same `line` run one after the other; `run` returns the job's result."""

    line: str
    run: Callable[[], Result]
    instance_type: str
    instance_id: str | None


class JobRunner:
    """Runs jobs in threads and remembers their outcome.

    One lock guards the records and the lines; it is never held while a job runs. The clock ends with the jobs.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or WallClock()
        self._guard = Condition()
        self._ended = False
        self._numbers = itertools.count(1)
        self._jobs: dict[str, Job] = {}
        self._ended_ids: deque[str] = deque()
        self._lines: dict[str, deque[tuple[str, Work]]] = {}
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="lab-job")

    def submit(self, command_class: str, user: User, work: Work) -> Job:
        """Take a job in; it starts at once unless another one of its line is still running.

        Raises:
            OperationFailedError: the jobs of this cloud have been shut down.
        """
        job = Job(str(uuid4()), command_class, user, work.instance_type, work.instance_id, self._clock.now())
        with self._guard:
            if self._ended:
                raise OperationFailedError("The management server is shutting down")
            self._jobs[job.id] = job
            if work.line in self._lines:
                self._lines[work.line].append((job.id, work))
                return job
            self._lines[work.line] = deque([(job.id, work)])
            self._clock.begun()
            self._threads.submit(self._work_off, work.line, next(self._numbers))
        return job

    def find(self, job_id: str) -> Job | None:
        with self._guard:
            return self._jobs.get(job_id)

    def records(self) -> list[Job]:
        """The jobs there were, oldest first; of those that have ended the newest KEPT."""
        with self._guard:
            return list(self._jobs.values())

    def pending(self) -> list[Job]:
        with self._guard:
            return [job for job in self._jobs.values() if job.status is JobStatus.PENDING]

    def is_busy(self, line: str) -> bool:
        """Whether a job of this line is running or waiting."""
        with self._guard:
            return line in self._lines

    def wait_for(self, jobs: Iterable[Job], seconds: float) -> bool:
        """For a job that has begun others: whether they end in so much time of the machine. Raises LabEndsError."""
        ids = {job.id for job in jobs}

        def done() -> bool:
            there = [self._jobs[job_id] for job_id in ids if job_id in self._jobs]
            return self._ended or all(job.status is not JobStatus.PENDING for job in there)

        with self._clock.aside(), self._guard:
            all_done = self._guard.wait_for(done, seconds)
            if self._ended:
                raise LabEndsError
            return all_done

    def shut_down(self) -> None:
        """Let jobs end that are being worked on, drop those that wait or have not begun, and join all threads."""
        with self._guard:
            self._ended = True
            for line in self._lines.values():
                line.clear()
            self._guard.notify_all()
        self._clock.end()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _work_off(self, line: str, number: int) -> None:
        try:
            with self._clock.working(number):
                self._work_through(line)
        except LabEndsError:
            with self._guard:
                del self._lines[line]

    def _work_through(self, line: str) -> None:
        while True:
            with self._guard:
                waiting = self._lines[line]
                if not waiting:
                    del self._lines[line]
                    return
                job_id, work = waiting.popleft()
            with of_job(job_id):
                self._finish(job_id, *self._outcome(job_id, work))

    def _outcome(self, job_id: str, work: Work) -> tuple[JobStatus, int, Result]:
        try:
            return JobStatus.SUCCEEDED, 0, work.run()
        except LabEndsError:
            # The job stays pending: what it was about is going away.
            raise
        except ApiError as refusal:
            _log.info("job %s failed: %s", job_id[:8], refusal)
            # Of what was not allowed a job does not tell. Source: ApiAsyncJobDispatcher.
            code = INTERNAL if isinstance(refusal, PermissionDeniedError) else refusal.code
            return JobStatus.FAILED, code, {"errorcode": code, "errortext": str(refusal)}
        except HarnessError as failure:
            _log.warning("job %s failed: %s", job_id[:8], failure)
            return JobStatus.FAILED, INTERNAL, {"errorcode": INTERNAL, "errortext": str(failure)}
        except Exception:  # noqa: BLE001 - last resort: a job always ends, and its fault is in the log
            _log.exception("job %s met a fault of the lab", job_id[:8])
            return JobStatus.FAILED, INTERNAL, {"errorcode": INTERNAL, "errortext": FAULT}

    def _finish(self, job_id: str, status: JobStatus, code: int, result: Result) -> None:
        with self._guard:
            self._jobs[job_id] = replace(
                self._jobs[job_id], status=status, result_code=code, result=result, completed=self._clock.now()
            )
            self._ended_ids.append(job_id)
            if len(self._ended_ids) > KEPT:
                del self._jobs[self._ended_ids.popleft()]
            self._guard.notify_all()
