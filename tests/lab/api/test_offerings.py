"""Service offerings: what is refused when one is made, how each class is shown, and how one goes away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawClient

_RANGES = {"mincpunumber": 1, "maxcpunumber": 4, "minmemory": 256, "maxmemory": 1024, "cpuspeed": 500}
_FAILED = "Failed to create service offering x: "
# Every new cloud has them.
_FIRST = ("Small Instance", "Medium Instance")
_OF_SYSTEM = "System Offering For "


def _names(lab: Lab, **given: Any) -> list[str]:
    """Without those of a new cloud."""
    offerings = lab.api.listServiceOfferings(**given).get("serviceoffering", [])
    names = [each["name"] for each in offerings]
    return [name for name in names if name not in _FIRST and not name.startswith(_OF_SYSTEM)]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        pytest.param(
            {"customized": "true", "memory": 64},
            "For creating a custom compute offering cpu and memory all should be null",
            id="a custom one with a size",
        ),
        pytest.param(
            {"customized": "true", "cpuspeed": 500},
            "For creating a custom compute offering min/max cpu and min/max memory/cpu speed "
            "should all be null or all specified",
            id="a custom one with half a range",
        ),
        pytest.param(
            {"customized": "true", **_RANGES, "cpuspeed": -1},
            f"{_FAILED}specify the cpu speed value between 1 and 2147483647",
            id="a custom one with a negative speed",
        ),
        pytest.param(
            {"customized": "true", **_RANGES, "mincpunumber": 0},
            f"{_FAILED}specify the minimum or minimum cpu number value between 1 and 2147483647",
            id="a custom one from no CPU on",
        ),
        pytest.param(
            {"customized": "true", **_RANGES, "minmemory": 31},
            f"{_FAILED}specify the memory value between 32 and 2147483647 MB",
            id="a custom one with hardly any memory",
        ),
        pytest.param(
            {"cpunumber": 5, "cpuspeed": 500, "memory": 64},
            f"{_FAILED}specify the cpu number value between 1 and 4",
            id="more CPUs than the setting allows",
        ),
        pytest.param(
            {"cpunumber": 1, "memory": 64},
            f"{_FAILED}specify the cpu speed value between 0 and 2147483647",
            id="no speed",
        ),
        pytest.param(
            {"cpunumber": 1, "cpuspeed": 500, "memory": 2049},
            f"{_FAILED}specify the memory value between 32 and 2048 MB",
            id="more memory than the setting allows",
        ),
    ],
)
def test_an_offering_that_cannot_be_is_refused(lab: Lab, given: dict[str, object], text: str) -> None:
    lab.setting("vm.serviceoffering.cpu.cores.max", "4")
    lab.setting("vm.serviceoffering.ram.size.max", "2048")
    answer = lab.raw.call("createServiceOffering", name="x", displaytext="x", **given)
    assert (answer.status, answer.body["cserrorcode"], answer.body["errortext"]) == (431, 4350, text)
    assert _names(lab) == []


def test_each_class_shows_the_sizes_it_fixes(lab: Lab) -> None:
    fixed = lab.offering(cpunumber=1, cpuspeed=500, memory=64)
    assert (fixed["cpunumber"], fixed["cpuspeed"], fixed["memory"], fixed["iscustomized"]) == (1, 500, 64, False)
    constrained = lab.offering(customized="true", **_RANGES)
    assert constrained["cpuspeed"] == 500
    assert not {"cpunumber", "memory"} & constrained.keys()
    assert constrained["serviceofferingdetails"] == {
        "mincpunumber": "1",
        "maxcpunumber": "4",
        "minmemory": "256",
        "maxmemory": "1024",
    }
    unconstrained = lab.offering()
    assert unconstrained["iscustomized"] is True
    assert not {"cpunumber", "cpuspeed", "memory", "serviceofferingdetails"} & unconstrained.keys()


def test_defaults_are_no_cap_and_dynamic_scaling(lab: Lab) -> None:
    plain = lab.offering(cpunumber=1, cpuspeed=500, memory=64)
    assert (plain["limitcpuuse"], plain["dynamicscalingenabled"], plain["offerha"]) == (False, True, False)
    other = lab.offering(
        cpunumber=1,
        cpuspeed=500,
        memory=64,
        limitcpuuse="TRUE",
        dynamicscalingenabled="false",
        hosttags="ssd",
        **{"serviceofferingdetails[0].key": "note", "serviceofferingdetails[0].value": "kept"},
    )
    assert (other["limitcpuuse"], other["dynamicscalingenabled"], other["hosttags"]) == (True, False, "ssd")
    assert other["serviceofferingdetails"] == {"note": "kept"}


def test_host_tags_that_no_host_has_leave_no_room(lab: Lab) -> None:
    offering_id = lab.fixed(hosttags="ssd")
    job = lab.run(
        "deployVirtualMachine", zoneid=lab.zone_id, templateid=lab.template_id(), serviceofferingid=offering_id
    )
    assert job["jobresultcode"] == 533


def test_inactive_offerings_are_listed_when_asked_for(lab: Lab) -> None:
    active, inactive = lab.offering(name="one", cpunumber=1, cpuspeed=1, memory=64), lab.offering(name="two")
    updated = lab.api.updateServiceOffering(id=inactive["id"], state="Inactive", name="too", displaytext="t")
    assert (updated["serviceoffering"]["state"], updated["serviceoffering"]["name"]) == ("Inactive", "too")

    assert _names(lab) == ["one"]
    assert _names(lab, state="inactive") == ["too"]
    assert _names(lab, state="all") == ["one", "too"]
    assert _names(lab, id=inactive["id"]) == ["too"]
    assert _names(lab, keyword="ON") == ["one"]
    assert _names(lab, issystem="true") == []
    back = lab.api.updateServiceOffering(id=inactive["id"], state="Active")["serviceoffering"]
    assert back["state"] == "Active"
    assert _names(lab) == ["one", "too"]
    assert active["id"] != inactive["id"]


def test_a_state_that_is_none_is_refused(lab: Lab) -> None:
    assert lab.raw.call("updateServiceOffering", id=lab.fixed(), state="Tired").status == 431


def test_a_deleted_offering_is_gone_but_its_instances_stay(lab: Lab) -> None:
    offering_id = lab.fixed()
    instance = lab.deploy(offering_id)
    assert lab.raw.call("deleteServiceOffering", id=offering_id).json == {
        "deleteserviceofferingresponse": {"success": True}
    }
    assert _names(lab, state="all") == []
    assert lab.api.listServiceOfferings(id=offering_id) == {}
    seen = lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]
    assert seen["serviceofferingid"] == offering_id


def test_of_the_removed_ones_that_no_instance_has_the_newest_are_kept(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.lab.management.offerings._KEPT", 2)
    made = [lab.fixed(name=f"offering-{number}") for number in range(5)]
    instance = lab.deploy(made[0])
    for each in made:
        lab.api.deleteServiceOffering(id=each)
    kept = [each for each in lab.cloud.inside.state.offerings if each in made]
    assert kept == [made[0], made[4]]
    assert lab.api.listServiceOfferings(id=made[1]) == {}
    assert lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]["serviceofferingname"] == "offering-0"


def test_the_offering_an_instance_has_is_not_offered_to_it(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed(name="now"))
    lab.fixed(2, name="next")
    assert _names(lab, virtualmachineid=instance["id"]) == ["next"]


def test_lists_have_what_is_at_least_so_large_or_may_be_made_so(lab: Lab) -> None:
    lab.fixed(1, 500, 256, name="small")
    lab.fixed(4, 1000, 1024, name="large")
    lab.offering(name="any", customized="true")
    limits = {"mincpunumber": 2, "maxcpunumber": 3, "minmemory": 512, "maxmemory": 768}
    lab.offering(name="some", customized="true", cpuspeed=700, **limits)
    assert _names(lab, cpunumber=1) == ["small", "large", "any"]
    assert _names(lab, cpunumber=3) == ["large", "any", "some"]
    assert _names(lab, memory=800) == ["large", "any"]
    assert _names(lab, cpuspeed=700) == ["large", "any", "some"]


def test_a_running_instance_is_offered_nothing_smaller_and_only_what_scales_as_it_does(lab: Lab) -> None:
    now = lab.fixed(2, 500, 256, name="now")
    lab.fixed(1, 500, 256, name="smaller")
    lab.fixed(3, 500, 256, name="larger")
    lab.fixed(3, 500, 256, name="fast", hosttags="ssd")
    lab.fixed(3, 500, 256, name="still", dynamicscalingenabled="false")
    instance = lab.deploy(now)["id"]
    assert _names(lab, virtualmachineid=instance) == ["larger", "fast"]
    lab.run("stopVirtualMachine", id=instance, forced="true")
    assert _names(lab, virtualmachineid=instance) == ["smaller", "larger", "fast", "still"]


def test_an_instance_keeps_a_strict_disk_offering(lab: Lab) -> None:
    disks = [each["id"] for each in lab.api.listDiskOfferings()["diskoffering"]]
    strict = {"diskofferingstrictness": "true"}
    instance = lab.deploy(lab.fixed(1, name="now", diskofferingid=disks[0], **strict))
    other = lab.fixed(2, name="other", diskofferingid=disks[1], **strict)
    lab.fixed(2, name="same", diskofferingid=disks[0], **strict)
    assert _names(lab, virtualmachineid=instance["id"]) == ["same"]
    assert lab.scale(instance["id"], other)["jobstatus"] == 2


def test_offerings_of_system_vms_are_apart(lab: Lab) -> None:
    lab.fixed(name="router", issystem="true", systemvmtype="domainrouter")
    lab.fixed(name="own")
    assert (_names(lab), _names(lab, issystem="true")) == (["own"], ["router"])
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    assert client.call("listServiceOfferings", issystem="true").status == 431


def test_a_new_cloud_has_offerings_for_instances_and_for_system_vms(lab: Lab) -> None:
    first = lab.api.listServiceOfferings()["serviceoffering"]
    assert [(each["name"], each["cpuspeed"], each["memory"]) for each in first] == [
        ("Small Instance", 500, 512),
        ("Medium Instance", 1000, 1024),
    ]
    assert lab.api.listServiceOfferings(encryptroot="false")["count"] == 2
    routers = lab.api.listServiceOfferings(issystem="true", systemvmtype="domainrouter")["serviceoffering"]
    assert {(each["systemvmtype"], each["storagetype"]) for each in routers} == {
        ("domainrouter", "shared"),
        ("domainrouter", "local"),
    }
    assert lab.api.listServiceOfferings(systemvmtype="domainrouter") == {}


def test_the_kind_of_a_system_vm_is_a_routers_unless_told_and_none_else_is_taken(lab: Lab) -> None:
    assert lab.offering(cpunumber=1, cpuspeed=500, memory=64, issystem="true")["systemvmtype"] == "domainrouter"
    odd = {"cpunumber": 1, "cpuspeed": 500, "memory": 64, "issystem": "true", "systemvmtype": "odd"}
    answer = lab.raw.call("createServiceOffering", name="x", displaytext="x", **odd)
    assert answer.body["errortext"].startswith("Invalid systemVmType. Supported types are: DomainRouter, ")


def test_an_offering_shows_its_zone(lab: Lab) -> None:
    assert lab.offering(zoneid=lab.zone_id)["zoneid"] == lab.zone_id
    assert "zoneid" not in lab.offering()


def test_a_lease_is_kept_where_leases_are_on_and_refused_where_half_of_it_is_given(lab: Lab) -> None:
    sizes = {"cpunumber": 1, "cpuspeed": 500, "memory": 64}
    lease = {"leaseduration": 10, "leaseexpiryaction": "stop"}
    assert "leaseduration" not in lab.offering(**sizes, **lease)
    lab.setting("instance.lease.enabled", "true")
    kept = lab.offering(**sizes, **lease)
    assert (kept["leaseduration"], kept["leaseexpiryaction"]) == (10, "STOP")
    assert "leaseduration" not in lab.offering(**sizes)
    for bad, text in (
        ({"leaseduration": 10}, "Provide values for both: leaseduration and leaseexpiryaction"),
        ({**lease, "leaseduration": 0}, "Invalid leaseduration: must be a natural number (>=1), max supported "),
        ({**lease, "leaseexpiryaction": "sing"}, "Invalid value configured for leaseexpiryaction, valid values "),
    ):
        answer = lab.raw.call("createServiceOffering", name="x", displaytext="x", **sizes, **bad)
        assert answer.status == 431
        assert answer.body["errortext"].startswith(text)


def test_tags_of_an_offering_can_be_changed(lab: Lab) -> None:
    offering = lab.fixed(tags="ssd", hosttags="a")
    changed = lab.api.updateServiceOffering(id=offering, storagetags="hdd", hosttags="b,c")["serviceoffering"]
    assert (changed["storagetags"], changed["hosttags"]) == ("hdd", "b,c")


def test_a_filter_that_is_none_is_refused(lab: Lab) -> None:
    assert lab.raw.call("listTemplates", templatefilter="odd").status == 431
    assert lab.raw.call("listTemplates").body["errortext"].endswith("missing parameter templatefilter")
    assert lab.api.listTemplates(templatefilter="community") == {}
    template_id = lab.template_id()
    assert lab.api.listTemplates(templatefilter="all", ids=template_id)["count"] == 1
