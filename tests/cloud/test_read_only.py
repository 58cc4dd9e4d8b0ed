"""What changes anything is refused before it is sent, however it is asked for."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cloud import accounts, configuration, infrastructure, instances, read_only
from harness.cloud.client import ApiError, Call
from harness.cloud.configuration import Place
from harness.cloud.jobs import begin_job
from harness.cloud.read_only import ChangeRefusedError, ReadOnlyApi
from harness.lab.api.commands import COMMANDS
from tests.cloud.conftest import ScriptedServer, json_response
from tests.conftest import SimulatedLab

# Of all that the lab knows: these ask, and everything else does something.
_QUESTIONS = {name for name in COMMANDS if name.startswith(("list", "query"))}


@pytest.fixture
def api(lab: SimulatedLab) -> ReadOnlyApi:
    return ReadOnlyApi(lab.endpoint, lab.api_key, lab.secret_key)


def test_lists_and_queries_are_answered(api: ReadOnlyApi) -> None:
    assert infrastructure.zone(api, "lab-zone").name == "lab-zone"
    assert api.sent == 1


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - _QUESTIONS))
def test_every_other_command_of_the_lab_is_refused_and_not_sent(lab: SimulatedLab, command: str) -> None:
    # Nothing listens there: a command that was sent would fail otherwise.
    api = ReadOnlyApi("http://127.0.0.1:9/client/api", lab.api_key, lab.secret_key)
    with pytest.raises(ChangeRefusedError, match=command):
        api.call(command)
    with pytest.raises(ChangeRefusedError):
        api.list(command, "anything")
    assert api.sent == 0


@given(command=st.text(max_size=30).filter(lambda text: not text.startswith(("list", "query"))))
def test_no_text_but_a_list_or_query_is_sent(command: str) -> None:
    api = ReadOnlyApi("http://127.0.0.1:9/client/api", "key", "secret")
    with pytest.raises(ChangeRefusedError):
        api.call(command)
    assert api.sent == 0


@pytest.mark.parametrize("command", ["list", "listhosts", "listHosts&command=deleteHost", "listHosts ", "queryX\n"])
def test_what_only_begins_like_a_list_is_refused(api: ReadOnlyApi, command: str) -> None:
    with pytest.raises(ChangeRefusedError):
        api.call(command)


def test_the_harness_own_changes_are_refused(api: ReadOnlyApi) -> None:
    heard: list[Call] = []
    api.listener = heard.append
    for change in (
        lambda: configuration.update(api, "scale.retry", "3", Place()),
        lambda: instances.set_dynamic_scaling(api, "id", on=True),
        lambda: begin_job(api, "stopVirtualMachine", id="id"),
        lambda: accounts.recount(api),
    ):
        with pytest.raises(ChangeRefusedError):
            change()
    assert api.sent == 0


def test_calls_come_no_faster_than_the_rate(lab: SimulatedLab) -> None:
    api = ReadOnlyApi(lab.endpoint, lab.api_key, lab.secret_key, api_rate=20)
    began = time.monotonic()
    for _ in range(5):
        api.call("listZones")
    assert time.monotonic() - began >= 4 / 20


@pytest.fixture
def throttled(server: ScriptedServer) -> ReadOnlyApi:
    """It is told that it asks too much."""
    limit = {"errorcode": 429, "errortext": "The given user has reached his/her account api limit"}
    server.answer = lambda command: json_response(command, limit, 429)
    return ReadOnlyApi(server.api.endpoint, "key", "secret")


def test_a_server_that_throttles_its_api_is_asked_again(server: ScriptedServer, throttled: ReadOnlyApi) -> None:
    too_many = server.answer
    server.answer = lambda command: (
        too_many(command) if len(server.calls) < 3 else json_response(command, {"zone": [{"id": "1"}]})
    )
    assert throttled.list("listZones", "zone") == [{"id": "1"}]
    assert len(server.calls) == throttled.sent == 3


def test_a_server_that_goes_on_throttling_is_told_of(
    server: ScriptedServer, throttled: ReadOnlyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_only, "_THROTTLED_S", 1.0)
    with pytest.raises(ApiError, match="api limit") as refused:
        throttled.call("listZones")
    assert refused.value.code == 429
    assert len(server.calls) > 1


def test_another_refusal_is_not_asked_again(server: ScriptedServer, throttled: ReadOnlyApi) -> None:
    server.answer = lambda command: json_response(command, {"errorcode": 431, "errortext": "no"}, 431)
    with pytest.raises(ApiError):
        throttled.call("listZones")
    assert len(server.calls) == 1
