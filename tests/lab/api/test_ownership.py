"""Instances that change hands."""

from __future__ import annotations

import pytest

from tests.lab.api.conftest import Entity, Lab
from tests.lab.api.raw import RawClient


def _counts(lab: Lab, account: str) -> dict[str, int]:
    (found,) = lab.api.listAccounts(name=account, listall="true")["account"]
    return {name: found[f"{name}total"] for name in ("vm", "cpu", "memory", "volume")}


@pytest.fixture
def stopped(lab: Lab) -> Entity:
    """An instance of the admin with a data volume."""
    lab.cloud.add_user("someone")
    instance = lab.deploy(lab.fixed(cpus=2, memory=512))
    disk = lab.api.listDiskOfferings()["diskoffering"][0]["id"]
    volume = lab.run("createVolume", diskofferingid=disk)["jobresult"]["volume"]
    lab.run("attachVolume", id=volume["id"], virtualmachineid=instance["id"])
    lab.run("stopVirtualMachine", id=instance["id"], forced="true")
    return instance


def _place(lab: Lab, instance: Entity) -> dict[str, str]:
    root = lab.api.listDomains(name="ROOT")["domain"][0]["id"]
    return {"virtualmachineid": instance["id"], "account": "someone", "domainid": root}


def test_an_instance_goes_to_another_account_with_its_volumes_and_what_they_count(lab: Lab, stopped: Entity) -> None:
    before = _counts(lab, "admin")
    assigned = lab.api.assignVirtualMachine(**_place(lab, stopped))["virtualmachine"]
    assert (assigned["account"], assigned["username"]) == ("someone", "someone")
    assert _counts(lab, "someone") == before
    assert set(_counts(lab, "admin").values()) == {0}
    volumes = lab.api.listVolumes(virtualmachineid=stopped["id"], listall="true")["volume"]
    assert [each["account"] for each in volumes] == ["someone", "someone"]
    assert lab.run("startVirtualMachine", id=stopped["id"])["jobstatus"] == 1


def test_an_instance_that_runs_stays_where_it_is(lab: Lab) -> None:
    lab.cloud.add_user("someone")
    answer = lab.raw.call("assignVirtualMachine", **_place(lab, lab.deploy(lab.fixed())))
    assert (answer.status, answer.body["errortext"]) == (431, "Failed to move VM [1].")


def test_an_account_gets_no_more_than_it_may_have(lab: Lab, stopped: Entity) -> None:
    place = _place(lab, stopped)
    lab.api.updateResourceLimit(resourcetype="8", max="1", account="someone", domainid=place["domainid"])
    answer = lab.raw.call("assignVirtualMachine", **place)
    assert (answer.status, answer.body["errortext"]) == (530, "Failed to move VM [1].")
    assert set(_counts(lab, "someone").values()) == {0}


def test_a_user_gives_nothing_away(lab: Lab, stopped: Entity) -> None:
    keys = lab.cloud.add_user("thief")
    user = RawClient(lab.raw.endpoint, keys.api_key, keys.secret_key)
    assert user.call("assignVirtualMachine", **_place(lab, stopped)).status == 432
