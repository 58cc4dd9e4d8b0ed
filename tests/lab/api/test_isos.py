"""ISOs in instances."""

from __future__ import annotations

import pytest

from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawClient


@pytest.fixture
def iso_id(lab: Lab) -> str:
    return str(lab.api.registerIso(name="tools", url="http://x/tools.iso", zoneid=lab.zone_id)["iso"][0]["id"])


def test_an_iso_is_put_in_found_and_taken_out(lab: Lab, iso_id: str) -> None:
    instance = lab.deploy(lab.fixed())
    lab.deploy(lab.fixed())
    there = lab.instance_of(lab.run("attachIso", id=iso_id, virtualmachineid=instance["id"]))
    assert (there["isoid"], there["isoname"]) == (iso_id, "tools")
    assert [each["id"] for each in lab.api.listVirtualMachines(isoid=iso_id)["virtualmachine"]] == [instance["id"]]
    assert "isoid" not in lab.instance_of(lab.run("detachIso", virtualmachineid=instance["id"]))
    again = lab.run("detachIso", virtualmachineid=instance["id"])
    assert again["jobresult"]["errortext"] == "The specified VM has no ISO attached to it."


def test_the_owner_of_the_instance_has_to_be_allowed_the_iso(lab: Lab, iso_id: str) -> None:
    keys = lab.cloud.add_user("someone")
    user = RawClient(lab.raw.endpoint, keys.api_key, keys.secret_key)
    instance = lab.finished(user.call("deployVirtualMachine", **lab.place(lab.fixed())).body)["jobinstanceid"]
    for client in (user, lab.raw):
        assert client.call("attachIso", id=iso_id, virtualmachineid=instance).status == 531
    lab.api.updateIsoPermissions(id=iso_id, op="add", accounts="someone")
    assert lab.run("attachIso", id=iso_id, virtualmachineid=instance)["jobstatus"] == 1
