"""Keys of a user, which a server tells at once or by a job."""

import pytest

from harness.cloud.accounts import register_keys
from harness.cloud.instances import JobFailedError
from tests.cloud.conftest import ScriptedServer, json_response

KEYS = {"userkeys": {"apikey": "key", "secretkey": "secret"}}


def test_keys_that_are_the_answer_are_taken_from_it(server: ScriptedServer) -> None:
    server.answer = lambda command: json_response(command, KEYS)
    assert register_keys(server.api, 5, "u") == ("key", "secret")
    assert server.calls == ["registerUserKeys"]


def test_keys_that_a_job_makes_are_taken_from_its_result(server: ScriptedServer) -> None:
    answers = iter(
        [{"jobid": "j1"}, {"jobid": "j1", "jobstatus": 0}, {"jobid": "j1", "jobstatus": 1, "jobresult": KEYS}]
    )
    server.answer = lambda command: json_response(command, next(answers))
    assert register_keys(server.api, 5, "u") == ("key", "secret")
    assert server.calls == ["registerUserKeys", "queryAsyncJobResult", "queryAsyncJobResult"]


def test_a_job_that_makes_none_is_an_error(server: ScriptedServer) -> None:
    refused = {"errorcode": 531, "errortext": "no"}
    answers = iter([{"jobid": "j1"}, {"jobid": "j1", "jobstatus": 2, "jobresultcode": 531, "jobresult": refused}])
    server.answer = lambda command: json_response(command, next(answers))
    with pytest.raises(JobFailedError, match="registering keys of user u failed: 531 no"):
        register_keys(server.api, 5, "u")
