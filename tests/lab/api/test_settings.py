"""Settings in their scopes, beyond the recorded exchanges."""

from __future__ import annotations

import pytest

from harness.reference.release import BEFORE
from tests.lab.api.conftest import Lab, LabMaker

_CPU = "kvm.cpu.dynamic.scaling.capacity"


def _value(lab: Lab, name: str, **place: str) -> str:
    (found,) = [c for c in lab.api.listConfigurations(name=name, **place)["configuration"] if c["name"] == name]
    return str(found["value"])


def test_a_clusters_value_wins_there_and_only_there(lab: Lab) -> None:
    here, there = lab.cluster_id("cluster-a"), lab.cluster_id("cluster-b")
    lab.setting(_CPU, "6")
    lab.setting(_CPU, "5", clusterid=here)
    assert _value(lab, _CPU) == "6"
    assert _value(lab, _CPU, clusterid=here) == "5"
    assert _value(lab, _CPU, clusterid=there) == "6"
    assert lab.api.resetConfiguration(name=_CPU, clusterid=here)["configuration"]["value"] == "6"
    assert _value(lab, _CPU, clusterid=here) == "6"
    assert lab.api.resetConfiguration(name=_CPU)["configuration"]["value"] == "0"


def test_resetting_a_clusters_overcommit_writes_the_global_value_there(lab: Lab) -> None:
    name, here = "cpu.overprovisioning.factor", lab.cluster_id("cluster-a")
    lab.setting(name, "3")
    lab.setting(name, "2", clusterid=here)
    assert lab.api.listClusters(id=here)["cluster"][0]["cpuovercommitratio"] == "2"
    lab.api.resetConfiguration(name=name, clusterid=here)
    lab.setting(name, "4")
    assert _value(lab, name, clusterid=here) == "3.0"


def test_both_overcommit_factors_of_a_cluster_are_listed_together(lab: Lab) -> None:
    answer = lab.api.listConfigurations(name="mem.overprovisioning.factor", clusterid=lab.cluster_id("cluster-a"))
    assert [c["name"] for c in answer["configuration"]] == [
        "cpu.overprovisioning.factor",
        "mem.overprovisioning.factor",
    ]


def test_up_to_4_22_the_new_settings_do_not_exist(make_lab: LabMaker) -> None:
    lab = make_lab(BEFORE)
    for name in (_CPU, "kvm.memory.dynamic.scaling.capacity", "auto.migrate.vm.on.live.scale.insufficient.capacity"):
        assert lab.api.listConfigurations(name=name) == {}
        assert lab.raw.call("resetConfiguration", name=name).status == 431
    assert lab.api.listCapabilities()["capability"]["cloudstackversion"].startswith("4.22")


def test_a_scope_that_no_setting_has_is_refused(lab: Lab) -> None:
    account_id = lab.api.listAccounts()["account"][0]["id"]
    answer = lab.raw.call("updateConfiguration", name=_CPU, value="1", accountid=account_id)
    assert (answer.status, answer.body["errortext"]) == (431, f"Invalid scope id provided for the parameter {_CPU}")


def test_overcommit_shows_in_the_totals_of_hosts_and_of_the_zone(lab: Lab) -> None:
    lab.setting("cpu.overprovisioning.factor", "2", clusterid=lab.cluster_id("cluster-a"))
    host = lab.api.listHosts(name="kvm1")["host"][0]
    assert (host["cpunumber"], host["cpuwithoverprovisioning"]) == (8, "32000")
    cpu = lab.api.listCapacity(type=1)["capacity"][0]
    assert cpu["capacitytotal"] == 2 * (16000 + 40000) + 16000


def test_settings_are_found_by_keyword_group_and_category(lab: Lab) -> None:
    assert {c["name"] for c in lab.api.listConfigurations(subgroup="KVM")["configuration"]} == {
        _CPU,
        "kvm.memory.dynamic.scaling.capacity",
        "kvm.ssh.to.agent",
    }
    assert lab.api.listConfigurations(keyword="disablethreshold")["count"] == 2
    assert lab.api.listConfigurations(category="Nothing") == {}


def test_settings_that_decide_nothing_are_kept_and_shown_with_what_they_belong_to(lab: Lab) -> None:
    (shown,) = lab.api.listConfigurations(name="agent.load.threshold")["configuration"]
    assert (shown["type"], shown["defaultvalue"], shown["parent"]) == ("Range", "0.7", "agent.lb.enabled")
    assert (shown["group"], shown["subgroup"]) == ("Management Server", "Agent")
    assert lab.api.listConfigurations(parent="agent.lb.enabled")["count"] == 1
    lab.setting("use.external.dns", "true", zoneid=lab.zone_id)
    assert _value(lab, "use.external.dns", zoneid=lab.zone_id) == "true"
    assert _value(lab, "use.external.dns") == "false"
    lab.setting("commands.timeout", "DhcpEntryCommand= 600, VmDataCommand=300")
    assert _value(lab, "commands.timeout") == "DhcpEntryCommand= 600, VmDataCommand=300"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("StartCommand: 1", "Command 'StartCommand: 1' does not contain '='."),
        ("StartCommand=", "Command 'StartCommand=' is not properly formatted."),
        ("=1", "Command name is missing in '=1'."),
        ("a=1, b=0", "The value for command 'b' is not greater than 0. Invalid value: 0"),
        ("a=x", "The value for command 'a' is not a valid integer. Invalid value: x"),
    ],
)
def test_a_timeout_for_a_command_that_is_none_is_refused(lab: Lab, value: str, text: str) -> None:
    answer = lab.raw.call("updateConfiguration", name="commands.timeout", value=value)
    assert (answer.status, answer.body["errortext"]) == (431, f"Validation failed: {text}")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        (
            "cpu.overprovisioning.factor",
            "0",
            "Value for configuration [cpu.overprovisioning.factor] should be greater than 0.",
        ),
        (
            "cluster.memory.allocated.capacity.disablethreshold",
            "1.1",
            "Please enter a value between 0 and 1 for the configuration parameter: "
            "[cluster.memory.allocated.capacity.disablethreshold].",
        ),
        ("cpu.overprovisioning.factor", "NaN", "Value [NaN] is not a valid [class java.lang.Float]."),
        ("scale.retry", "٣", "Value [٣] is not a valid [class java.lang.Integer]."),
    ],
)
def test_values_outside_of_their_range_are_refused(lab: Lab, name: str, value: str, text: str) -> None:
    answer = lab.raw.call("updateConfiguration", name=name, value=value)
    assert (answer.status, answer.body["cserrorcode"], answer.body["errortext"]) == (431, 4350, text)


def test_names_of_settings_have_no_case(lab: Lab) -> None:
    lab.setting("Scale.Retry", "7")
    (shown,) = lab.api.listConfigurations(name="SCALE.RETRY")["configuration"]
    assert (shown["name"], shown["value"]) == ("scale.retry", "7")
    assert lab.api.resetConfiguration(name="Scale.retry")["configuration"]["value"] == "2"


def test_a_text_set_to_nothing_is_listed_without_a_value_until_it_is_reset(lab: Lab) -> None:
    def listed() -> dict[str, object]:
        (found,) = lab.api.listConfigurations(name="vm.strict.host.tags")["configuration"]
        return dict(found)

    assert listed()["value"] == ""
    lab.setting("vm.strict.host.tags", "ssd")
    assert lab.api.updateConfiguration(name="vm.strict.host.tags", value="")["configuration"]["value"] == ""
    assert "value" not in listed()
    assert lab.api.resetConfiguration(name="vm.strict.host.tags")["configuration"]["value"] == ""
    assert listed()["value"] == ""
