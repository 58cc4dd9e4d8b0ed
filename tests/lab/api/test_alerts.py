"""Alerts: what raises them, and how they are listed, archived and removed."""

from __future__ import annotations

import pytest

from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from tests.lab.api.conftest import Entity, Lab
from tests.lab.api.raw import RawClient


def _alerts(lab: Lab) -> list[Entity]:
    return [dict(each) for each in lab.api.listAlerts().get("alert", [])]


def test_a_failed_deployment_raises_an_alert(lab: Lab) -> None:
    job = lab.run("deployVirtualMachine", **lab.place(lab.fixed(cpus=64, speed=2500)))
    assert job["jobstatus"] == 2
    (alert,) = _alerts(lab)
    assert (alert["type"], alert["name"]) == (8, "ALERT.USERVM")
    assert alert["description"] == (
        f'Failed to deploy Vm VM instance {{"id":1,"instanceName":"i-2-1-VM","state":"Error","type":"User",'
        f'"uuid":"{job["jobinstanceid"]}"}}, on Host null with Id: null'
    )


def test_a_migration_that_breaks_off_raises_an_alert(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(), "kvm1")
    lab.cloud.faults.arm(FaultOrder(kind=Fault.MIGRATION_FAILED))
    lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("kvm2"))
    (alert,) = _alerts(lab)
    assert (alert["type"], alert["name"]) == (17, "ALERT.USERVM.MIGRATE")
    assert alert["description"] == "Unable to migrate vm i-2-1-VM from host kvm1 in zone lab-zone and pod lab-pod"


def test_a_host_that_goes_down_raises_an_alert(lab: Lab) -> None:
    armed = lab.cloud.faults.arm(FaultOrder(kind=Fault.HOST_DOWN, host="kvm2"))
    lab.cloud.faults.disarm(armed.number)
    (alert,) = _alerts(lab)
    assert (alert["name"], alert["description"]) == ("ALERT.COMPUTE.HOST", "Host down, 2")


def test_alerts_are_found_archived_and_removed(lab: Lab) -> None:
    for number, name, text in (
        (7, "ALERT.COMPUTE.HOST", "one"),
        (7, "ALERT.COMPUTE.HOST", "two"),
        (99, "own", "three"),
    ):
        assert lab.run("generateAlert", type=number, name=name, description=text)["jobresult"] == {"success": True}
    assert [each["description"] for each in _alerts(lab)] == ["three", "two", "one"]
    assert [each["description"] for each in lab.api.listAlerts(type="7", keyword="TW")["alert"]] == ["two"]
    (own,) = lab.api.listAlerts(name="own")["alert"]
    assert lab.api.archiveAlerts(ids=own["id"]) == {"success": True}
    assert lab.api.listAlerts(id=own["id"]) == {}
    assert lab.raw.call("archiveAlerts", ids=own["id"]).status == 530
    assert lab.api.deleteAlerts(type="7") == {"success": True}
    assert _alerts(lab) == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "either ids, type, startdate or enddate must be specified"),
        ({"startdate": "2020-01-01", "type": "7"}, "enddate must be specified with startdate parameter"),
    ],
)
def test_alerts_to_archive_have_to_be_named(lab: Lab, given: dict[str, str], text: str) -> None:
    answer = lab.raw.call("archiveAlerts", **given)
    assert (answer.status, answer.body["errortext"]) == (431, text)


def test_alerts_are_for_root_admins_only(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    user = RawClient(lab.raw.endpoint, keys.api_key, keys.secret_key)
    assert [user.call(each).status for each in ("listAlerts", "listAlertTypes", "deleteAlerts")] == [432] * 3
    assert {"alerttypeid": 8, "name": "ALERT.USERVM"} in lab.api.listAlertTypes()["alerttype"]
