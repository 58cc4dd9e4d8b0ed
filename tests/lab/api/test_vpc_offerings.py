"""VPC offerings, as records."""

from __future__ import annotations

from tests.lab.api.conftest import Entity, Lab


def _made(lab: Lab, **given: object) -> Entity:
    job = lab.run(
        "createVPCOffering",
        name="routed",
        supportedservices="Dhcp,Dns",
        **{"serviceproviderlist[0].service": "Dns", "serviceproviderlist[0].provider": "Own", **given},
    )
    return dict(job["jobresult"]["vpcoffering"])


def test_one_is_made_with_its_services_and_disabled(lab: Lab) -> None:
    made = _made(lab)
    assert (made["name"], made["displaytext"], made["state"]) == ("routed", "routed", "Disabled")
    assert made["service"] == [
        {"name": "Dhcp", "provider": [{"name": "VpcVirtualRouter"}]},
        {"name": "Dns", "provider": [{"name": "Own"}]},
    ]
    (listed,) = lab.api.listVPCOfferings(id=made["id"])["vpcoffering"]
    assert listed.items() <= made.items()
    assert lab.api.listVPCOfferings(state="Enabled") == {}
    assert _made(lab, enable="true")["state"] == "Enabled"


def test_without_services_there_is_none(lab: Lab) -> None:
    assert lab.raw.call("createVPCOffering", name="bare").status == 431
    assert lab.api.listVPCOfferings() == {}


def test_one_is_changed_limited_to_a_domain_and_taken_away(lab: Lab) -> None:
    made = _made(lab)
    domain = lab.api.createDomain(name="sub")["domain"]["id"]
    changed = lab.run("updateVPCOffering", id=made["id"], state="Enabled", name="other", domainid=domain)
    shown = changed["jobresult"]["vpcoffering"]
    assert (shown["name"], shown["state"], shown["domainid"]) == ("other", "Enabled", domain)
    refused = lab.raw.call("updateVPCOffering", id=made["id"], state="Tired")
    assert (refused.status, refused.body["errortext"]) == (431, "Incorrect state value: Tired")
    assert lab.run("deleteVPCOffering", id=made["id"])["jobresult"] == {"success": True}
    assert lab.api.listVPCOfferings() == {}
    assert lab.raw.call("deleteVPCOffering", id=made["id"]).status == 431
