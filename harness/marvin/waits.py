"""Replaces Marvin's fixed sleeps by waits that end as soon as what is waited for has come.

A test that polls reads, decides, sleeps and reads again. Its sleep is replaced by reading in its stead, often, until
the answer differs or the time of the sleep is over: the test then reads the new answer at once. What a wait did not use
is added to the next one of the same loop, so that a loop may still wait as long as it did. A loop that sleeps before it
looks for the first time looks at once. A sleep that nothing is known about is slept.
"""

from __future__ import annotations

import ast
import functools
import logging
import re
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from harness.errors import HarnessError
from harness.waiting import DeadlineExpired, wait_until

# Marvin's own, so that it stands among the requests.
_LOG = logging.getLogger("CSLog")
_READS = ("list", "get", "query", "find")
# Marvin's own functions that sleep before they look for the first time, and then look again and again.
_SLEEP_FIRST = frozenset({"download", "wait_for_upload", "wait_for_ssvms", "program_ssh_access"})
# Refusals that do not get better: who asks may not, or the cloud has no such command.
_FINAL = ("errorCode: 401", "errorCode: 432")
# Loads, sizes, percentages and times differ from answer to answer; what is waited for is a word.
_NUMBER = re.compile(r"\d+")
_LONGEST_PAUSE_S = 1.0
_SSH_PAUSE_S = 1.0
# Marvin looks each second; a job that is done is seen half a second later at most.
_JOB_PAUSE_S = 0.5
_JOB_PENDING, _JOB_FAILED = 0, 2


class JobTimeoutError(HarnessError):
    """A job was not done in time."""


@dataclass
class Saving:
    """Seconds that sleeps were to take, and those that they took."""

    sleeps: int = 0
    asked_s: float = 0.0
    taken_s: float = 0.0

    def add(self, asked_s: float, taken_s: float, sleeps: int = 1) -> None:
        self.sleeps += sleeps
        self.asked_s += asked_s
        self.taken_s += taken_s

    @property
    def line(self) -> str:
        return (
            f"fast waits: {self.sleeps} sleeps of {self.asked_s:.0f} s together took {self.taken_s:.0f} s; "
            f"{self.asked_s - self.taken_s:.0f} s saved"
        )


@dataclass
class _LastRequest(threading.local):
    """What this thread asked CloudStack last; `ask` asks it again, `seen` is the answer without its numbers."""

    ask: Callable[[], str] | None = None
    seen: str = ""
    refused: bool = False
    refused_for_good: bool = False


@dataclass
class _Loop:
    """Time that waits of one loop may still use, and for what it was read last."""

    credit_s: float = 0.0
    frame: int = 0


@dataclass
class FastWaits:
    """Put into Marvin and into test modules; `saving` tells what it was good for."""

    saving: Saving = field(default_factory=Saving)
    _last: _LastRequest = field(default_factory=_LastRequest)
    _loops: dict[tuple[CodeType, int], _Loop] = field(default_factory=dict)

    def into_module(self, module: ModuleType) -> None:
        """Have `time.sleep` and `sleep` mean ours in one module, wherever it took them from."""
        for name, value in list(vars(module).items()):
            if value is time:
                setattr(module, name, _Time(self.sleep))
            elif value is time.sleep:
                setattr(module, name, self.sleep)

    def into_connection(self, connection: Any) -> None:
        """Follow the requests of Marvin's CSConnection, and its jobs against a deadline."""
        request = connection.marvinRequest

        @functools.wraps(request)
        def followed(this: Any, cmd: Any, *args: Any, **kwargs: Any) -> Any:
            last = self._last
            last.ask, last.refused, last.refused_for_good = None, False, False
            try:
                answer = request(this, cmd, *args, **kwargs)
            except Exception as refused:
                last.refused, last.refused_for_good = True, any(text in str(refused) for text in _FINAL)
                raise
            if type(cmd).__name__.startswith(_READS):
                last.seen = _words(answer)
                last.ask = lambda: _answer(lambda: request(this, cmd, *args, **kwargs))
            return answer

        def job(this: Any, jobid: str, response_cmd: Any) -> Any:
            """As Marvin's, but for its time: what it returns has `jobresult`; a failed job is raised."""
            cmd = import_module("marvin.cloudstackAPI.queryAsyncJobResult").queryAsyncJobResultCmd()
            cmd.jobid = jobid
            began = time.monotonic()
            try:
                answer = wait_until(
                    f"job {jobid}",
                    lambda: request(this, cmd, response_type=response_cmd),
                    lambda seen: seen.jobstatus != _JOB_PENDING,
                    this.asyncTimeout,
                    first_pause_s=0.1,
                    longest_pause_s=_JOB_PAUSE_S,
                )
            except DeadlineExpired as expired:
                raise JobTimeoutError(f"job {jobid} is not done after {expired.seconds:g} s") from None
            taken = time.monotonic() - began
            # Marvin looks, and then each second.
            self.saving.add(float(int(taken) + 1), taken)
            if answer.jobstatus == _JOB_FAILED:
                raise RuntimeError(f"Job failed: {answer}")
            return answer

        connection.marvinRequest = followed
        if hasattr(connection, "_CSConnection__poll"):
            connection._CSConnection__poll = _like_marvins(job)

    def into_ssh(self, client: Any) -> None:
        """Try SSH again each second, for as long as Marvin's retries would have; our own Marvin does so anyway."""
        connect = getattr(client, "createConnection", None)
        if connect is None:
            return

        @functools.wraps(connect)
        def until_connected(this: Any) -> Any:
            retries, delay = this.retryCnt, this.delay
            if delay <= _SSH_PAUSE_S:
                return connect(this)
            began = time.monotonic()

            def once() -> Any:
                this.retryCnt = 0
                return connect(this)

            try:
                return wait_until(
                    f"SSH to {this.host}",
                    once,
                    lambda result: result == "SUCCESS",
                    retries * delay,
                    first_pause_s=_SSH_PAUSE_S,
                    longest_pause_s=_SSH_PAUSE_S,
                )
            except DeadlineExpired as expired:
                return expired.last_seen
            finally:
                taken = time.monotonic() - began
                self.saving.add(max(taken, -(-(taken - _SSH_PAUSE_S) // delay) * delay), taken)

        client.createConnection = until_connected

    def sleep(self, seconds: float) -> None:
        """In place of time.sleep."""
        caller = _caller()
        began = time.monotonic()
        self._wait(float(seconds), caller)
        taken = time.monotonic() - began
        self.saving.add(float(seconds), taken)
        _LOG.debug("a sleep of %g s in %s took %.1f s", seconds, caller.f_code.co_qualname, taken)

    def _wait(self, seconds: float, caller: FrameType) -> None:
        in_marvin = str(caller.f_globals.get("__name__", "")).startswith("marvin.")
        last = self._last
        looks_next = caller.f_code.co_name in _SLEEP_FIRST and last.ask is None and not last.refused
        if in_marvin and (looks_next or last.refused_for_good):
            return
        around = _loop_around(caller)
        if around is None or (last.ask is None and not around.sleeps_first):
            time.sleep(seconds)
            return
        loop = self._loops.setdefault((caller.f_code, caller.f_lineno), _Loop())
        if loop.frame != id(caller):
            loop.frame, loop.credit_s = id(caller), 0.0
            if around.sleeps_first:
                loop.credit_s = seconds
                return
        if last.ask is None:
            time.sleep(seconds)
            return
        allowed = seconds + loop.credit_s
        began = time.monotonic()
        self._until_changed(last.ask, allowed)
        loop.credit_s = max(0.0, allowed - (time.monotonic() - began))

    def _until_changed(self, ask: Callable[[], str], seconds: float) -> None:
        seen = self._last.seen
        try:
            wait_until(
                "another answer",
                ask,
                lambda now: now != seen,
                seconds,
                first_pause_s=0.1,
                longest_pause_s=_LONGEST_PAUSE_S,
            )
        except DeadlineExpired:
            # The sleep is over; whether that is bad is the test's to say.
            return


class _Time(ModuleType):
    """The module `time` with another `sleep`."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        super().__init__("time")
        self.sleep = sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _answer(request: Callable[[], Any]) -> str:
    try:
        return _words(request())
    except Exception as refused:  # noqa: BLE001 - a refusal is another answer, which the test will meet itself
        return _words(refused)


def _words(answer: object) -> str:
    return _NUMBER.sub("#", repr(answer))


def _like_marvins(job: Callable[..., Any]) -> Callable[..., Any]:
    """Marvin's own keeps the error and returns FAILED; its caller raises what was kept."""

    @functools.wraps(job)
    def kept(this: Any, jobid: str, response_cmd: Any) -> Any:
        try:
            return job(this, jobid, response_cmd)
        except Exception as failure:  # noqa: BLE001
            this._CSConnection__lastError = failure
            return "FAILED"

    return kept


def _caller() -> FrameType:
    return sys._getframe(2)


@dataclass(frozen=True)
class _Around:
    """The innermost loop around a sleep; `sleeps_first`: it polls, and its first statement is the sleep."""

    sleeps_first: bool


def _loop_around(frame: FrameType) -> _Around | None:
    loops = [loop for loop in _loops_of(frame.f_code.co_filename) if _has(loop, frame.f_lineno)]
    if not loops:
        return None
    innermost = max(loops, key=lambda loop: loop.lineno)
    first = innermost.body[0]
    while isinstance(first, ast.Try):
        first = first.body[0]
    return _Around(_has(first, frame.f_lineno) and _polls(innermost))


def _has(node: ast.stmt, line: int) -> bool:
    return node.lineno <= line <= (node.end_lineno or node.lineno)


def _polls(loop: ast.While | ast.For) -> bool:
    """Whether it can end before its time: one that does something for each of several things cannot."""
    if isinstance(loop, ast.While) and not isinstance(loop.test, ast.Constant):
        return True
    return any(isinstance(node, ast.Break | ast.Return) for node in ast.walk(loop))


@functools.cache
def _loops_of(file: str) -> tuple[ast.While | ast.For, ...]:
    try:
        tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    except (OSError, SyntaxError):
        return ()
    return tuple(node for node in ast.walk(tree) if isinstance(node, ast.While | ast.For))
