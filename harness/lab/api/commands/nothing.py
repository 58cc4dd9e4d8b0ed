"""Lists of what a cloud may have and the lab never has, and small questions of clients that start."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Shown, Single, command
from harness.lab.api.entities import SERVER_ID
from harness.lab.api.views.hosts import version
from harness.lab.management import clock
from harness.lab.management.directory import stable_id

# Command and name of its list.
_EMPTY = {
    "listAnnotations": "annotations",
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
    "listNetworkServiceProviders": "networkserviceprovider",
    "listPhysicalNetworks": "physicalnetwork",
    "listPortForwardingRules": "portforwardingrule",
    "listPrivateGateways": "privategateway",
    "listProjectInvitations": "projectinvitation",
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
    "listTrafficTypes": "traffictype",
    "listUserData": "userdata",
    "listVMSnapshot": "vmSnapshot",
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
    """The one that the lab is."""
    cloud = call.cloud
    return [
        {
            "id": SERVER_ID,
            "name": "localhost",
            "state": "Up",
            "version": version(cloud),
            "lastserverstart": clock.shown(cloud.state.began),
            "serviceip": "127.0.0.1",
            "ipaddress": "127.0.0.1",
            "lastagents": [],
            "agents": [each for each in cloud.state.hosts if cloud.agents[each].is_up],
            "agentscount": sum(cloud.agents[each].is_up for each in cloud.state.hosts),
            "pendingjobscount": len(cloud.jobs.pending()),
        }
    ]


def _hypervisor_capabilities(_call: Call) -> list[Shown]:
    return [
        {
            "id": stable_id("hypervisorcapabilities", "KVM"),
            "hypervisorversion": "default",
            "hypervisor": "KVM",
            "maxguestslimit": 50,
            "securitygroupenabled": True,
            "maxdatavolumeslimit": 64,
            "storagemotionenabled": True,
            "vmsnapshotenabled": False,
        }
    ]


def _planners(_call: Call) -> Answer:
    return Listing("deploymentPlanner", [{"name": "FirstFitPlanner"}])


def _quota(_call: Call) -> Answer:
    return Single({"isenabled": {"isenabled": False}})


COMMANDS = (
    *(command(name, _none(listed), listed) for name, listed in _EMPTY.items()),
    command("listHypervisors", _hypervisors),
    command(
        "listHypervisorCapabilities",
        selection.listing("hypervisorCapabilities", _hypervisor_capabilities, "id hypervisor", "hypervisor"),
        "hypervisorcapabilities",
    ),
    command("listRegions", selection.listing("region", _regions)),
    command("listManagementServers", selection.listing("managementserver", _servers), "managementserver"),
    command("listDeploymentPlanners", _planners),
    command("quotaIsEnabled", _quota),
)
