"""Following jobs to their end."""

import time

import pytest

from harness.cloud.jobs import JobUnknownError, run_job
from harness.waiting import DeadlineExpired
from tests.cloud.conftest import ScriptedServer, json_response


def _script(server: ScriptedServer, *jobs: dict[str, object]) -> None:
    answers = iter(jobs)

    def answer(command: str) -> object:
        return json_response(command, {"jobid": "j1"} if command == "scaleVirtualMachine" else next(answers))

    server.answer = answer


def test_a_job_is_asked_for_until_it_ends(server: ScriptedServer) -> None:
    done = {"jobstatus": 1, "jobresultcode": 0, "jobresult": {"virtualmachine": {"id": "v"}}}
    _script(server, {"jobstatus": 0}, {"jobstatus": 0}, done)
    job = run_job(server.api, "scaleVirtualMachine", 5)
    assert (job.succeeded, job.code, job.text) == (True, 0, "")
    assert job.result == {"virtualmachine": {"id": "v"}}
    assert server.calls == ["scaleVirtualMachine"] + ["queryAsyncJobResult"] * 3


def test_a_job_of_a_second_is_asked_for_at_most_twelve_times_in_it(server: ScriptedServer) -> None:
    begun: list[float] = []

    def answer(command: str) -> object:
        begun.append(time.monotonic())
        done = {"jobstatus": 1, "jobresult": {}} if begun[-1] - begun[0] > 1 else {"jobstatus": 0}
        return json_response(command, {"jobid": "j1"} if command == "scaleVirtualMachine" else {"jobid": "j1", **done})

    server.answer = answer
    run_job(server.api, "scaleVirtualMachine", 5)
    *in_it, _ = [command for command in server.calls if command == "queryAsyncJobResult"]
    assert len(in_it) <= 12


def test_a_failed_job_is_a_result_with_code_and_text(server: ScriptedServer) -> None:
    result = {"errorcode": 530, "errortext": "Failed to scale the VM"}
    _script(server, {"jobstatus": 2, "jobresultcode": 530, "jobresult": result})
    job = run_job(server.api, "scaleVirtualMachine", 5)
    assert (job.succeeded, job.code, job.text) == (False, 530, "Failed to scale the VM")


def test_a_failed_job_without_a_result_is_no_answer_of_the_product(server: ScriptedServer) -> None:
    _script(server, {"jobstatus": 2, "jobresultcode": 530})
    with pytest.raises(JobUnknownError, match="job j1 of scaleVirtualMachine failed and does not say why"):
        run_job(server.api, "scaleVirtualMachine", 5)


def test_a_job_that_does_not_end_is_given_up_at_the_deadline(server: ScriptedServer) -> None:
    _script(server, *[{"jobstatus": 0}] * 100)
    with pytest.raises(DeadlineExpired) as raised:
        run_job(server.api, "scaleVirtualMachine", 0.2)
    assert raised.value.last_seen == {"jobstatus": 0}
    assert "job j1 of scaleVirtualMachine" in str(raised.value)


def test_what_a_job_creates_is_known_before_it_ends(server: ScriptedServer) -> None:
    _script(server, {"jobstatus": 1, "jobresult": {}})
    begun: list[dict[str, object]] = []
    run_job(server.api, "scaleVirtualMachine", 5, begun.append)
    assert begun == [{"jobid": "j1"}]
