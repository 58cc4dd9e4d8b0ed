"""What the lab keeps and shows without any effect on hosts: templates, ISOs, networks, offerings, groups, key pairs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.api.conftest import Entity, Lab
from tests.lab.api.raw import RawClient

_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGWzOFXNenl+UZ3a0R2B2WIMFPhW1tdu2gtA1d2we1vv x@y"


@pytest.fixture
def user(lab: Lab) -> RawClient:
    keys = lab.cloud.add_user("someone")
    return RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)


def _template(client: RawClient, zone_id: str, **given: Any) -> Entity:
    wanted = {"name": "mine", "url": "http://x/y.qcow2", "format": "QCOW2", "hypervisor": "KVM", "zoneid": zone_id}
    answer = client.call("registerTemplate", **{**wanted, **given})
    assert answer.status == 200, answer.text
    return dict(answer.body["template"][0])


def _listed(client: RawClient, template_filter: str) -> list[str]:
    answer = client.call("listTemplates", templatefilter=template_filter)
    return [each["name"] for each in answer.body.get("template", [])]


def _error(lab: Lab, command: str, **given: Any) -> tuple[int, str]:
    answer = lab.raw.call(command, **given)
    return answer.status, answer.body["errortext"]


def test_a_template_is_its_owners_until_it_is_shared(lab: Lab, user: RawClient) -> None:
    os_type = lab.api.listOsTypes(description="CentOS 5.6 (64-bit)")["ostype"][0]["id"]
    template = _template(user, lab.zone_id, ostypeid=os_type, isdynamicallyscalable="true")
    assert (template["account"], template["ispublic"], template["isready"]) == ("someone", False, True)
    (root,) = lab.api.listVolumes(virtualmachineid=lab.deploy(lab.fixed())["id"])["volume"]
    assert (template["status"], template["size"]) == ("Download Complete", root["size"])
    direct = _template(user, lab.zone_id, directdownload="true")
    assert direct["status"] == "Bypassed Secondary Storage"
    lab.run("deleteTemplate", id=direct["id"])
    assert (template["ostypename"], template["isdynamicallyscalable"]) == ("CentOS 5.6 (64-bit)", True)
    other = lab.cloud.add_user("other")
    client = RawClient(lab.cloud.endpoint, other.api_key, other.secret_key)
    assert _listed(user, "self") == ["mine"]
    assert "mine" not in _listed(client, "executable")
    deploy = {"zoneid": lab.zone_id, "templateid": template["id"], "serviceofferingid": lab.fixed()}
    assert client.call("deployVirtualMachine", **deploy).status == 531
    user.call("updateTemplatePermissions", id=template["id"], op="add", accounts="other")
    shared = user.call("listTemplatePermissions", id=template["id"]).body["templatepermission"]
    assert shared["account"] == ["other"]
    assert _listed(client, "sharedexecutable") == ["mine"]
    assert client.call("deployVirtualMachine", **deploy).status == 200
    user.call("updateTemplatePermissions", id=template["id"], op="reset")
    assert _listed(client, "sharedexecutable") == []


def test_a_template_can_be_changed_and_deleted(lab: Lab, user: RawClient) -> None:
    template = _template(user, lab.zone_id)
    changed = lab.api.updateTemplate(id=template["id"], name="other", **{"details[0].a": "b"})
    assert (changed["template"]["name"], changed["template"]["details"]) == ("other", {"a": "b"})
    lab.api.updateTemplatePermissions(id=template["id"], ispublic="true")
    assert "other" in _listed(user, "community")
    assert lab.run("deleteTemplate", id=template["id"])["jobresult"] == {"success": True}
    assert _listed(user, "self") == []
    assert lab.api.listAccounts(name="someone", listall="true")["account"][0]["templatetotal"] == 0


def test_an_instance_of_a_registered_template_starts(lab: Lab) -> None:
    template = _template(lab.raw, lab.zone_id, name="big")
    instance = lab.deploy(lab.fixed(), template="big")
    assert (instance["templateid"], instance["isdynamicallyscalable"]) == (template["id"], False)
    volume = lab.api.listVolumes(virtualmachineid=instance["id"])["volume"][0]["id"]
    os_type = lab.api.listOsTypes()["ostype"][0]["id"]
    made = lab.run("createTemplate", name="copy", ostypeid=os_type, volumeid=volume)["jobresult"]["template"]
    assert made["name"] == "copy"
    half = lab.run("createTemplate", name="half", ostypeid=os_type, volumeid=volume, account="someone")
    assert half["jobresult"]["template"]["account"] == "admin"


def test_a_template_that_is_not_fetched_by_hosts_tells_of_its_download(lab: Lab) -> None:
    (download,) = _template(lab.raw, lab.zone_id, name="kept")["downloaddetails"]
    assert (download["downloadPercent"], download["downloadState"]) == ("100", "DOWNLOADED")
    listed = lab.api.listTemplates(templatefilter="all")["template"]
    assert {each["name"] for each in listed if "downloaddetails" not in each} == {"lab-guest", "lab-guest-unscalable"}


def test_isos_are_apart_from_templates(lab: Lab) -> None:
    iso = lab.api.registerIso(name="cd", url="http://x/y.iso", zoneid=lab.zone_id)["iso"][0]
    assert (iso["format"], iso["bootable"], iso["status"]) == ("ISO", True, "Successfully Installed")
    assert [each["name"] for each in lab.api.listIsos()["iso"]] == ["cd"]
    assert "cd" not in _listed(lab.raw, "all")
    assert lab.api.updateIso(id=iso["id"], name="dvd")["iso"]["name"] == "dvd"
    lab.run("deleteIso", id=iso["id"])
    assert lab.api.listIsos() == {}


@pytest.mark.parametrize(
    ("command", "given", "text"),
    [
        ("registerTemplate", {"url": "gopher://x"}, "Unsupported scheme for url: gopher://x"),
        ("registerTemplate", {"format": "PDF"}, "Image format: PDF is incorrect. Supported formats are ["),
        ("listTemplates", {"templatefilter": "best"}, "Please specify a valid template filter:"),
        ("createDiskOffering", {}, "Disksize is required for a non-customized disk offering"),
        ("createDiskOffering", {"disksize": 0}, "Please specify a disk size of at least 1 Gb."),
        ("createNetworkOffering", {"guestiptype": "L9", "traffictype": "Guest"}, 'Invalid "type" parameter is given;'),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, command: str, given: dict[str, Any], text: str) -> None:
    usual = {"name": "x", "url": "http://x", "format": "QCOW2", "hypervisor": "KVM", "zoneid": lab.zone_id}
    status, told = _error(lab, command, **{**usual, **given})
    assert (status, told[: len(text)]) == (431, text)


def test_disk_offerings_of_a_domain_are_seen_there_only(lab: Lab, user: RawClient) -> None:
    names = [each["name"] for each in lab.api.listDiskOfferings()["diskoffering"]]
    assert names == ["Small", "Medium", "Large", "Custom"]
    sub = lab.api.createDomain(name="sub")["domain"]["id"]
    made = lab.api.createDiskOffering(name="own", displaytext="own", disksize=2, domainid=sub)["diskoffering"]
    assert (made["disksize"], made["domain"], made["iscustomized"]) == (2, "sub", False)
    assert user.call("listDiskOfferings", name="own").body == {}
    lab.api.updateDiskOffering(id=made["id"], domainid="public", displaytext="for all")
    assert user.call("listDiskOfferings", name="own").body["diskoffering"][0]["displaytext"] == "for all"
    assert lab.api.deleteDiskOffering(id=made["id"]) == {"success": True}
    assert lab.api.listDiskOfferings(name="own") == {}


def test_service_offerings_of_a_domain_are_for_its_accounts_only(lab: Lab, user: RawClient) -> None:
    sub = lab.api.createDomain(name="sub")["domain"]["id"]
    offering = lab.fixed(domainid=sub)
    assert user.call("listServiceOfferings", id=offering).body == {}
    deploy = {"zoneid": lab.zone_id, "templateid": lab.template_id(), "serviceofferingid": offering}
    refused = user.call("deployVirtualMachine", **deploy)
    assert refused.status == 531
    assert refused.body["errortext"].startswith("There's no way to confirm Account [")
    lab.api.updateServiceOffering(id=offering, domainid="public")
    assert user.call("deployVirtualMachine", **deploy).status == 200


def test_networks_are_records_that_instances_can_be_in(lab: Lab, user: RawClient) -> None:
    offerings = {each["name"]: each["id"] for each in lab.api.listNetworkOfferings()["networkoffering"]}
    isolated = offerings["DefaultIsolatedNetworkOfferingWithSourceNatService"]
    wanted = {"name": "mine", "networkofferingid": isolated, "zoneid": lab.zone_id}
    network = user.call("createNetwork", **wanted).body["network"]
    assert (network["type"], network["cidr"], network["state"]) == ("Isolated", "10.1.1.0/24", "Allocated")
    assert {each["name"] for each in user.call("listNetworks").body["network"]} == {"lab-net", "mine"}
    started = user.call(
        "deployVirtualMachine",
        zoneid=lab.zone_id,
        templateid=lab.template_id(),
        serviceofferingid=lab.fixed(),
        networkids=network["id"],
    )
    instance = lab.instance_of(lab.finished(started.body))
    assert instance["nic"][0]["networkname"] == "mine"
    assert user.call("listNics", virtualmachineid=instance["id"]).body["nic"][0]["type"] == "Isolated"
    assert lab.run("deleteNetwork", id=network["id"])["jobresult"]["errortext"] == "Failed to delete network"
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    renamed = lab.run("updateNetwork", id=network["id"], name="other")["jobresult"]["network"]
    assert renamed["name"] == "other"
    assert lab.run("deleteNetwork", id=network["id"])["jobresult"] == {"success": True}


def test_a_network_offering_is_used_once_it_is_enabled(lab: Lab) -> None:
    made = lab.api.createNetworkOffering(
        name="l2", displaytext="l2", guestiptype="L2", traffictype="Guest", specifyvlan="true"
    )["networkoffering"]
    assert made["state"] == "Disabled"
    wanted = {"name": "n", "networkofferingid": made["id"], "zoneid": lab.zone_id, "vlan": "5"}
    assert _error(lab, "createNetwork", **wanted)[1].endswith("as its state is not Enabled")
    assert lab.api.updateNetworkOffering(id=made["id"], state="Enabled")["networkoffering"]["state"] == "Enabled"
    network = lab.api.createNetwork(**wanted)["network"]
    assert (network["vlan"], network["broadcasturi"]) == ("5", "vlan://5")
    status, text = _error(lab, "deleteNetworkOffering", id=made["id"])
    assert (status, "as its used by 1 networks" in text) == (431, True)
    lab.run("deleteNetwork", id=network["id"])
    assert lab.api.deleteNetworkOffering(id=made["id"]) == {"success": True}


def test_affinity_groups_are_kept_with_their_members(lab: Lab) -> None:
    assert "host anti-affinity" in {each["type"] for each in lab.api.listAffinityGroupTypes()["affinityGroupType"]}
    job = lab.run("createAffinityGroup", name="apart", type="host anti-affinity", description="d")
    group = job["jobresult"]["affinitygroup"]
    instance = lab.deploy(lab.fixed(), affinitygroupnames="apart")
    assert [each["name"] for each in instance["affinitygroup"]] == ["apart"]
    assert lab.api.listAffinityGroups(virtualmachineid=instance["id"])["affinitygroup"][0]["id"] == group["id"]
    assert _error(lab, "updateVMAffinityGroup", id=instance["id"])[1].endswith("It should be in Stopped state")
    lab.run("stopVirtualMachine", id=instance["id"], forced="true")
    begun = lab.raw.call("updateVMAffinityGroup", id=instance["id"], affinitygroupids="")
    assert begun.root == "updatevirtualmachineresponse"
    changed = lab.finished(begun.body)["jobresult"]
    assert changed["virtualmachine"]["affinitygroup"] == []
    assert lab.run("deleteAffinityGroup", name="apart")["jobresult"] == {"success": True}
    assert lab.api.listAffinityGroups() == {}


def test_an_affinity_group_that_is_named_is_the_owners(lab: Lab, user: RawClient) -> None:
    begun = user.call("createAffinityGroup", name="theirs", type="host anti-affinity", description="d")
    lab.finished(begun.body)
    own = {"account": "someone", "domainid": lab.api.listDomains()["domain"][0]["id"]}
    instance = lab.deploy(lab.fixed(), affinitygroupnames="theirs", **own)
    assert [each["name"] for each in instance["affinitygroup"]] == ["theirs"]
    given = {"zoneid": lab.zone_id, "templateid": lab.template_id(), "serviceofferingid": lab.fixed()}
    refused = lab.raw.call("deployVirtualMachine", affinitygroupnames="theirs", **given)
    assert refused.body["errortext"] == "Unable to find affinity group by name theirs"


def test_key_pairs_can_be_registered_and_named_at_a_deployment(lab: Lab) -> None:
    pair = lab.api.registerSSHKeyPair(name="key", publickey=_KEY)["keypair"]
    assert pair["fingerprint"].count(":") == 15
    assert lab.deploy(lab.fixed(), keypair="key")["keypairs"] == "key"
    assert _error(lab, "registerSSHKeyPair", name="other", publickey="x")[1] == "Public key is invalid"
    assert lab.api.deleteSSHKeyPair(name="key") == {"success": True}
    assert lab.api.listSSHKeyPairs() == {}


def test_other_things_than_instances_have_tags_too(lab: Lab, user: RawClient) -> None:
    template = _template(lab.raw, lab.zone_id)
    tags = {"tags[0].key": "run", "tags[0].value": "1"}
    lab.run("createTags", resourceids=template["id"], resourcetype="Template", **tags)
    assert lab.api.listTemplates(templatefilter="self", id=template["id"])["template"][0]["tags"][0]["value"] == "1"
    (tag,) = lab.api.listTags(resourcetype="Template")["tag"]
    assert (tag["resourceid"], tag["resourcetype"]) == (template["id"], "Template")
    refused = user.call("createTags", resourceids=template["id"], resourcetype="Template", **tags)
    assert refused.status == 531
    lab.run("deleteTags", resourceids=template["id"], resourcetype="Template")
    assert lab.api.listTags(resourcetype="Template") == {}


def test_what_an_account_had_goes_with_it(lab: Lab, user: RawClient) -> None:
    _template(user, lab.zone_id)
    user.call("registerSSHKeyPair", name="key", publickey=_KEY)
    account = lab.api.listAccounts(name="someone", listall="true")["account"][0]
    lab.run("deleteAccount", id=account["id"])
    assert "mine" not in _listed(lab.raw, "all")
    assert lab.api.listSSHKeyPairs(listall="true") == {}


def test_a_starting_client_is_answered(lab: Lab) -> None:
    assert lab.api.listHypervisors()["hypervisor"] == [{"name": "KVM"}]
    assert lab.api.quotaIsEnabled()["isenabled"] == {"isenabled": False}
    assert lab.api.listRegions()["region"][0]["name"] == "Local"
    assert lab.api.listProjects() == {}
    groups = lab.api.listConfigurationGroups()["configurationgroup"]
    assert {"Compute", "Hypervisor"} <= {each["name"] for each in groups}


def test_an_offering_of_a_domain_and_of_one_below_is_of_the_upper_one(lab: Lab) -> None:
    upper = lab.api.createDomain(name="upper")["domain"]["id"]
    lower = lab.api.createDomain(name="lower", parentdomainid=upper)["domain"]["id"]
    made = lab.api.createDiskOffering(name="own", displaytext="own", disksize=2, domainid=f"{lower},{upper}")
    assert made["diskoffering"]["domainid"] == upper
    assert [each["name"] for each in lab.api.listDiskOfferings(domainid=upper)["diskoffering"]] == ["own"]
    assert lab.api.listDiskOfferings(domainid=lower) == {}


def test_what_an_offering_says_of_its_disks_is_shown(lab: Lab, user: RawClient) -> None:
    given = {"bytesreadrate": 5, "iopswriteratemax": 7, "cachemode": "writeback", "provisioningtype": "fat"}
    made = lab.api.createDiskOffering(name="own", displaytext="own", disksize=2, encrypt="true", **given)
    shown = made["diskoffering"]
    assert (shown["diskBytesReadRate"], shown["diskIopsWriteRateMax"]) == (5, 7)
    assert (shown["cacheMode"], shown["provisioningtype"], shown["encrypt"]) == ("writeback", "fat", True)
    offering = lab.offering(customized="true", encryptroot="true", **given)
    assert (offering["diskBytesReadRate"], offering["encryptroot"], offering["provisioningtype"]) == (5, True, "fat")
    assert lab.raw.call("createDiskOffering", name="x", disksize=2, cachemode="best").status == 530
    sub = lab.api.createDomain(name="sub")["domain"]["id"]
    other = lab.api.createDiskOffering(name="sub", displaytext="sub", disksize=2, domainid=sub)["diskoffering"]["id"]
    refused = user.call("createVolume", diskofferingid=other)
    assert (refused.status, "has access to Disk offering sub" in refused.body["errortext"]) == (531, True)


def test_lists_can_be_filtered_by_tags(lab: Lab) -> None:
    template = _template(lab.raw, lab.zone_id)
    lab.run(
        "createTags", resourceids=template["id"], resourcetype="Template", **{"tags[0].key": "a", "tags[0].value": "b"}
    )
    wanted = {"templatefilter": "self", "tags[0].key": "a"}
    assert lab.api.listTemplates(**wanted, **{"tags[0].value": "b"})["count"] == 1
    assert lab.api.listTemplates(**wanted, **{"tags[0].value": "c"}) == {}
