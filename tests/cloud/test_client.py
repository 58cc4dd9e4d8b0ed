"""What the client makes of answers, good and bad."""

import pytest
from werkzeug.wrappers import Response

from harness.cloud.client import ApiAnswerError, ApiCredentialsError, ApiError, ApiUnreachableError, Call, CloudApi
from tests.cloud.conftest import ScriptedServer, json_response
from tests.conftest import SimulatedLab


def test_an_answer_comes_without_its_root_key(lab: SimulatedLab) -> None:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    assert api.call("listZones")["zone"][0]["name"] == "lab-zone"


def test_values_are_signed_whatever_is_in_them(lab: SimulatedLab) -> None:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    for keyword in ("a b", "a+b", "a*b", "a/b&c=d", "ä", "[0]", "%41"):
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
