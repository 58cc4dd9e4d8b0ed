"""Who is let in, and what is signed how."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cs import CloudStack, CloudStackApiException

from harness.waiting import wait_until
from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawAnswer

_UNVERIFIED = "unable to verify user credentials and/or request signature"


def _list_zones(lab: Lab, **more: str) -> dict[str, str]:
    return {"command": "listZones", "response": "json", "apiKey": lab.raw.api_key, **more}


def _refused(answer: RawAnswer, root: str = "listzonesresponse") -> None:
    assert answer.status == 401
    assert answer.json == {root: {"uuidList": [], "errorcode": 401, "errortext": _UNVERIFIED}}
    assert "X-Description" not in answer.headers


def test_a_wrong_signature_is_refused(lab: Lab) -> None:
    _refused(lab.raw.get({**_list_zones(lab), "signature": "AAAA"}))


def test_an_unknown_key_is_refused(lab: Lab) -> None:
    _refused(lab.raw.get(lab.raw.signed({**_list_zones(lab), "apiKey": "nobody"})))


def test_a_request_without_signature_is_refused(lab: Lab) -> None:
    _refused(lab.raw.get(_list_zones(lab)))


def test_the_name_of_the_key_has_its_case(lab: Lab) -> None:
    _refused(lab.raw.get(lab.raw.signed({"command": "listZones", "response": "json", "apikey": lab.raw.api_key})))


@pytest.mark.parametrize("value", ["a b", "a+b", "a*b", "a/b=c", "a~b", "é"])
def test_values_are_encoded_as_java_does_it(lab: Lab, value: str) -> None:
    assert lab.raw.call("listZones", keyword=value).status == 200


def test_a_tilde_left_raw_in_the_signed_text_is_refused_as_by_a_real_server(lab: Lab) -> None:
    with pytest.raises(CloudStackApiException) as refused:
        lab.api.listZones(keyword="a~b")
    assert refused.value.response.status_code == 401


def test_names_are_sorted_with_their_case(lab: Lab) -> None:
    assert lab.raw.get(lab.raw.signed(_list_zones(lab, Keyword="none"))).json == {"listzonesresponse": {}}


def test_names_of_maps_are_signed_as_they_are(lab: Lab) -> None:
    signed = lab.raw.signed(_list_zones(lab, **{"tags[0].key": "a", "tags[0].value": "b"}))
    assert lab.raw.get(signed).json == {"listzonesresponse": {}}


@pytest.mark.parametrize("zone", ["+0000", "Z"])
def test_version_three_takes_a_moment_to_come(lab: Lab, zone: str) -> None:
    expires = (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%S") + zone
    assert lab.raw.get(lab.raw.signed(_list_zones(lab, signatureVersion="3", expires=expires))).status == 200


@pytest.mark.parametrize("expires", ["2020-01-01T00:00:00+0000", "tomorrow", None])
def test_version_three_refuses_what_has_expired_or_is_no_moment(lab: Lab, expires: str | None) -> None:
    more = {} if expires is None else {"expires": expires}
    _refused(lab.raw.get(lab.raw.signed(_list_zones(lab, signatureVersion="3", **more))))


def test_other_versions_do_not_expire(lab: Lab) -> None:
    past = "2020-01-01T00:00:00+0000"
    assert lab.raw.get(lab.raw.signed(_list_zones(lab, signatureVersion="2", expires=past))).status == 200


def test_a_signed_form_is_as_good_as_an_address(lab: Lab) -> None:
    assert lab.raw.post(lab.raw.signed(_list_zones(lab))).status == 200


def test_a_client_from_pypi_is_let_in(lab: Lab) -> None:
    keys = lab.cloud.admin
    client = CloudStack(endpoint=lab.cloud.endpoint, key=keys.api_key, secret=keys.secret_key, method="post")
    assert client.listZones()["zone"][0]["name"] == "lab-zone"


def test_an_unknown_command_is_refused_like_a_wrong_signature(lab: Lab) -> None:
    _refused(lab.raw.call("frobnicate"), "errorresponse")
    _refused(lab.raw.call("listzones"), "errorresponse")


def test_without_a_command_the_root_is_null(lab: Lab) -> None:
    _refused(lab.raw.get(lab.raw.signed({"response": "json", "apiKey": lab.raw.api_key})), "null")


def test_an_empty_request_is_answered_in_xml(lab: Lab) -> None:
    answer = lab.raw.get({})
    assert answer.status == 401
    assert answer.text == (
        '<?xml version="1.0" encoding="UTF-8"?><errorresponse><errorcode>401</errorcode>'
        f"<errortext>{_UNVERIFIED}</errortext></errorresponse>"
    )


def test_a_request_may_be_sent_again_until_it_expires_and_not_after(lab: Lab) -> None:
    expires = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%S%z")
    request = lab.raw.signed(_list_zones(lab, signatureVersion="3", expires=expires))
    assert [lab.raw.get(request).status, lab.raw.get(request).status] == [200, 200]
    refused = wait_until(
        "the request to expire",
        lambda: lab.raw.get(request),
        lambda answer: answer.status != 200,
        10,
        first_pause_s=0.05,
    )
    assert (refused.status, lab.raw.get(request).status) == (401, 401)
