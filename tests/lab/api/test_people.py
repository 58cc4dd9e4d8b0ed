"""Accounts, users, keys and roles: how they come and go, and who may do what."""

from __future__ import annotations

import re
from typing import Any

import pytest

from harness.cloud.client import ApiError
from harness.reference.release import BEFORE, SINCE, Release
from harness.waiting import wait_until
from tests.lab.api.conftest import Entity, Lab, LabMaker
from tests.lab.api.raw import RawAnswer, RawClient

_UNKNOWN_USER = {"username": "new", "firstname": "New", "lastname": "One", "email": "new@lab.invalid", "password": "x"}
_USER, _ROOT_ADMIN, _DOMAIN_ADMIN, _RESOURCE_ADMIN = 0, 1, 2, 3


def _create(client: RawClient, **given: Any) -> RawAnswer:
    return client.call("createAccount", **{**_UNKNOWN_USER, "accounttype": _USER, **given})


def _account(lab: Lab, name: str, kind: int = _USER) -> Entity:
    answer = _create(lab.raw, username=name, accounttype=kind)
    assert answer.status == 200, answer.text
    return dict(answer.body["account"])


def _client(lab: Lab, account: Entity) -> RawClient:
    keys = lab.keys_of(account["user"][0]["id"])
    return RawClient(lab.cloud.endpoint, keys["apikey"], keys["secretkey"])


def _client_at_once(lab: Lab, user_id: str) -> RawClient:
    keys = lab.api.registerUserKeys(id=user_id)["userkeys"]
    return RawClient(lab.cloud.endpoint, keys["apikey"], keys["secretkey"])


def _deploy(lab: Lab, client: RawClient) -> Entity:
    started = client.call(
        "deployVirtualMachine", zoneid=lab.zone_id, templateid=lab.template_id(), serviceofferingid=lab.fixed()
    )
    assert started.status == 200, started.text
    return lab.instance_of(lab.finished(started.body))


def _refusal(answer: RawAnswer) -> tuple[int, int, str]:
    return answer.status, answer.body["cserrorcode"], answer.body["errortext"]


def test_an_account_comes_with_a_user_who_has_no_keys_yet(lab: Lab) -> None:
    account = _account(lab, "someone")
    assert (account["name"], account["accounttype"], account["rolename"]) == ("someone", 0, "User")
    (user,) = account["user"]
    assert (user["username"], user["firstname"], user["email"]) == ("someone", "New", "new@lab.invalid")
    assert "apikey" not in user
    assert lab.api.getUserKeys(id=user["id"])["userkeys"] == {"apikeyaccess": True}
    client = _client(lab, account)
    assert client.call("listUsers").body["user"][0]["apikey"] == client.api_key
    keys = client.call("getUserKeys", id=user["id"]).body["userkeys"]
    assert (keys["apikey"], keys["secretkey"]) == (client.api_key, client.secret_key)


def test_keys_are_made_at_once_up_to_422_and_by_a_job_since(make_lab: LabMaker) -> None:
    for release, by_job in ((BEFORE, False), (SINCE, True)):
        lab = make_lab(release)
        user = _account(lab, "someone")["user"][0]
        answer = lab.raw.call("registerUserKeys", id=user["id"]).body
        keys = (lab.finished(answer)["jobresult"] if by_job else answer)["userkeys"]
        assert {"apikey", "secretkey"} <= set(keys)
        if by_job:
            # As a server of 4.23 told them.
            told = {name: keys[name] for name in ("username", "accounttype", "accountname", "roletype", "state")}
            assert list(told.values()) == ["someone", "NORMAL", "someone", "User", "ENABLED"]
            assert keys["name"].endswith(" - API key pair")
        assert lab.api.listApis(name="registerUserKeys")["api"][0]["isasync"] is by_job


def test_an_account_that_was_removed_is_refused_by_its_number(lab: Lab) -> None:
    account = _account(lab, "someone")
    lab.run("deleteAccount", id=account["id"])
    code, cs_code, text = _refusal(lab.raw.call("listAccounts", id=account["id"], listall="true"))
    assert (code, cs_code) == (431, 4350)
    assert re.fullmatch(r"Unable to find account by id \d+", text)
    assert _refusal(lab.raw.call("listAccounts", id="-1"))[2] == "Unable to find account by id -1"
    # As the harness has it from a real server.
    assert ApiError("listAccounts", code, cs_code, text).says_it_is_gone
    assert not ApiError("listAccounts", code, cs_code, "Unable to find another").says_it_is_gone


def test_a_user_does_not_make_anothers_keys(lab: Lab) -> None:
    client, admin = _client(lab, _account(lab, "someone")), lab.api.listUsers(username="admin")["user"][0]
    job = lab.finished(client.call("registerUserKeys", id=admin["id"]).body)
    assert (job["jobstatus"], job["jobresultcode"], job["jobresult"]["errorcode"]) == (2, 530, 530)
    assert job["jobresult"]["errortext"] == "Caller does not have permission to operate with provided resource."


@pytest.mark.parametrize(("release", "old"), [(BEFORE, 401), (SINCE, 200)])
def test_new_keys_make_the_old_ones_worthless_up_to_422(make_lab: LabMaker, release: Release, old: int) -> None:
    lab = make_lab(release)
    account = _account(lab, "someone")
    user = account["user"][0]["id"]
    first, second = (_client(lab, account) if release is SINCE else _client_at_once(lab, user) for _ in range(2))
    assert (first.call("listZones").status, second.call("listZones").status) == (old, 200)
    assert lab.api.getUserKeys(id=user)["userkeys"]["apikey"] == second.api_key
    lab.run("deleteAccount", id=account["id"])
    assert [client.call("listZones").status for client in (first, second)] == [401, 401]


def test_an_account_may_have_another_name_and_more_users(lab: Lab) -> None:
    created = _create(lab.raw, account="team", username="first").body["account"]
    assert (created["name"], created["user"][0]["username"]) == ("team", "first")
    second = lab.raw.call("createUser", **{**_UNKNOWN_USER, "username": "second", "account": "team"}).body["user"]
    assert (second["account"], second["roletype"]) == ("team", "User")
    shown = lab.api.listAccounts(name="team", listall="true")["account"][0]
    assert [user["username"] for user in shown["user"]] == ["first", "second"]
    assert lab.api.deleteUser(id=second["id"]) == {"success": True}
    assert lab.api.listUsers(username="second", listall="true") == {}
    assert lab.raw.call("registerUserKeys", id=second["id"]).status == 431


@pytest.mark.parametrize(
    ("given", "code", "cs_code", "text"),
    [
        ({"accounttype": ""}, 431, 9999, "Neither account type and role ID are not provided"),
        ({"accounttype": 7}, 431, 9999, "Neither account type and role ID are not provided"),
        ({"username": "admin"}, 431, 4350, "The user admin already exists in domain Domain {"),
        ({"account": "admin"}, 431, 4350, "The specified account: admin already exists"),
        ({"accounttype": _RESOURCE_ADMIN}, 431, 4350, "is not associated with any private Zone"),
        ({"password": ""}, 431, 4350, "Invalid value provided for API arg: password"),
        ({"roleid": "nope"}, 431, 9999, "Invalid parameter roleid value=nope"),
    ],
)
def test_an_account_that_cannot_be_is_refused(
    lab: Lab, given: dict[str, Any], code: int, cs_code: int, text: str
) -> None:
    answer = _create(lab.raw, **given)
    assert _refusal(answer)[:2] == (code, cs_code)
    assert text in answer.body["errortext"]
    assert lab.api.listAccounts(listall="true")["count"] == 1


def test_users_are_refused_where_account_or_name_do_not_fit(lab: Lab) -> None:
    nowhere = lab.raw.call("createUser", **{**_UNKNOWN_USER, "account": "nowhere"})
    assert _refusal(nowhere)[:2] == (431, 4350)
    assert nowhere.body["errortext"].startswith("Unable to find account nowhere in domain Domain {")
    twice = lab.raw.call("createUser", **{**_UNKNOWN_USER, "username": "admin", "account": "admin"})
    assert _refusal(twice) == (530, 4250, "The user admin already exists in domain 1")


def test_roles_can_be_listed_and_named(lab: Lab) -> None:
    roles = {role["name"]: role for role in lab.api.listRoles()["role"]}
    assert list(roles) == ["Root Admin", "Resource Admin", "Domain Admin", "User"]
    assert roles["Domain Admin"]["type"] == "DomainAdmin"
    created = _create(lab.raw, accounttype="", roleid=roles["Domain Admin"]["id"]).body["account"]
    assert (created["accounttype"], created["roletype"]) == (_DOMAIN_ADMIN, "DomainAdmin")


def test_a_deleted_account_leaves_no_instance_and_its_events_stay(lab: Lab) -> None:
    account = _account(lab, "someone")
    client = _client(lab, account)
    instance = _deploy(lab, client)
    job = lab.run("deleteAccount", id=account["id"])
    assert (job["jobstatus"], job["jobresult"]) == (1, {"success": True})
    assert client.call("listZones").status == 401
    assert lab.api.listVirtualMachines(listall="true") == {}
    assert all(host.hypervisor.domain_names() == () for host in lab.hosts.values())
    assert lab.api.listAccounts(listall="true")["count"] == 1
    events = lab.api.listEvents(
        listall="true", resourcetype="VirtualMachine", resourceid=instance["id"], type="VM.CREATE"
    )["event"]
    assert {event["account"] for event in events} == {"someone"}
    assert lab.api.listHosts(name="kvm1")["host"][0]["memoryallocatedbytes"] == 0
    assert _account(lab, "someone")["id"] != account["id"]


def test_an_account_whose_instance_does_not_go_is_not_said_to_be_deleted(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.lab.management.people._CLEANUP_SECONDS", 0.1)
    account = _account(lab, "someone")
    _deploy(lab, _client(lab, account))
    monkeypatch.setattr("harness.lab.management.lifecycle.expunge", lambda *_: None)
    job = lab.run("deleteAccount", id=account["id"])
    assert job["jobresult"] == {
        "errorcode": 530,
        "errortext": "Failed to delete user account and all corresponding users",
    }


def test_nobody_removes_the_first_admin_or_oneself(lab: Lab) -> None:
    admin = lab.api.listAccounts()["account"][0]
    own = lab.run("deleteAccount", id=admin["id"])
    assert own["jobresultcode"] == 431
    assert own["jobresult"]["errortext"].startswith("Deletion of your own account is not allowed.")
    second = _client(lab, _account(lab, "second", _ROOT_ADMIN))
    job = lab.finished(second.call("deleteAccount", id=admin["id"]).body)
    assert job["jobresult"]["errortext"] == "The account is default and can't be removed"
    itself = lab.raw.call("deleteUser", id=admin["user"][0]["id"])
    assert itself.status == 431
    assert itself.body["errortext"].startswith("The caller is requesting to delete itself.")
    assert second.call("deleteUser", id=admin["user"][0]["id"]).status == 431


def test_admins_see_their_own_account_alone_unless_they_ask_for_more(lab: Lab) -> None:
    someone = _account(lab, "someone")
    assert [each["name"] for each in lab.api.listAccounts()["account"]] == ["admin"]
    assert lab.api.listAccounts(name="someone") == {}
    assert lab.api.listAccounts(id=someone["id"])["count"] == 1
    assert lab.api.listAccounts(listall="true")["count"] == 2
    assert [each["username"] for each in lab.api.listUsers()["user"]] == ["admin"]
    assert lab.api.listUsers(listall="true")["count"] == 2


def test_a_plain_user_sees_and_manages_nobody_else(lab: Lab) -> None:
    client, admin = _client(lab, _account(lab, "someone")), lab.api.listAccounts()["account"][0]
    assert [each["name"] for each in client.call("listAccounts", listall="true").body["account"]] == ["someone"]
    assert client.call("listAccounts", id=admin["id"]).status == 531
    other = client.call("listUsers", id=admin["user"][0]["id"])
    assert _refusal(other) == (531, 4365, "Calling user is not authorized to see the user requested by id")
    keys = client.call("getUserKeys", id=admin["user"][0]["id"])
    assert _refusal(keys)[:2] == (531, 4365)
    for command in ("createAccount", "createUser", "deleteAccount", "listRoles", "updateResourceLimit", "listDomains"):
        assert client.call(command).status == 432


def test_a_domain_admin_may_do_more_than_a_user_and_less_than_a_root_admin(lab: Lab) -> None:
    client = _client(lab, _account(lab, "boss", _DOMAIN_ADMIN))
    assert client.call("listHosts").status == 432
    refused = client.call("createServiceOffering", name="x", displaytext="x", cpunumber=1, cpuspeed=1, memory=64)
    user = client.call("listUsers").body["user"][0]
    assert _refusal(refused) == (
        431,
        4350,
        'Unable to create public service offering by admin: User {"id":3,"username":"boss","uuid":"'
        f'{user["id"]}"}}. because it is domain-admin',
    )
    instance = _deploy(lab, _client(lab, _account(lab, "someone")))
    seen = client.call("listVirtualMachines", listall="true").body["virtualmachine"]
    assert [each["id"] for each in seen] == [instance["id"]]
    assert not {"hostid", "hostname", "instancename"} & seen[0].keys()
    assert lab.finished(client.call("stopVirtualMachine", id=instance["id"], forced="true").body)["jobstatus"] == 1


def test_nobody_makes_or_changes_an_account_of_a_higher_role(lab: Lab) -> None:
    boss = _account(lab, "boss", _DOMAIN_ADMIN)
    client, admin = _client(lab, boss), lab.api.listAccounts()["account"][0]
    higher = _create(client, accounttype=_ROOT_ADMIN)
    assert _refusal(higher)[:2] == (531, 4365)
    text = f"The calling account [boss, {boss['id']}] has a lower role type than the user account [new, "
    assert higher.body["errortext"].startswith(text)
    keys = lab.finished(client.call("registerUserKeys", id=admin["user"][0]["id"]).body)
    assert keys["jobresult"]["errortext"] == text.replace("[new, ", f"[admin, {admin['id']}]")
    assert _create(client).status == 200
    assert lab.api.listAccounts(listall="true")["count"] == 3


def test_domain_admins_of_a_domain_manage_each_other(lab: Lab) -> None:
    client, other = _client(lab, _account(lab, "boss", _DOMAIN_ADMIN)), _account(lab, "other", _DOMAIN_ADMIN)
    job = lab.finished(client.call("registerUserKeys", id=other["user"][0]["id"]).body)
    assert job["jobstatus"] == 1
    assert _create(client, accounttype=_DOMAIN_ADMIN).status == 200


def test_a_disabled_account_may_do_nothing_and_what_it_runs_is_stopped(lab: Lab) -> None:
    account = _account(lab, "someone")
    client = _client(lab, account)
    instance = _deploy(lab, client)
    job = lab.run("disableAccount", id=account["id"], lock="false")
    assert job["jobresult"]["account"]["state"] == "disabled"
    assert client.call("listZones").status == 401
    wait_until(
        "the instance to stop",
        lambda: lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]["state"],
        lambda state: state == "Stopped",
        10,
        first_pause_s=0.005,
    )
    refused = lab.raw.call("lockAccount", account="someone", domainid=account["domainid"])
    assert (refused.status, refused.body["errortext"][:35]) == (530, 'Unable to lock account Account [{"a')
    assert lab.api.enableAccount(id=account["id"])["account"]["state"] == "enabled"
    assert client.call("listZones").status == 200
    admin = lab.api.listAccounts(name="admin")["account"][0]["id"]
    assert lab.run("disableAccount", id=admin, lock="false")["jobresultcode"] == 530


def test_a_locked_account_keeps_what_it_runs(lab: Lab) -> None:
    account = _account(lab, "someone")
    client = _client(lab, account)
    instance = _deploy(lab, client)
    lab.run("disableAccount", account="someone", domainid=account["domainid"], lock="true")
    assert client.call("listZones").status == 401
    assert lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]["state"] == "Running"
    assert lab.api.listAccounts(id=account["id"])["account"][0]["state"] == "locked"


def test_a_user_can_be_disabled_without_the_account(lab: Lab) -> None:
    account = _account(lab, "someone")
    client, user_id = _client(lab, account), account["user"][0]["id"]
    assert lab.run("disableUser", id=user_id)["jobresult"]["user"]["state"] == "disabled"
    assert client.call("listZones").status == 401
    assert lab.api.enableUser(id=user_id)["user"]["state"] == "enabled"
    assert lab.api.lockUser(id=user_id)["user"]["state"] == "locked"


def test_accounts_and_users_can_be_changed(lab: Lab) -> None:
    account = _account(lab, "someone")
    role_id = lab.api.listRoles(name="Domain Admin")["role"][0]["id"]
    changed = lab.api.updateAccount(id=account["id"], newname="team", roleid=role_id)["account"]
    assert (changed["name"], changed["roletype"], changed["accounttype"]) == ("team", "DomainAdmin", 2)
    user = lab.api.updateUser(id=account["user"][0]["id"], firstname="Ann", username="ann")["user"]
    assert (user["firstname"], user["username"], user["account"]) == ("Ann", "ann", "team")
    taken = lab.raw.call("updateUser", id=user["id"], username="admin")
    assert taken.body["errortext"].startswith("Username [admin] already exists in domain [id=")
    half = lab.raw.call("updateUser", id=user["id"], userapikey="x")
    assert half.body["errortext"] == "Please provide a userApiKey/userSecretKey pair"
    lab.api.updateUser(id=user["id"], userapikey="mine", usersecretkey="own")
    assert RawClient(lab.cloud.endpoint, "mine", "own").call("listZones").status == 200


def test_a_plain_user_needs_the_old_password_for_a_new_one(lab: Lab) -> None:
    account = _account(lab, "someone")
    client, user_id = _client(lab, account), account["user"][0]["id"]
    texts = [
        client.call("updateUser", **{"id": user_id, "password": "new", **given}).body.get("errortext")
        for given in ({}, {"currentpassword": "y"}, {"currentpassword": "x"})
    ]
    assert texts == [
        "To set a new password the current password must be provided.",
        "Current password is incorrect.",
        None,
    ]


def test_a_user_moves_to_another_account_of_the_domain(lab: Lab) -> None:
    one, other = _account(lab, "one"), _account(lab, "other")
    assert lab.api.moveUser(id=one["user"][0]["id"], account="other") == {"success": True}
    shown = lab.api.listAccounts(id=other["id"])["account"][0]
    assert [user["username"] for user in shown["user"]] == ["one", "other"]
    refused = lab.raw.call("moveUser", id=one["user"][0]["id"], account="nobody")
    assert refused.status == 431
