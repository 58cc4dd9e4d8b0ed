"""The port at which nobody has to say who they are."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from harness.lab.api.lab_cloud import LabCloudError
from tests.lab.api.conftest import Lab, LabMaker
from tests.lab.api.raw import RawAnswer, RawClient


@pytest.fixture
def lab(make_lab: LabMaker) -> Lab:
    return make_lab(integration_port=True)


def _get(lab: Lab, path: str = "/", **given: str) -> RawAnswer:
    endpoint = lab.cloud.integration_endpoint.replace("/client/api", path)
    return RawClient(endpoint, "", "").get({"response": "json", **given})


def test_there_is_none_unless_asked_for(make_lab: LabMaker) -> None:
    lab = make_lab()
    with pytest.raises(LabCloudError, match="no integration port"):
        _ = lab.cloud.integration_endpoint


def test_it_is_bound_to_the_loopback_and_closed_with_the_cloud(lab: Lab) -> None:
    endpoint = lab.cloud.integration_endpoint
    assert urlsplit(endpoint).hostname == "127.0.0.1"
    lab.cloud.shutdown()
    with pytest.raises(OSError, match="refused"):
        RawClient(endpoint, "", "").get({"command": "listZones"})


@pytest.mark.parametrize("path", ["/", "/client/api", "/anything"])
def test_commands_are_answered_at_every_path(lab: Lab, path: str) -> None:
    answer = _get(lab, path, command="listZones")
    assert (answer.status, answer.body["count"]) == (200, 1)
    assert answer.headers["Content-Type"] == "application/json; charset=UTF-8"


def test_refusals_have_their_code_and_no_description_in_the_head(lab: Lab) -> None:
    answer = _get(lab, command="stopVirtualMachine")
    assert answer.status == 431
    assert "X-Description" not in answer.headers
    assert answer.json == {
        "stopvirtualmachineresponse": {
            "uuidList": [],
            "errorcode": 431,
            "cserrorcode": 9999,
            "errortext": "Unable to execute API command stopvirtualmachine due to missing parameter id",
        }
    }


def test_an_unknown_command_is_an_unsupported_one(lab: Lab) -> None:
    answer = _get(lab, command="frob")
    assert answer.status == 432
    assert answer.json == {
        "errorresponse": {
            "uuidList": [],
            "errorcode": 432,
            "cserrorcode": 9999,
            "errortext": "Unknown API command: frob",
        }
    }


def test_what_is_posted_is_not_read(lab: Lab) -> None:
    answer = RawClient(lab.cloud.integration_endpoint, "", "").post({"command": "listZones"})
    assert answer.status == 432
    assert "<errortext>Invalid request, no command sent</errortext>" in answer.text
    assert answer.headers["Content-Type"] == "text/xml; charset=UTF-8"


def test_nobody_logs_in_here(lab: Lab) -> None:
    assert (_get(lab, command="login").status, _get(lab, command="login").text) == (200, "")


def test_it_acts_as_the_system_which_has_nothing_of_its_own(lab: Lab) -> None:
    refused = _get(lab, command="listServiceOfferings")
    assert (refused.status, refused.body["cserrorcode"]) == (431, 4350)
    assert refused.body["errortext"] == "Account and domainId are needed for resource creation"
    domain_id = lab.api.listDomains()["domain"][0]["id"]
    given = {"zoneid": lab.zone_id, "templateid": lab.template_id(), "serviceofferingid": lab.fixed()}
    assert _get(lab, command="deployVirtualMachine", **given).status == 431
    started = _get(lab, command="deployVirtualMachine", account="admin", domainid=domain_id, **given)
    assert lab.instance_of(lab.finished(started.body))["account"] == "admin"
    job = lab.api.queryAsyncJobResult(jobid=started.body["jobid"])
    assert job["account"] == "system"
    assert _get(lab, command="listVirtualMachines").json == {"listvirtualmachinesresponse": {}}
    assert _get(lab, command="listVirtualMachines", listall="true").body["count"] == 1
    assert lab.api.listAccounts(listall="true")["count"] == 1


def test_it_may_change_the_keys_of_the_first_admin(lab: Lab) -> None:
    (user,) = lab.api.listUsers()["user"]
    begun = _get(lab, command="registerUserKeys", id=user["id"]).body
    keys = lab.finished(begun)["jobresult"]["userkeys"]
    assert RawClient(lab.cloud.endpoint, keys["apikey"], keys["secretkey"]).call("listZones").status == 200
