"""Resource limits and counts: what an account may have, what is counted for whom, and how it is put right."""

from __future__ import annotations

from typing import Any

import pytest

from harness.lab.hypervisor import HypervisorError
from tests.lab.api.conftest import Entity, Lab
from tests.lab.api.raw import RawAnswer, RawClient

_CPU, _MEMORY, _STORAGE = 8, 9, 10


def _domain_id(lab: Lab) -> str:
    return str(lab.api.listDomains()["domain"][0]["id"])


@pytest.fixture
def user(lab: Lab) -> RawClient:
    keys = lab.cloud.add_user("someone")
    return RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)


def _limit(lab: Lab, kind: int, limit: int, **given: Any) -> RawAnswer:
    wanted = {"account": "someone", "domainid": _domain_id(lab), **given}
    return lab.raw.call("updateResourceLimit", resourcetype=kind, max=limit, **wanted)


def _deploy(lab: Lab, client: RawClient, offering_id: str, **given: Any) -> RawAnswer:
    return client.call(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=offering_id,
        **given,
    )


def _counts(lab: Lab, account: str = "someone") -> tuple[int, int, int]:
    shown = lab.api.listAccounts(name=account, listall="true")["account"][0]
    return shown["vmtotal"], shown["cputotal"], shown["memorytotal"]


def _started(lab: Lab, answer: RawAnswer) -> Entity:
    assert answer.status == 200, answer.text
    return lab.instance_of(lab.finished(answer.body))


@pytest.mark.usefixtures("user")
def test_a_plain_account_has_the_default_limits_and_the_admin_none(lab: Lab) -> None:
    plain, admin = (lab.api.listAccounts(name=name, listall="true")["account"][0] for name in ("someone", "admin"))
    assert (plain["vmlimit"], plain["cpulimit"], plain["memorylimit"]) == ("20", "40", "40960")
    assert (plain["vmavailable"], plain["ipavailable"], plain["projectlimit"]) == ("20", "0", "10")
    assert (plain["primarystoragelimit"], plain["secondarystorageavailable"]) == ("200", "400.0")
    assert {admin["vmlimit"], admin["cpuavailable"], admin["gpulimit"]} == {"Unlimited"}


def test_limits_are_listed_by_type(lab: Lab, user: RawClient) -> None:
    listed = lab.api.listResourceLimits(account="someone", domainid=_domain_id(lab))
    assert listed["count"] == 17
    assert listed["resourcelimit"][8] == {
        "account": "someone",
        "domainid": _domain_id(lab),
        "domain": "ROOT",
        "domainpath": "ROOT",
        "resourcetype": "8",
        "resourcetypename": "cpu",
        "max": 40,
    }
    own = user.call("listResourceLimits", resourcetypename="primary_storage").body["resourcelimit"]
    assert [(each["account"], each["max"]) for each in own] == [("someone", 200)]
    of_domain = lab.api.listResourceLimits(domainid=_domain_id(lab), resourcetype=_CPU)["resourcelimit"]
    assert [(each.get("account"), each["max"]) for each in of_domain] == [(None, -1)]


@pytest.mark.usefixtures("user")
def test_a_limit_that_is_changed_is_shown_and_noted(lab: Lab) -> None:
    changed = _limit(lab, _CPU, 1).body["resourcelimit"]
    assert (changed["account"], changed["resourcetypename"], changed["max"]) == ("someone", "cpu", 1)
    assert _limit(lab, _STORAGE, 3).body["resourcelimit"]["max"] == 3
    shown = lab.api.listAccounts(name="someone", listall="true")["account"][0]
    assert (shown["cpulimit"], shown["primarystoragelimit"]) == ("1", "3")
    events = lab.api.listEvents(type="RESOURCE.LIMIT.UPDATE")["event"]
    assert events[1]["description"] == "Resource limit updated. Resource Type: cpu, New Value: 1"


@pytest.mark.usefixtures("user")
@pytest.mark.parametrize(
    ("given", "code", "cs_code", "text"),
    [
        ({"max": -2}, 431, 4350, "Please specify either '-1' for an infinite limit, or a limit that is at least '0'."),
        ({"resourcetype": 99}, 431, 4350, "Please specify valid resource type"),
        ({"account": "nobody"}, 431, 4350, "Unable to find account by name nobody in domain with specified id"),
        ({"account": "admin", "max": 3}, 431, 4350, "Only -1 limit is supported for Root Admin accounts"),
    ],
)
def test_a_limit_that_cannot_be_is_refused(lab: Lab, given: dict[str, Any], code: int, cs_code: int, text: str) -> None:
    wanted = {"account": "someone", "domainid": _domain_id(lab), "resourcetype": _CPU, "max": 1, **given}
    answer = lab.raw.call("updateResourceLimit", **wanted)
    assert (answer.status, answer.body["cserrorcode"], answer.body["errortext"]) == (code, cs_code, text)


def test_a_limit_needs_an_account_with_its_domain_and_the_root_domain_has_none(lab: Lab) -> None:
    answer = lab.raw.call("updateResourceLimit", account="admin", resourcetype=_CPU, max=1)
    assert answer.body["errortext"] == "Account must be specified with domainId parameter"
    answer = lab.raw.call("updateResourceLimit", resourcetype=_CPU, max=1)
    assert answer.body["errortext"] == "AccountId or domainId have to be specified in order to update resource limit"
    answer = lab.raw.call("updateResourceLimit", domainid=_domain_id(lab), resourcetype=_CPU, max=1)
    assert answer.status == 531
    assert answer.body["errortext"] == "Cannot update resource limit for ROOT domain 1, permission denied"


def test_deploying_over_a_limit_is_refused_and_leaves_nothing(lab: Lab, user: RawClient) -> None:
    _limit(lab, _CPU, 1)
    answer = _deploy(lab, user, lab.fixed(2))
    assert (answer.status, answer.body["cserrorcode"]) == (535, 4370)
    assert answer.body["errortext"] == (
        "Maximum amount of resources of Type = 'cpu', tag = 'null' for Account Name = someone in Domain Id = 1 is "
        "exceeded: Account Resource Limit = 1, Current Account Resource Amount = 0, Current Account Resource "
        "Reservation = 0, Requested Resource Amount = 2."
    )
    assert _counts(lab) == (0, 0, 0)
    assert lab.api.listVirtualMachines(listall="true") == {}


def test_growing_over_the_owners_limit_is_refused_whoever_asks(lab: Lab, user: RawClient) -> None:
    instance = _started(lab, _deploy(lab, user, lab.fixed()))
    _limit(lab, _CPU, 1)
    _limit(lab, _MEMORY, 256)
    job = lab.scale(instance["id"], lab.fixed(2))
    assert job["jobresultcode"] == 530
    assert job["jobresult"]["errortext"] == (
        "Maximum amount of resources of Type = 'cpu', tag = 'null' for Account Name = someone in Domain Id = 1 is "
        "exceeded: Account Resource Limit = 1, Current Account Resource Amount = 1, Current Account Resource "
        "Reservation = -1, Requested Resource Amount = 2."
    )
    job = lab.scale(instance["id"], lab.fixed(1, 500, 512))
    assert "Type = 'memory'" in job["jobresult"]["errortext"]
    assert _counts(lab) == (1, 1, 256)


def test_a_stopped_instance_may_not_stay_over_the_limit_but_may_shrink_to_it(lab: Lab, user: RawClient) -> None:
    instance = _started(lab, _deploy(lab, user, lab.fixed(2)))
    lab.run("stopVirtualMachine", id=instance["id"], forced="true")
    _limit(lab, _CPU, 1)
    assert lab.scale(instance["id"], lab.fixed(3))["jobresultcode"] == 530
    # On 4.23 the limit is held against the whole new size, and this one stays above it.
    assert lab.scale(instance["id"], lab.fixed(2, 500, 512))["jobresultcode"] == 530
    lab.instance_of(lab.scale(instance["id"], lab.fixed(1, 500, 512)))
    assert _counts(lab) == (1, 1, 512)


def test_a_scale_asked_for_by_another_account_is_counted_for_it(lab: Lab, user: RawClient) -> None:
    """DEF-07, as built."""
    instance = _started(lab, _deploy(lab, user, lab.fixed()))
    lab.instance_of(lab.scale(instance["id"], lab.fixed(2, 500, 512)))
    assert (_counts(lab), _counts(lab, "admin")) == ((1, 1, 256), (0, 1, 256))
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    assert (_counts(lab), _counts(lab, "admin")) == ((0, -1, -256), (0, 1, 256))
    put_right = lab.api.updateResourceCount(account="someone", domainid=_domain_id(lab))["resourcecount"]
    assert len(put_right) == 17
    assert (put_right[8]["resourcetypename"], put_right[8]["resourcecount"]) == ("cpu", 0)
    assert _counts(lab) == (0, 0, 0)


def test_a_scale_asked_for_by_the_owner_is_counted_for_it(lab: Lab, user: RawClient) -> None:
    instance = _started(lab, _deploy(lab, user, lab.fixed()))
    asked = user.call("scaleVirtualMachine", id=instance["id"], serviceofferingid=lab.fixed(2))
    lab.finished(asked.body)
    assert _counts(lab) == (1, 2, 256)
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    assert _counts(lab) == (0, 0, 0)


def test_an_instance_whose_start_failed_is_not_counted(lab: Lab) -> None:
    def refuse(_xml: str) -> None:
        raise HypervisorError("no")

    for host in lab.hosts.values():
        host.hypervisor.start = refuse
    started = _deploy(lab, lab.raw, lab.fixed()).body
    assert lab.finished(started)["jobstatus"] == 2
    assert _counts(lab, "admin") == (0, 0, 0)
    lab.run("destroyVirtualMachine", id=started["id"], expunge="true")
    assert _counts(lab, "admin") == (0, 0, 0)


def test_an_admin_may_deploy_for_another_account(lab: Lab, user: RawClient) -> None:
    instance = _started(lab, _deploy(lab, lab.raw, lab.fixed(), account="someone", domainid=_domain_id(lab)))
    assert (instance["account"], instance["username"]) == ("someone", "someone")
    assert _counts(lab) == (1, 1, 256)
    answer = _deploy(lab, user, lab.fixed(), account="admin", domainid=_domain_id(lab))
    assert answer.status == 531


def test_counts_of_the_domain_are_those_of_all_its_accounts(lab: Lab, user: RawClient) -> None:
    _started(lab, _deploy(lab, user, lab.fixed()))
    lab.deploy(lab.fixed(2))
    counted = lab.api.updateResourceCount(domainid=_domain_id(lab), resourcetype=_CPU)["resourcecount"]
    assert [(each.get("account"), each["resourcecount"]) for each in counted] == [(None, 3)]
