"""Account domains: how they come and go, who is at home in them, and what a domain admin may."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawAnswer, RawClient

_USER, _DOMAIN_ADMIN = 0, 2
_CPU = 8


def _domain(lab: Lab, name: str, parent: str | None = None) -> str:
    given = {} if parent is None else {"parentdomainid": parent}
    return str(lab.api.createDomain(name=name, **given)["domain"]["id"])


def _member(lab: Lab, domain_id: str, name: str, kind: int = _USER) -> RawClient:
    """A new account in the domain, and a client for it."""
    person = {"username": name, "firstname": "A", "lastname": "B", "email": "a@b", "password": "x"}
    account = lab.api.createAccount(**person, accounttype=kind, domainid=domain_id)["account"]
    keys = lab.keys_of(account["user"][0]["id"])
    return RawClient(lab.cloud.endpoint, keys["apikey"], keys["secretkey"])


def _deploy(lab: Lab, client: RawClient, offering_id: str, **given: Any) -> RawAnswer:
    return client.call(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=offering_id,
        startvm="false",
        **given,
    )


def _names(answer: RawAnswer) -> list[str]:
    return [each["name"] for each in answer.body.get("domain", [])]


def test_domains_are_a_tree_with_paths(lab: Lab) -> None:
    sales = _domain(lab, "sales")
    north = lab.api.createDomain(name="north", parentdomainid=sales, networkdomain="n.lab.invalid")["domain"]
    assert (north["path"], north["level"], north["parentdomainname"]) == ("ROOT/sales/north", 2, "sales")
    assert north["networkdomain"] == "n.lab.invalid"
    root = lab.api.listDomains(name="ROOT")["domain"][0]
    assert (root["haschild"], root["cpulimit"], north["cpulimit"]) == (True, "Unlimited", "80")
    assert _names(lab.raw.call("listDomainChildren", id=root["id"])) == ["sales"]
    assert _names(lab.raw.call("listDomainChildren", id=root["id"], isrecursive="true")) == ["sales", "north"]
    lab.api.updateDomain(id=sales, name="trade")
    assert [each["path"] for each in lab.api.listDomains(listall="true")["domain"]] == [
        "ROOT",
        "ROOT/trade",
        "ROOT/trade/north",
    ]


@pytest.mark.parametrize(
    ("given", "status", "text"),
    [
        ({"name": "sales"}, 431, "Domain with name [sales] already exists for the parent with ID [1]."),
        ({"name": "x", "networkdomain": "-"}, 431, "Invalid network domain. Total length shouldn't exceed 190 chars."),
        ({"name": "x", "parentdomainid": "nowhere"}, 431, "Unable to execute API command createdomain due to invalid"),
    ],
)
def test_a_domain_that_cannot_be_is_refused(lab: Lab, given: dict[str, str], status: int, text: str) -> None:
    _domain(lab, "sales")
    answer = lab.raw.call("createDomain", **given)
    assert (answer.status, answer.body["errortext"][: len(text)]) == (status, text)


def test_a_domain_with_something_in_it_goes_only_with_all_of_it(lab: Lab) -> None:
    sales = _domain(lab, "sales")
    north = _domain(lab, "north", sales)
    client = _member(lab, north, "someone")
    assert _deploy(lab, client, lab.fixed()).status == 200
    job = lab.run("deleteDomain", id=sales)
    assert (job["jobstatus"], job["jobresultcode"]) == (2, 530)
    assert "make sure all users and sub domains have been removed" in job["jobresult"]["errortext"]
    assert lab.run("deleteDomain", id=sales, cleanup="true")["jobresult"] == {"success": True}
    assert [each["name"] for each in lab.api.listDomains(listall="true")["domain"]] == ["ROOT"]
    assert lab.api.listVirtualMachines(listall="true") == {}
    assert client.call("listZones").status == 401
    root = lab.api.listDomains()["domain"][0]["id"]
    job = lab.run("deleteDomain", id=root)
    assert (job["jobresultcode"], job["jobresult"]["errortext"]) == (530, "Can't delete ROOT domain")


def test_names_of_accounts_and_users_are_unique_within_their_domain_only(lab: Lab) -> None:
    _member(lab, _domain(lab, "sales"), "someone")
    clever = _domain(lab, "research")
    client = _member(lab, clever, "someone")
    shown = lab.api.listAccounts(name="someone", listall="true")["account"]
    assert [each["domain"] for each in shown] == ["sales", "research"]
    assert client.call("listAccounts").body["account"][0]["domainpath"] == "ROOT/research"
    answer = lab.raw.call("listVirtualMachines", account="someone")
    assert answer.body["errortext"].startswith("could not find account someone in domain Domain {")
    assert lab.raw.call("listVirtualMachines", account="someone", domainid=clever).status == 200


def test_a_domain_admin_rules_the_domain_and_those_below_and_no_other(lab: Lab) -> None:
    sales, research = _domain(lab, "sales"), _domain(lab, "research")
    north = _domain(lab, "north", sales)
    admin = _member(lab, sales, "boss", _DOMAIN_ADMIN)
    inside, outside = _member(lab, north, "inside"), _member(lab, research, "outside")
    offering = lab.fixed()
    mine, theirs = (_deploy(lab, client, offering).body["id"] for client in (inside, outside))
    shown = admin.call("listVirtualMachines", listall="true").body["virtualmachine"]
    assert [each["id"] for each in shown] == [mine]
    assert admin.call("listVirtualMachines").body == {}
    assert _names(admin.call("listDomains", listall="true")) == ["sales", "north"]
    assert admin.call("updateVirtualMachine", id=mine, displayname="x").status == 200
    refused = admin.call("updateVirtualMachine", id=theirs, displayname="x")
    assert (refused.status, refused.body["cserrorcode"]) == (531, 4365)
    refused = admin.call("listVirtualMachines", domainid=research)
    assert refused.status == 531
    assert refused.body["errortext"].endswith(f"does not have permission to operate within domain id={research}")
    refused = admin.call("createDomain", name="x", parentdomainid=research)
    assert refused.status == 531
    account = lab.api.listAccounts(name="outside", listall="true")["account"][0]
    assert admin.call("updateAccount", id=account["id"], newname="y").status == 531


def test_a_domains_limit_holds_for_all_its_accounts_together(lab: Lab) -> None:
    sales = _domain(lab, "sales")
    north = _domain(lab, "north", sales)
    lab.api.updateResourceLimit(domainid=sales, resourcetype=_CPU, max=3)
    one, other = _member(lab, north, "one"), _member(lab, sales, "other")
    assert _deploy(lab, one, lab.fixed(2)).status == 200
    refused = _deploy(lab, other, lab.fixed(2))
    assert (refused.status, refused.body["cserrorcode"]) == (535, 4370)
    assert refused.body["errortext"] == (
        f"Maximum domain resource limits of Type 'cpu' for Domain Id = {sales} is exceeded: Domain Resource Limit = 3, "
        "Current Domain Resource Amount = 2, Current Resource Reservation = 0, Requested Resource Amount = 2."
    )
    limit = lab.api.listResourceLimits(domainid=north, resourcetype=_CPU)["resourcelimit"][0]
    assert (limit["max"], limit["domain"]) == (3, "north")
    refused = lab.raw.call("updateResourceLimit", domainid=north, resourcetype=_CPU, max=4)
    assert "has maximum allowed resource limit 3 for cpu" in refused.body["errortext"]
    assert lab.api.listDomains(id=sales)["domain"][0]["cputotal"] == 2


@pytest.mark.parametrize("running", [True, False])
def test_a_domains_limit_holds_when_an_instance_grows(lab: Lab, running: bool) -> None:
    sales = _domain(lab, "sales")
    client = _member(lab, sales, "someone")
    instance = _deploy(lab, client, lab.fixed()).body["id"]
    if running:
        lab.run("startVirtualMachine", id=instance)
    lab.api.updateResourceLimit(domainid=sales, resourcetype=_CPU, max=2)
    # A scale is counted for whoever asks for it (DEF-07).
    grown = client.call("scaleVirtualMachine", id=instance, serviceofferingid=lab.fixed(2))
    assert lab.finished(grown.body)["jobstatus"] == 1
    job = lab.scale(instance, lab.fixed(3))
    assert (job["jobstatus"], job["jobresultcode"]) == (2, 530)
    assert job["jobresult"]["errortext"] == (
        f"Maximum domain resource limits of Type 'cpu' for Domain Id = {sales} is exceeded: Domain Resource Limit = 2, "
        "Current Domain Resource Amount = 2, Current Resource Reservation = -2, Requested Resource Amount = 3."
    )
    assert lab.api.listVirtualMachines(id=instance)["virtualmachine"][0]["cpunumber"] == 2
    account = {"account": "someone", "domainid": sales, "resourcetype": _CPU}
    lab.api.updateResourceLimit(domainid=sales, resourcetype=_CPU, max=9)
    lab.api.updateResourceLimit(**account, max=1)
    assert (
        "for Account Name = someone in Domain Id = 2 is" in lab.scale(instance, lab.fixed(3))["jobresult"]["errortext"]
    )


def test_a_domain_admin_does_not_raise_the_own_limits(lab: Lab) -> None:
    sales = _domain(lab, "sales")
    admin = _member(lab, sales, "boss", _DOMAIN_ADMIN)
    assert admin.call("updateResourceLimit", domainid=sales, resourcetype=_CPU, max=9).status == 531
    assert admin.call("updateResourceLimit", account="boss", domainid=sales, resourcetype=_CPU, max=9).status == 531
    _member(lab, sales, "someone")
    assert admin.call("updateResourceLimit", account="someone", domainid=sales, resourcetype=_CPU, max=9).status == 200
