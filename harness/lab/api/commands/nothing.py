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
    "listAutoScaleVmGroups": "autoscalevmgroup",
    "listBackups": "backup",
    "listDedicatedHosts": "dedicatedhost",
    "listEgressFirewallRules": "firewallrule",
    "listFirewallRules": "firewallrule",
    "listImageStores": "imagestore",
    "listInstanceGroups": "instancegroup",
    "listIpForwardingRules": "ipforwardingrule",
    "listLdapConfigurations": "ldapconfiguration",
    "listLoadBalancerRules": "loadbalancerrule",
    "listNetworkACLLists": "networkacllist",
    "listNetworkACLs": "networkacl",
    "listPhysicalNetworks": "physicalnetwork",
    "listPortForwardingRules": "portforwardingrule",
    "listPrivateGateways": "privategateway",
    "listProjects": "project",
    "listPublicIpAddresses": "publicipaddress",
    "listRemoteAccessVpns": "remoteaccessvpn",
    "listRouters": "router",
    "listSecurityGroups": "securitygroup",
    "listSnapshotPolicies": "snapshotpolicy",
    "listSnapshots": "snapshot",
    "listStaticRoutes": "staticroute",
    "listStorageTags": "storagetag",
    "listSystemVms": "systemvm",
    "listUserData": "userdata",
    "listVMSnapshot": "vmSnapshot",
    "listVPCOfferings": "vpcoffering",
    "listVPCs": "vpc",
    "listVlanIpRanges": "vlaniprange",
    "listVpnConnections": "vpnconnection",
    "listVpnCustomerGateways": "vpncustomergateway",
    "listVpnGateways": "vpngateway",
    "listVpnUsers": "vpnuser",
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
