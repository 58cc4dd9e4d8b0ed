"""What a test module leaves in a cloud: a census before, a census after, and the removal of the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from harness.cloud.client import ApiError, CloudApi
from harness.cloud.jobs import begin_job
from harness.errors import HarnessError

_JOB_SECONDS = 600.0
_ON_THEIR_WAY = frozenset({"Expunging", "Expunged", "Destroyed"})


@dataclass(frozen=True)
class Kind:
    """A kind of thing that tests create: how it is listed and removed."""

    name: str
    listing: str
    key: str
    removal: str
    filters: Mapping[str, str] = field(default_factory=dict)
    with_removal: Mapping[str, object] = field(default_factory=dict)
    label: str = "name"
    id_parameter: str = "id"


# In the order in which they can be removed: what is used comes after its users.
KINDS = (
    Kind(
        "instance", "listVirtualMachines", "virtualmachine", "destroyVirtualMachine", with_removal={"expunge": "true"}
    ),
    Kind("volume", "listVolumes", "volume", "deleteVolume"),
    Kind("snapshot", "listSnapshots", "snapshot", "deleteSnapshot"),
    Kind("instance snapshot", "listVMSnapshot", "vmSnapshot", "deleteVMSnapshot", id_parameter="vmsnapshotid"),
    Kind("template", "listTemplates", "template", "deleteTemplate", {"templatefilter": "all"}),
    Kind("iso", "listIsos", "iso", "deleteIso", {"isofilter": "all"}),
    Kind("public address", "listPublicIpAddresses", "publicipaddress", "disassociateIpAddress", label="ipaddress"),
    Kind("network", "listNetworks", "network", "deleteNetwork"),
    Kind("VPC", "listVPCs", "vpc", "deleteVPC"),
    Kind("affinity group", "listAffinityGroups", "affinitygroup", "deleteAffinityGroup"),
    Kind("security group", "listSecurityGroups", "securitygroup", "deleteSecurityGroup"),
    Kind("network offering", "listNetworkOfferings", "networkoffering", "deleteNetworkOffering"),
    Kind("VPC offering", "listVPCOfferings", "vpcoffering", "deleteVPCOffering"),
    Kind("service offering", "listServiceOfferings", "serviceoffering", "deleteServiceOffering"),
    Kind("disk offering", "listDiskOfferings", "diskoffering", "deleteDiskOffering"),
    Kind("project", "listProjects", "project", "deleteProject", with_removal={"cleanup": "true"}),
    Kind("account", "listAccounts", "account", "deleteAccount"),
    Kind("domain", "listDomains", "domain", "deleteDomain", with_removal={"cleanup": "true"}),
    Kind("role", "listRoles", "role", "deleteRole"),
)


@dataclass(frozen=True)
class Thing:
    """One leftover: something new, or a global setting that has another value than before."""

    kind: str
    id: str
    label: str
    before: str | None = None

    def __str__(self) -> str:
        if self.before is not None:
            return f"{self.kind} {self.label} (was {self.before!r})"
        return f"{self.kind} {self.label} ({self.id})"


@dataclass(frozen=True)
class Census:
    """What is there: things by kind and id with their labels, and global settings.

    `unseen` has a line for each kind that the cloud knows and would not list.
    """

    things: Mapping[tuple[str, str], str]
    settings: Mapping[str, str]
    unseen: tuple[str, ...] = ()

    def new_in(self, later: Census) -> list[Thing]:
        """What `later` has and this does not, in the order in which it can be removed."""
        found = [Thing(kind, id, label) for (kind, id), label in later.things.items() if (kind, id) not in self.things]
        changed = [
            Thing("setting", name, name, before=self.settings[name])
            for name, value in later.settings.items()
            if self.settings.get(name, value) != value
        ]
        return found + changed


def census(api: CloudApi, has_command: Callable[[str], bool]) -> Census:
    """Look at everything that an admin sees. Of a kind without a command no test can make any."""
    things: dict[tuple[str, str], str] = {}
    unseen = []
    for kind in KINDS:
        if not has_command(kind.listing):
            continue
        try:
            listed = api.list(kind.listing, kind.key, listall="true", **kind.filters)
        except ApiError as refused:
            unseen.append(f"{kind.name}: {refused}")
            continue
        for each in listed:
            # An instance that is being expunged is on its way.
            if each.get("state") not in _ON_THEIR_WAY:
                things[kind.name, str(each["id"])] = str(each.get(kind.label, each["id"]))
    settings = {
        str(each["name"]): str(each.get("value", "")) for each in api.list("listConfigurations", "configuration")
    }
    return Census(things, settings, tuple(unseen))


def remove(api: CloudApi, things: list[Thing]) -> list[str]:
    """Take them away; returns a line for each that could not be, with the cloud's reason."""
    kinds = {kind.name: kind for kind in KINDS}
    still_there = []
    for thing in things:
        try:
            if thing.before is not None:
                api.call("updateConfiguration", name=thing.id, value=thing.before)
            else:
                _remove(api, kinds[thing.kind], thing.id)
        except HarnessError as failure:
            still_there.append(f"{thing}: {failure}")
    return still_there


def _remove(api: CloudApi, kind: Kind, id: str) -> None:
    job = begin_job(api, kind.removal, **{kind.id_parameter: id}, **kind.with_removal)
    if "jobid" in job.begun:
        ended = job.wait(_JOB_SECONDS)
        if not ended.succeeded:
            raise ApiError(kind.removal, ended.code, None, ended.text)
