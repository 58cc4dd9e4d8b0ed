"""Volumes: root volumes with their instances, data volumes as records that count."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.api.conftest import Entity, Lab
from tests.lab.api.raw import RawClient

_GIB = 1 << 30


def _disk(lab: Lab, name: str) -> str:
    return str(lab.api.listDiskOfferings(name=name)["diskoffering"][0]["id"])


def _volume(lab: Lab, offering: str = "Small", **given: Any) -> Entity:
    job = lab.run("createVolume", name="data", diskofferingid=_disk(lab, offering), zoneid=lab.zone_id, **given)
    assert job["jobstatus"] == 1, job["jobresult"]
    return dict(job["jobresult"]["volume"])


def _counts(lab: Lab, name: str) -> tuple[int, int]:
    account = lab.api.listAccounts(name=name, listall="true")["account"][0]
    return account["volumetotal"], account["primarystoragetotal"]


def test_a_data_volume_is_attached_and_detached(lab: Lab) -> None:
    instance, volume = lab.deploy(lab.fixed()), _volume(lab)
    assert (volume["type"], volume["state"], volume["size"]) == ("DATADISK", "Allocated", 5 * _GIB)
    attached = lab.run("attachVolume", id=volume["id"], virtualmachineid=instance["id"])["jobresult"]["volume"]
    assert (attached["state"], attached["deviceid"], attached["vmname"]) == ("Ready", 1, instance["name"])
    both = lab.api.listVolumes(virtualmachineid=instance["id"])["volume"]
    assert [each["type"] for each in both] == ["ROOT", "DATADISK"]
    second = _volume(lab, virtualmachineid=instance["id"])
    assert second["deviceid"] == 2
    again = lab.run("attachVolume", id=volume["id"], virtualmachineid=instance["id"])["jobresult"]
    assert again["errortext"] == "Please specify a volume that is not attached to any VM."
    assert lab.raw.call("deleteVolume", id=volume["id"]).status == 431
    detached = lab.run("detachVolume", id=volume["id"])["jobresult"]["volume"]
    assert ("attached" in attached, "attached" in detached, "virtualmachineid" in detached) == (True, False, False)
    assert lab.api.deleteVolume(id=volume["id"]) == {"success": True}
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    (left,) = lab.api.listVolumes()["volume"]
    assert (left["id"], "virtualmachineid" in left) == (second["id"], False)


@pytest.mark.parametrize("follows", ["false", "true"])
def test_a_root_volume_keeps_its_disk_offering_unless_the_setting_lets_it_follow(lab: Lab, follows: str) -> None:
    lab.setting("allow.diskoffering.change.during.scale.vm", follows)
    plain, small, medium = lab.fixed(), _disk(lab, "Small"), _disk(lab, "Medium")

    def offering_of(instance: Entity) -> tuple[str | None, str | None]:
        (root,) = lab.api.listVolumes(virtualmachineid=instance["id"])["volume"]
        return root.get("diskofferingid"), root.get("serviceofferingid")

    assert offering_of(lab.deploy(plain)) == (None, plain)
    instance = lab.deploy(lab.fixed(diskofferingid=small))
    assert offering_of(instance) == (small, None)
    larger = lab.fixed(2, diskofferingid=medium)
    assert lab.run("scaleVirtualMachine", id=instance["id"], serviceofferingid=larger)["jobstatus"] == 1
    assert offering_of(instance) == (medium if follows == "true" else small, None)


def test_a_volume_of_a_custom_offering_is_as_large_as_asked_for_and_can_grow(lab: Lab) -> None:
    volume = _volume(lab, "Custom", size=3)
    assert volume["size"] == 3 * _GIB
    grown = lab.run("resizeVolume", id=volume["id"], size=4)["jobresult"]["volume"]
    assert grown["size"] == 4 * _GIB
    refused = lab.run("resizeVolume", id=volume["id"], size=1)["jobresult"]
    assert "would shrink the volume" in refused["errortext"]
    small = lab.run("resizeVolume", id=volume["id"], size=1, shrinkok="true")["jobresult"]["volume"]
    assert small["size"] == _GIB


@pytest.mark.parametrize(
    ("offering", "given", "text"),
    [
        ("Custom", {}, "This disk offering requires a custom size specified"),
        ("Custom", {"size": 5000}, "Volume size: 5000GB is out of allowed range. Min: 1. Max: 1024"),
        ("Custom", {"size": -1}, "Volume size: -1GB is out of allowed range. Min: 1. Max: 1024"),
    ],
)
def test_a_size_that_cannot_be_is_refused(lab: Lab, offering: str, given: dict[str, Any], text: str) -> None:
    answer = lab.raw.call("createVolume", diskofferingid=_disk(lab, offering), **given)
    assert (answer.status, answer.body["errortext"]) == (431, text)


def test_volumes_count_against_the_owners_limits(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    domain = lab.api.listDomains()["domain"][0]["id"]
    lab.api.updateResourceLimit(account="someone", domainid=domain, resourcetype=10, max=6)
    made = client.call("createVolume", diskofferingid=_disk(lab, "Small"))
    volume_id = lab.finished(made.body)["jobresult"]["volume"]["id"]
    assert _counts(lab, "someone") == (1, 5)
    refused = client.call("createVolume", diskofferingid=_disk(lab, "Small"))
    assert (refused.status, "Type = 'primary_storage'" in refused.body["errortext"]) == (535, True)
    lab.api.updateResourceCount(account="someone", domainid=domain)
    assert _counts(lab, "someone") == (1, 5)
    other = lab.cloud.add_user("other")
    stranger = RawClient(lab.cloud.endpoint, other.api_key, other.secret_key)
    assert stranger.call("deleteVolume", id=volume_id).status == 531
    assert client.call("deleteVolume", id=volume_id).status == 200
    assert _counts(lab, "someone") == (0, 0)


def test_a_root_volume_goes_only_with_its_instance(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    root = lab.api.listVolumes(virtualmachineid=instance["id"])["volume"][0]["id"]
    assert lab.raw.call("deleteVolume", id=root).body["errortext"] == "Please specify a data volume."
