"""What the client makes of answers, good and bad."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from werkzeug.wrappers import Response

from harness.cloud import client, offerings
from harness.cloud.client import (
    ApiAnswerError,
    ApiClockError,
    ApiCredentialsError,
    ApiError,
    ApiUnreachableError,
    Call,
    CloudApi,
)
from harness.reference.offering import Offering
from tests.cloud.conftest import ScriptedServer, json_response
from tests.conftest import SimulatedLab


def test_an_answer_comes_without_its_root_key(lab: SimulatedLab) -> None:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    assert api.call("listZones")["zone"][0]["name"] == "lab-zone"


def test_values_are_signed_whatever_is_in_them(lab: SimulatedLab) -> None:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    for keyword in ("a b", "a+b", "a*b", "a~b", "a/b&c=d", "äx", "[0]", "%41"):
        assert api.call("listZones", keyword=keyword) == {}


def test_a_refusal_carries_code_and_text(lab: SimulatedLab) -> None:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    with pytest.raises(ApiError) as raised:
        api.call("scaleVirtualMachine")
    assert (raised.value.code, raised.value.cs_code) == (431, 9999)
    assert raised.value.text == "Unable to execute API command scalevirtualmachine due to missing parameter id"


def test_wrong_keys_are_told_from_other_refusals(lab: SimulatedLab) -> None:
    for key, secret in ((lab.api_key, "wrong"), ("wrong", lab.secret_key)):
        with pytest.raises(ApiCredentialsError, match="refused the API key or its signature"):
            CloudApi(lab.endpoint, key, secret).call("listZones")


def test_nobody_there_is_told_with_the_endpoint() -> None:
    with pytest.raises(ApiUnreachableError, match=r"http://127\.0\.0\.1:9/client/api: .*refused"):
        CloudApi("http://127.0.0.1:9/client/api", "k", "s").call("listZones")


def test_a_server_without_tls_is_told(server: ScriptedServer) -> None:
    api = CloudApi(server.api.endpoint.replace("http:", "https:"), "k", "s")
    with pytest.raises(ApiUnreachableError, match=r"TLS verification failed for https://\S+: \[SSL: \w+\] "):
        api.call("listZones")


@pytest.mark.parametrize(
    "response",
    [
        Response("<html>busy</html>", content_type="text/html"),
        Response("<html>busy</html>", status=503, content_type="text/html"),
        Response("{", content_type="application/json"),
        Response("[]", content_type="application/json"),
        Response('{"listzonesresponse": []}', content_type="application/json"),
    ],
)
def test_what_is_no_answer_of_cloudstacks_is_an_error(server: ScriptedServer, response: Response) -> None:
    server.answer = lambda _: response
    with pytest.raises(ApiAnswerError, match="listZones"):
        server.api.call("listZones")


def test_a_list_goes_through_all_pages(server: ScriptedServer) -> None:
    sizes = iter([500, 500, 3])
    server.answer = lambda command: json_response(command, {"count": 1003, "zone": [{}] * next(sizes)})
    assert len(server.api.list("listZones", "zone")) == 1003
    assert server.calls == ["listZones"] * 3


def test_an_empty_list_is_empty(server: ScriptedServer) -> None:
    assert server.api.list("listZones", "zone") == []


def test_a_listener_hears_of_each_command_that_is_more_than_a_question(server: ScriptedServer) -> None:
    heard: list[Call] = []
    api = server.api
    api.listener = heard.append
    server.answer = lambda command: json_response(command, {"jobid": "j"})
    api.call("listZones")
    api.call("scaleVirtualMachine", id="i", nothing=None, userdata="p")
    server.answer = lambda _: Response(
        '{"r": {"errorcode": 431, "errortext": "no"}}', status=431, content_type="application/json"
    )
    with pytest.raises(ApiError):
        api.call("deleteServiceOffering", id=7)
    first, second = heard
    assert (first.command, first.parameters) == ("scaleVirtualMachine", {"id": "i", "userdata": "(hidden)"})
    assert (first.job_id, first.error) == ("j", None)
    assert (second.parameters, second.job_id, second.error) == ({"id": "7"}, None, "deleteServiceOffering: 431 no")


def _endless(command: str) -> Response:
    return json_response(command, {"item": [{}] * 500})


def _huge() -> Iterator[bytes]:
    yield b'{"x":"'
    while True:
        yield b"x" * 1_000_000


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (lambda: "[" * 200_000 + "]" * 200_000, "nested too deeply"),
        (_huge, "too much: the answer is larger than 67108864 bytes"),
        (lambda: '{"listxresponse": {"item": "many"}}', "item that is no list of objects"),
        (lambda: '{"listxresponse": {"item": [1, 2]}}', "item that is no list of objects"),
    ],
)
def test_a_hostile_answer_is_refused(server: ScriptedServer, body: Callable[[], str], says: str) -> None:
    server.answer = lambda _: Response(body(), content_type="application/json")
    with pytest.raises(ApiAnswerError, match=says):
        server.api.list("listX", "item")


def test_a_list_without_an_end_is_given_up(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MOST_PAGES", 5)
    server.answer = _endless
    with pytest.raises(ApiAnswerError, match="does not come to an end with listX: 2500 items"):
        server.api.list("listX", "item")


def test_an_answer_that_dribbles_is_given_up(server: ScriptedServer) -> None:
    pauses = threading.Event()

    def dribble() -> Iterator[bytes]:
        yield b'{"x":"'
        while not pauses.wait(0.2):
            yield b"x" * 20_000

    server.answer = lambda _: Response(dribble(), content_type="application/json")
    api = CloudApi(server.api.endpoint, "key", "secret", timeout_s=1)
    with pytest.raises(ApiUnreachableError, match=r"the answer did not end within 4 s"):
        api.call("deployX")
    pauses.set()


def test_a_signed_request_is_not_sent_on_to_another_address(server: ScriptedServer) -> None:
    server.answer = lambda _: Response(status=307, headers={"Location": "http://127.0.0.2:1/elsewhere"})
    with pytest.raises(ApiAnswerError, match="sends deployX to another address"):
        server.api.call("deployX")


def test_a_refused_signature_tells_of_clocks_that_differ(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = '{"listxresponse": {"errorcode": 401, "errortext": "unable to verify user credentials"}}'
    server.answer = lambda _: Response(body, 401, content_type="application/json")
    with pytest.raises(ApiCredentialsError, match=r"unable to verify user credentials$") as refused:
        server.api.call("listX")
    assert refused.value.mend == "give an admin's keys"
    # Both clocks are this machine's here.
    monkeypatch.setattr(client, "MOST_SKEW_S", -1.0)
    with pytest.raises(ApiCredentialsError, match=r"credentials; its clock is [+-]\d s from this machine's") as refused:
        server.api.call("listX")
    assert refused.value.mend == "let both follow a time server"


def test_what_was_refused_while_a_clock_was_wrong_is_sent_again(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Both clocks are this machine's here.
    monkeypatch.setattr(client, "MOST_SKEW_S", -1.0)
    body = '{"listxresponse": {"errorcode": 401, "errortext": "unable to verify user credentials"}}'
    refusal = Response(body, 401, content_type="application/json")
    refusals = iter([refusal])
    server.answer = lambda command: next(refusals, json_response(command, {}))
    api = server.api
    # Keys that were never taken may be wrong as well.
    with pytest.raises(ApiClockError):
        api.call("listX")
    for command in ("listX", "deployX"):
        assert api.call(command) == {}
        refusals = iter([refusal, refusal])
        assert api.call(command) == {}
    assert len(server.calls) == 9


@pytest.mark.parametrize(("said", "ahead"), [("Sat, 01 Jan 2000 00:00:00 GMT", True), ("soon", False), ("", False)])
def test_a_servers_clock_is_read_where_it_tells_it(said: str, ahead: bool) -> None:
    skew = client.skew_s({"Date": said} if said else {})
    assert (skew is not None and skew < 0) == ahead


def test_a_change_that_was_never_sent_is_sent_once_the_server_is_back(server: ScriptedServer) -> None:
    api = server.api
    api.call("listX")
    port = server.close_port()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(api.call, "deployX")
        server.open_port(port)
        assert waiting.result(30) == {}
    assert server.calls == ["listX", "deployX"]


def test_a_value_that_is_no_text_is_not_sent(server: ScriptedServer) -> None:
    with pytest.raises(ApiAnswerError, match="deployX cannot be sent: one of its values is no text"):
        server.api.call("deployX", id="\ud800")
    assert server.calls == []


def test_proxies_of_the_environment_are_heeded(server: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = "http://cloud.invalid/client/api"
    monkeypatch.setenv("http_proxy", server.api.endpoint)
    monkeypatch.delenv("no_proxy", raising=False)
    assert CloudApi(elsewhere, "key", "secret").call("listZones") == {}
    monkeypatch.setenv("no_proxy", "cloud.invalid")
    with pytest.raises(ApiUnreachableError):
        CloudApi(elsewhere, "key", "secret").call("listZones")
    assert server.calls == ["listZones"]


def test_an_offering_that_is_gone_is_as_good_as_removed(lab: SimulatedLab) -> None:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    made = offerings.create(api, Offering("", "gone", 1, 500, 256))
    offerings.delete(api, made.id)
    offerings.delete(api, made.id)


def test_an_offering_that_cannot_be_removed_is_told(server: ScriptedServer) -> None:
    def answer(command: str) -> Response:
        if command == "deleteServiceOffering":
            return json_response(command, {"errorcode": 431, "errortext": "in use"}, 431)
        return json_response(command, {"serviceoffering": [{"id": "7"}]})

    server.answer = answer
    with pytest.raises(ApiError, match="in use"):
        offerings.delete(server.api, "7")
