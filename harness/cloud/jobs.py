"""Follows an asynchronous job to its end against a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from harness.cloud.answers import number, text
from harness.cloud.client import ApiAnswerError, ApiUnreachableError, CloudApi
from harness.errors import HarnessError
from harness.waiting import wait_until

PENDING = 0
SUCCESS = 1
# A job's end is noticed after 45 ms, or after 3 % of its length, on average or better, with 11 questions a second.
_LONGEST_PAUSE_S = 0.09
_SHARE = 0.03


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

    api: CloudApi
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
            lambda: self.api.call("queryAsyncJobResult", jobid=job_id),
            lambda seen: number(seen, "jobstatus") != PENDING,
            seconds,
            first_pause_s=0.01,
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


def begin_job(api: CloudApi, command: str, **parameters: object) -> Job:
    """Send an asynchronous command. Raises ApiError where it is refused before there is a job."""
    started = time.monotonic()
    return Job(api, command, api.call(command, **parameters), started)


def run_job(
    api: CloudApi,
    command: str,
    seconds: float,
    on_begun: Callable[[dict[str, Any]], object] | None = None,
    /,
    **parameters: object,
) -> JobResult:
    """Send an asynchronous command and wait for its job; `on_begun` is given the first answer.

    Raises:
        ApiError: refused before there was a job.
        DeadlineExpired: the job is still pending after `seconds`.
    """
    job = begin_job(api, command, **parameters)
    if on_begun is not None:
        on_begun(job.begun)
    return job.wait(seconds)
