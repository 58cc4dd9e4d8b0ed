"""The kinds of things that people make in a cloud: by which commands they are made, listed and removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.cloud.client import ApiError, CloudApi
from harness.cloud.jobs import begin_job


@dataclass(frozen=True)
class Kind:
    """How things of a kind are made, listed and removed. `label` is what a listing calls them by."""

    name: str
    makers: tuple[str, ...]
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
        "instance",
        ("deployVirtualMachine",),
        "listVirtualMachines",
        "virtualmachine",
        "destroyVirtualMachine",
        with_removal={"expunge": "true"},
    ),
    Kind("volume", ("createVolume", "uploadVolume"), "listVolumes", "volume", "deleteVolume"),
    Kind("snapshot", ("createSnapshot",), "listSnapshots", "snapshot", "deleteSnapshot"),
    Kind(
        "instance snapshot",
        ("createVMSnapshot",),
        "listVMSnapshot",
        "vmSnapshot",
        "deleteVMSnapshot",
        id_parameter="vmsnapshotid",
    ),
    Kind(
        "template",
        ("createTemplate", "registerTemplate"),
        "listTemplates",
        "template",
        "deleteTemplate",
        {"templatefilter": "all"},
    ),
    Kind("iso", ("registerIso",), "listIsos", "iso", "deleteIso", {"isofilter": "all"}),
    Kind(
        "public address",
        ("associateIpAddress",),
        "listPublicIpAddresses",
        "publicipaddress",
        "disassociateIpAddress",
        label="ipaddress",
    ),
    Kind("network", ("createNetwork",), "listNetworks", "network", "deleteNetwork"),
    Kind("VPC", ("createVPC",), "listVPCs", "vpc", "deleteVPC"),
    Kind("affinity group", ("createAffinityGroup",), "listAffinityGroups", "affinitygroup", "deleteAffinityGroup"),
    Kind("security group", ("createSecurityGroup",), "listSecurityGroups", "securitygroup", "deleteSecurityGroup"),
    Kind(
        "network offering",
        ("createNetworkOffering",),
        "listNetworkOfferings",
        "networkoffering",
        "deleteNetworkOffering",
    ),
    Kind("VPC offering", ("createVPCOffering",), "listVPCOfferings", "vpcoffering", "deleteVPCOffering"),
    Kind(
        "service offering",
        ("createServiceOffering",),
        "listServiceOfferings",
        "serviceoffering",
        "deleteServiceOffering",
    ),
    Kind("disk offering", ("createDiskOffering",), "listDiskOfferings", "diskoffering", "deleteDiskOffering"),
    Kind("project", ("createProject",), "listProjects", "project", "deleteProject", with_removal={"cleanup": "true"}),
    Kind("account", ("createAccount",), "listAccounts", "account", "deleteAccount"),
    Kind("domain", ("createDomain",), "listDomains", "domain", "deleteDomain", with_removal={"cleanup": "true"}),
    Kind("role", ("createRole",), "listRoles", "role", "deleteRole"),
)

BY_NAME: Mapping[str, Kind] = {kind.name: kind for kind in KINDS}
BY_MAKER: Mapping[str, Kind] = {maker: kind for kind in KINDS for maker in kind.makers}


def remove(api: CloudApi, job_seconds: float, kind: Kind, id: str) -> None:
    """Remove a thing; one that is gone is no error.

    Raises:
        HarnessError: the cloud refuses, or its job failed or did not end in `job_seconds`.
    """
    try:
        job = begin_job(api, kind.removal, **{kind.id_parameter: id}, **kind.with_removal)
    except ApiError as refused:
        if refused.says_it_is_gone:
            return
        raise
    if "jobid" in job.begun:
        ended = job.wait(job_seconds)
        if not ended.succeeded:
            raise ApiError(kind.removal, ended.code, None, ended.text)
