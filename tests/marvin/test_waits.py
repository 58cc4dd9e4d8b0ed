"""Sleeps that end when what they wait for has come, as early as that and no earlier."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.marvin.waits import FastWaits, JobTimeoutError

# How Marvin and its modules wait: the shapes, written for this test.
SHAPES = """
import time
from time import sleep

def until_running(client, retries=5, interval=0.4):
    while retries > 0:
        state = client.ask(listMachinesCmd())
        if state == "Running":
            return True
        time.sleep(interval)
        retries -= 1
    return False

def looks_once(client):
    client.ask(listMachinesCmd())
    time.sleep(0.2)

def writes_in_a_loop(client):
    for _ in range(2):
        client.ask(startMachineCmd())
        sleep(0.1)

def download(client):
    while True:
        time.sleep(1.5)
        if client.ask(listMachinesCmd()) == "Running":
            return

def sleeps_first(client, timeout=3, interval=0.4):
    client.ask(listMachinesCmd())
    while True:
        time.sleep(interval)
        if client.ask(listMachinesCmd()) == "Running":
            return True
        if timeout == 0:
            return False
        timeout -= 1

def pauses_between_things(client):
    for _ in range(2):
        sleep(0.1)
        client.ask(startMachineCmd())

def refused(client):
    while True:
        try:
            client.ask(startMachineCmd())
            return
        except RuntimeError:
            time.sleep(1.5)

class listMachinesCmd: pass
class startMachineCmd: pass
"""


class Connection:
    """Answers with the next of `answers`, each for as long as it says; as Marvin's connection has it."""

    asyncTimeout = 0.3  # noqa: N815 - Marvin's name

    def __init__(self, *answers: tuple[float, Any]) -> None:
        self._answers = answers
        self._began = time.monotonic()
        self.asked = 0

    def marvinRequest(self, _: object, response_type: object = None) -> Any:  # noqa: N802, ARG002
        self.asked += 1
        passed = time.monotonic() - self._began
        ends = accumulate(seconds for seconds, _ in self._answers)
        answer = next(each for end, (_, each) in zip(ends, self._answers, strict=True) if passed < end)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Fast:
    """The shapes as a module of Marvin's or of a test, with waits put in."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.waits = FastWaits()
        self.waits.into_module(module)

    def run(self, name: str, *answers: tuple[float, Any]) -> tuple[Any, float, Connection]:
        kind = type("CSConnection", (Connection,), {"marvinRequest": Connection.marvinRequest})
        self.waits.into_connection(kind)
        connection = kind(*answers)
        began = time.monotonic()
        result = getattr(self.module, name)(SimpleNamespace(ask=connection.marvinRequest))
        return result, time.monotonic() - began, connection


@pytest.fixture(params=["marvin.lib.shapes", "test_shapes"])
def fast(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fast]:
    file = tmp_path / "shapes.py"
    file.write_text(SHAPES)
    module = ModuleType(request.param)
    exec(compile(SHAPES, str(file), "exec"), vars(module))  # noqa: S102 - the text above
    yield Fast(module)
    sys.modules.pop(request.param, None)


def test_a_loop_that_polls_goes_on_when_the_answer_changes(fast: Fast) -> None:
    fast.module.until_running.__defaults__ = (5, 30.0)
    result, seconds, _ = fast.run("until_running", (0.5, "Starting"), (9, "Running"))
    assert result is True
    assert seconds < 15
    assert (fast.waits.saving.sleeps, fast.waits.saving.asked_s) == (1, 30.0)
    assert fast.waits.saving.line.startswith("fast waits: 1 sleeps of 30 s together took ")


def test_a_loop_still_waits_as_long_as_it_did_for_what_does_not_come(fast: Fast) -> None:
    # Two changes on the way use up two sleeps early; the others take that time too.
    result, seconds, _ = fast.run("until_running", (0.1, "Stopped"), (0.1, "Starting"), (9, "Stuck"))
    assert result is False
    assert seconds >= 5 * 0.4 - 0.05


def test_a_loop_that_sleeps_before_its_first_look_looks_at_once(fast: Fast) -> None:
    fast.module.sleeps_first.__defaults__ = (3, 30.0)
    result, seconds, connection = fast.run("sleeps_first", (9, "Running"))
    assert result is True
    assert seconds < 15
    assert connection.asked == 2


def test_such_a_loop_still_waits_as_long_as_it_did(fast: Fast) -> None:
    result, seconds, _ = fast.run("sleeps_first", (9, "Stuck"))
    assert result is False
    assert seconds >= 4 * 0.4 - 0.05


def test_a_pause_between_things_is_slept(fast: Fast) -> None:
    _, seconds, _ = fast.run("pauses_between_things", (9, "done"))
    assert seconds >= 0.2


def test_numbers_that_differ_each_time_are_no_change(fast: Fast) -> None:
    fast.module.until_running.__defaults__ = (1, 0.5)
    loads = [(0.05, f"Starting, cpuused {load}%") for load in range(20)]
    result, seconds, connection = fast.run("until_running", *loads)
    assert result is False
    assert seconds >= 0.5
    assert connection.asked > 2


def test_a_sleep_that_is_no_polling_is_slept(fast: Fast) -> None:
    _, seconds, connection = fast.run("looks_once", (9, "Running"))
    assert seconds >= 0.2
    assert connection.asked == 1
    _, seconds, _ = fast.run("writes_in_a_loop", (9, "done"))
    assert seconds >= 0.2


def test_a_sleep_before_the_first_look_of_all_is_left_out(fast: Fast) -> None:
    _, seconds, _ = fast.run("download", (9, "Running"))
    assert seconds < 1.5
    assert fast.waits.saving.asked_s == 1.5


def test_what_was_refused_for_good_is_tried_again_at_once_in_marvin_alone(fast: Fast) -> None:
    refusal = RuntimeError("errorCode: 432, errorText:no such command")
    _, seconds, _ = fast.run("refused", (0.05, refusal), (9, "done"))
    ours = fast.module.__name__.startswith("marvin.")
    assert (seconds < 1.5) is ours


def test_what_may_still_come_is_waited_for(fast: Fast) -> None:
    _, seconds, _ = fast.run("refused", (0.05, RuntimeError("errorCode: 530, errorText:busy")), (9, "done"))
    assert seconds >= 1.5


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Any, Any]]:
    query = ModuleType("marvin.cloudstackAPI.queryAsyncJobResult")
    query.queryAsyncJobResultCmd = SimpleNamespace  # type: ignore[attr-defined]
    for name in ("marvin", "marvin.cloudstackAPI"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, query.__name__, query)

    def follow(*answers: tuple[float, Any]) -> tuple[Any, Any]:
        members = {"marvinRequest": Connection.marvinRequest, "_CSConnection__poll": None}
        kind = type("CSConnection", (Connection,), members)
        FastWaits().into_connection(kind)
        connection: Any = kind(*answers)
        return connection._CSConnection__poll("7", None), getattr(connection, "_CSConnection__lastError", None)

    return follow


def test_a_job_is_followed_to_its_end(job: Callable[..., tuple[Any, Any]]) -> None:
    pending, done = SimpleNamespace(jobstatus=0), SimpleNamespace(jobstatus=1, jobresult="vm")
    assert job((0.15, pending), (9, done)) == (done, None)


def test_a_failed_job_and_one_that_takes_too_long_are_errors_that_marvin_raises(
    job: Callable[..., tuple[Any, Any]],
) -> None:
    result, error = job((9, SimpleNamespace(jobstatus=2, jobresult="no capacity")))
    assert result == "FAILED"
    assert "no capacity" in str(error)
    # Marvin's own returns the last pending answer as if that were the result.
    result, error = job((9, SimpleNamespace(jobstatus=0)))
    assert result == "FAILED"
    assert isinstance(error, JobTimeoutError)
    assert str(error) == "job 7 is not done after 0.3 s"


def test_ssh_is_tried_each_second_for_as_long_as_all_retries_would_take() -> None:
    class Client:
        host = "guest"

        def __init__(self, up_after: int, retries: int, delay: float) -> None:
            self.tries, self.up_after, self.retryCnt, self.delay = 0, up_after, retries, delay

        def createConnection(self) -> str:  # noqa: N802 - Marvin's name
            assert self.retryCnt == 0
            self.tries += 1
            return "SUCCESS" if self.tries > self.up_after else "FAILED"

    waits = FastWaits()
    waits.into_ssh(Client)
    began = time.monotonic()
    assert Client(up_after=1, retries=5, delay=30).createConnection() == "SUCCESS"
    assert time.monotonic() - began < 20
    assert waits.saving.asked_s == 30
    stubborn = Client(up_after=99, retries=2, delay=1.5)
    assert stubborn.createConnection() == "FAILED"
    assert 2 <= stubborn.tries <= 5
