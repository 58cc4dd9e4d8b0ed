"""Lists of what a cloud may have and the lab never has, and small questions of clients that start."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Shown, Single, command
from harness.lab.api.entities import SERVER_ID
from harness.lab.api.views.hosts import version

# Command and name of its list.
_EMPTY = {
    "listAlerts": "alert",
    "listDedicatedHosts": "dedicatedhost",
    "listEgressFirewallRules": "firewallrule",
    "listFirewallRules": "firewallrule",
    "listImageStores": "imagestore",
    "listInstanceGroups": "instancegroup",
    "listLdapConfigurations": "ldapconfiguration",
    "listLoadBalancerRules": "loadbalancerrule",
    "listNetworkACLLists": "networkacllist",
    "listPhysicalNetworks": "physicalnetwork",
    "listPortForwardingRules": "portforwardingrule",
    "listProjects": "project",
    "listPublicIpAddresses": "publicipaddress",
    "listRouters": "router",
    "listSecurityGroups": "securitygroup",
    "listSnapshots": "snapshot",
    "listStorageTags": "storagetag",
    "listSystemVms": "systemvm",
    "listVMSnapshot": "vmSnapshot",
    "listVPCOfferings": "vpcoffering",
    "listVPCs": "vpc",
}


def _none(name: str) -> Callable[[Call], Answer]:
    return lambda call: Listing(name, [])  # noqa: ARG005 - whatever is asked for


def _hypervisors(_call: Call) -> Answer:
    return Listing("hypervisor", [{"name": "KVM"}])


def _regions(_call: Call) -> list[Shown]:
    return [{"id": 1, "name": "Local", "endpoint": "http://localhost:8080/client/", "gslbserviceenabled": False}]


def _servers(call: Call) -> list[Shown]:
    return [{"id": SERVER_ID, "name": "localhost", "state": "Up", "version": version(call.cloud)}]


def _planners(_call: Call) -> Answer:
    return Listing("deploymentPlanner", [{"name": "FirstFitPlanner"}])


def _quota(_call: Call) -> Answer:
    return Single({"isenabled": {"isenabled": False}})


COMMANDS = (
    *(command(name, _none(listed), listed) for name, listed in _EMPTY.items()),
    command("listHypervisors", _hypervisors),
    command("listRegions", selection.listing("region", _regions)),
    command("listManagementServers", selection.listing("managementserver", _servers), "managementserver"),
    command("listDeploymentPlanners", _planners),
    command("quotaIsEnabled", _quota),
)
