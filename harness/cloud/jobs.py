"""Follows an asynchronous job to its end against a deadline."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from harness.cloud.answers import number, require_same, text
from harness.cloud.client import ApiAnswerError, ApiUnreachableError
from harness.errors import HarnessError
from harness.waiting import wait_until

PENDING = 0
SUCCESS = 1
# The end of a job of a second or more is noticed after 55 ms, or after 3 % of its length, on average or better, with
# less than 12 questions a second; one that is over at once is noticed at once.
_FIRST_PAUSE_S, _GROWTH, _LONGEST_PAUSE_S = 0.01, 3.0, 0.105
_SHARE = 0.03


class Asked(Protocol):
    """Whoever can put a command to a cloud: `CloudApi`, or a session that has no keys yet.

    `job_ids` are those it has been told.
    """

    @property
    def job_ids(self) -> deque[str]: ...

    def call(self, command: str, **parameters: object) -> dict[str, Any]:
        """The answer without its root."""


class JobUnknownError(HarnessError):
    """A job ended without a word about how."""


@dataclass(frozen=True)
class JobResult:
    """How a job ended. `code` and `text` are 0 and "" where it succeeded; `result` is the job's object."""

    job_id: str
    succeeded: bool
    code: int
    text: str
    result: dict[str, Any]
    seconds: float


@dataclass(frozen=True)
class Job:
    """A job that was begun; `begun` is the first answer, which names what the job creates."""

    api: Asked
    command: str
    begun: dict[str, Any]
    started: float

    def wait(self, seconds: float) -> JobResult:
        """Wait for its end. A failed job is a result and not an error.

        `cs` would poll for ever on a failed job that carries no `jobresult`, hence the waiting here.

        Raises:
            DeadlineExpired: the job is still pending after `seconds`.
            JobUnknownError: it failed, and nobody can know of what.
        """
        job_id = text(self.begun, "jobid")
        job = wait_until(
            f"job {job_id} of {self.command}",
            lambda: self._asked(job_id),
            lambda seen: number(seen, "jobstatus") != PENDING,
            seconds,
            first_pause_s=_FIRST_PAUSE_S,
            growth=_GROWTH,
            longest_pause_s=_LONGEST_PAUSE_S,
            share=_SHARE,
            transient=(ApiUnreachableError, ApiAnswerError),
        )
        result = job.get("jobresult")
        details = result if isinstance(result, dict) else {}
        succeeded = number(job, "jobstatus") == SUCCESS
        if not succeeded and "errorcode" not in details and "errortext" not in details:
            # A server that was started anew ends jobs in this way: it says nothing about what they did.
            raise JobUnknownError(f"job {job_id} of {self.command} failed and does not say why (no jobresult)")
        return JobResult(
            job_id=job_id,
            succeeded=succeeded,
            code=0 if succeeded else number({"errorcode": job.get("jobresultcode", 0), **details}, "errorcode"),
            text="" if succeeded else str(details.get("errortext", "(the job carries no text)")),
            result=details,
            seconds=time.monotonic() - self.started,
        )

    def _asked(self, job_id: str) -> dict[str, Any]:
        answer = self.api.call("queryAsyncJobResult", jobid=job_id)
        require_same("queryAsyncJobResult", answer, {"jobid": job_id})
        return answer


def begin_job(api: Asked, command: str, **parameters: object) -> Job:
    """Send an asynchronous command.

    Raises:
        ApiError: refused before there was a job.
        ApiAnswerError: it is answered with the job of an earlier request, as by a cache.
    """
    started = time.monotonic()
    begun = api.call(command, **parameters)
    job_id = begun.get("jobid")
    if job_id is not None:
        if job_id in api.job_ids:
            raise ApiAnswerError(f"{command} is answered with job {job_id} of an earlier request")
        api.job_ids.append(str(job_id))
    return Job(api, command, begun, started)


def run_job(
    api: Asked,
    command: str,
    seconds: float,
    on_begun: Callable[[dict[str, Any]], object] | None = None,
    /,
    **parameters: object,
) -> JobResult:
    """Send an asynchronous command and wait for its job; `on_begun` is given the first answer.

    Raises:
        ApiError, ApiAnswerError: as of begin_job.
        DeadlineExpired: the job is still pending after `seconds`.
    """
    job = begin_job(api, command, **parameters)
    if on_begun is not None:
        on_begun(job.begun)
    return job.wait(seconds)
