"""Roles of one's own, and what their rules allow."""

from __future__ import annotations

import pytest

from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawClient


def _someone(lab: Lab, role_id: str) -> RawClient:
    person = {"username": "someone", "firstname": "A", "lastname": "B", "email": "a@b", "password": "x"}
    account = lab.api.createAccount(**person, roleid=role_id)["account"]
    assert account["roleid"] == role_id
    keys = lab.keys_of(account["user"][0]["id"])
    return RawClient(lab.cloud.endpoint, keys["apikey"], keys["secretkey"])


def test_rules_decide_in_their_order_and_the_type_what_they_leave_open(lab: Lab) -> None:
    role = lab.api.createRole(name="reader", type="User", description="only looks")["role"]
    assert (role["type"], role["isdefault"], role["description"]) == ("User", False, "only looks")
    client = _someone(lab, role["id"])
    assert client.call("listHosts").status == 432
    hosts = lab.api.createRolePermission(roleid=role["id"], rule="listHosts", permission="allow")["rolepermission"]
    everything = lab.api.createRolePermission(roleid=role["id"], rule="list*", permission="deny")["rolepermission"]
    assert (client.call("listHosts").status, client.call("listZones").status) == (200, 432)
    assert client.call("queryAsyncJobResult", jobid="x").status == 431
    partly = lab.raw.call("updateRolePermission", roleid=role["id"], ruleorder=everything["id"])
    assert (partly.status, "list has changed while you were making updates" in partly.text) == (530, True)
    lab.api.updateRolePermission(roleid=role["id"], ruleorder=f"{everything['id']},{hosts['id']}")
    assert client.call("listHosts").status == 432
    lab.api.updateRolePermission(roleid=role["id"], ruleid=everything["id"], permission="allow")
    assert client.call("listHosts").status == 200
    lab.api.deleteRolePermission(id=everything["id"])
    assert [each["rule"] for each in lab.api.listRolePermissions(roleid=role["id"])["rolepermission"]] == ["listHosts"]


def test_a_role_can_be_made_from_another_and_goes_when_nobody_has_it(lab: Lab) -> None:
    role = lab.api.createRole(name="reader", type="User")["role"]
    lab.api.createRolePermission(roleid=role["id"], rule="listHosts", permission="allow")
    copied = lab.api.createRole(name="copy", roleid=role["id"])["role"]
    _someone(lab, copied["id"])
    refused = lab.raw.call("deleteRole", id=copied["id"])
    assert refused.body["errortext"] == "Found accounts that have role in use, won't allow to delete role"
    assert lab.api.deleteRole(id=role["id"]) == {"success": True}
    assert lab.api.listRoles(id=role["id"]) == {}
    shown = lab.api.updateRole(id=copied["id"], name="other", ispublic="false")["role"]
    assert (shown["name"], shown["ispublic"]) == ("other", False)


@pytest.mark.parametrize(
    ("command", "given", "status", "text"),
    [
        ("createRole", {"name": "x"}, 431, "Neither role type nor role ID is provided"),
        ("createRole", {"name": "x", "type": "King"}, 431, "Invalid role type provided"),
        ("createRole", {"name": "User", "type": "User"}, 530, "Unable to create the role: User, failed to persist"),
        ("deleteRole", {"id": "<user>"}, 531, "Default roles cannot be deleted"),
        ("updateRole", {"id": "<user>", "name": "x"}, 531, "Default roles cannot be updated"),
        (
            "createRolePermission",
            {"roleid": "<user>", "rule": "x", "permission": "allow"},
            531,
            "Role permission cannot be added for Default roles",
        ),
        (
            "createRolePermission",
            {"roleid": "<user>", "rule": "x", "permission": "maybe"},
            431,
            "Values for permission parameter should be: allow or deny",
        ),
    ],
)
def test_what_cannot_be_done_with_roles(lab: Lab, command: str, given: dict[str, str], status: int, text: str) -> None:
    ids = {"<user>": lab.api.listRoles(name="User")["role"][0]["id"]}
    answer = lab.raw.call(command, **{name: ids.get(value, value) for name, value in given.items()})
    assert (answer.status, answer.body["errortext"][: len(text)]) == (status, text)


def test_the_rules_of_a_default_role_are_what_it_may_call(lab: Lab) -> None:
    def rules(name: str) -> set[str]:
        role_id = lab.api.listRoles(name=name)["role"][0]["id"]
        return {each["rule"] for each in lab.api.listRolePermissions(roleid=role_id)["rolepermission"]}

    assert rules("Root Admin") == {"*"}
    assert {"listZones", "scaleVirtualMachine"} < rules("User")
    assert "createRole" not in rules("Domain Admin")
    assert rules("User") < rules("Domain Admin")
