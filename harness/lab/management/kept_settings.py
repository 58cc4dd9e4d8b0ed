"""Settings that clients ask for and that decide nothing in the lab: they are kept, checked and shown.

Names, types, defaults, groups and parents are CloudStack's (source: its ConfigKeys, its enum Config, and the schema of
4.18, which has the groups). Those that say when something is cleaned up are left out: who waits for it waits in vain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.lab.management.errors import InvalidValueError
from harness.reference.settings import Kind, Scope

INSTANCE_LEASE = "instance.lease.enabled"
COMMANDS_TIMEOUT = "commands.timeout"


@dataclass(frozen=True)
class KeptSetting:
    """`place` is its group and subgroup; `is_share` marks a number between 0 and 1."""

    kind: Kind
    default: str
    place: tuple[str, str]
    component: str
    parent: str = ""
    scope: Scope = Scope.GLOBAL
    is_share: bool = False


_AGENT = ("Management Server", "Agent")
_API = ("Management Server", "API")
_KUBERNETES = ("Compute", "Kubernetes")
_MACHINE = ("Compute", "Virtual Machine")
_NETWORK = ("Network", "Network")
_OTHER = ("Miscellaneous", "Others")
_PRIMARY = ("Infrastructure", "Primary Storage")
_DOMAIN = ("Access", "Domain")
_SERVER = "management-server"
_CACHE_REPLACEMENT = "storage.cache.replacement.enabled"
_KUBERNETES_SERVICE = "cloud.kubernetes.service.enabled"
_THROTTLING = "api.throttling.enabled"
_KUBERNETES_MANAGER = "KubernetesClusterManagerImpl"

KEPT: Mapping[str, KeptSetting] = {
    "agent.lb.enabled": KeptSetting(Kind.BOOLEAN, "false", _AGENT, "ClusteredAgentManagerImpl"),
    "agent.load.threshold": KeptSetting(
        Kind.FLOAT, "0.7", _AGENT, "ClusteredAgentManagerImpl", parent="agent.lb.enabled", is_share=True
    ),
    "allow.duplicate.networkname": KeptSetting(Kind.BOOLEAN, "true", _NETWORK, "NetworkOrchestrationService"),
    "allow.user.expunge.recover.vm": KeptSetting(Kind.BOOLEAN, "false", _MACHINE, "UserVmManager"),
    _THROTTLING: KeptSetting(Kind.BOOLEAN, "false", _API, _SERVER),
    "api.throttling.cachesize": KeptSetting(Kind.INTEGER, "50000", _API, _SERVER, parent=_THROTTLING),
    "api.throttling.interval": KeptSetting(Kind.INTEGER, "1", _API, _SERVER, parent=_THROTTLING),
    "api.throttling.max": KeptSetting(Kind.INTEGER, "25", _API, _SERVER, parent=_THROTTLING),
    _KUBERNETES_SERVICE: KeptSetting(Kind.BOOLEAN, "true", _KUBERNETES, _KUBERNETES_MANAGER),
    "cloud.kubernetes.cluster.max.size": KeptSetting(
        Kind.INTEGER, "10", _KUBERNETES, _KUBERNETES_MANAGER, parent=_KUBERNETES_SERVICE
    ),
    COMMANDS_TIMEOUT: KeptSetting(Kind.STRING, "", _OTHER, "AgentManager"),
    "dynamic.apichecker.cache.period": KeptSetting(Kind.INTEGER, "0", _OTHER, "RoleService"),
    "enable.account.settings.for.domain": KeptSetting(Kind.BOOLEAN, "false", _DOMAIN, _SERVER),
    "enable.domain.settings.for.child.domain": KeptSetting(Kind.BOOLEAN, "false", _DOMAIN, _SERVER),
    "endpoint.url": KeptSetting(Kind.STRING, "http://localhost:8080/client/api", _API, "ApiServer"),
    INSTANCE_LEASE: KeptSetting(Kind.BOOLEAN, "false", _MACHINE, "VMLeaseManager"),
    "kvm.ssh.to.agent": KeptSetting(Kind.BOOLEAN, "true", ("Hypervisor", "KVM"), "ResourceManager"),
    "project.invite.required": KeptSetting(Kind.BOOLEAN, "false", ("Access", "Project"), _SERVER),
    _CACHE_REPLACEMENT: KeptSetting(Kind.BOOLEAN, "true", _PRIMARY, _SERVER),
    "storage.cache.replacement.interval": KeptSetting(
        Kind.INTEGER, "86400", _PRIMARY, _SERVER, parent=_CACHE_REPLACEMENT
    ),
    "storage.cleanup.interval": KeptSetting(Kind.INTEGER, "86400", _PRIMARY, "StorageManager"),
    "use.external.dns": KeptSetting(
        Kind.BOOLEAN, "false", _NETWORK, "VirtualNetworkApplianceManager", scope=Scope.ZONE
    ),
}


def check_timeouts(text: str) -> None:
    """`Command=seconds`, separated by commas.

    Source: ConfigurationManagerImpl.validateCommaSeparatedKeyValueConfigWithPositiveIntegerValues.

    Raises:
        InvalidValueError: it is something else.
    """
    for each in [part.strip() for part in text.split(",")] if text else []:
        name, equals, number = each.partition("=")
        if not equals:
            raise InvalidValueError(f"Validation failed: Command '{each}' does not contain '='.")
        if not number or "=" in number:
            raise InvalidValueError(f"Validation failed: Command '{each}' is not properly formatted.")
        name, number = name.strip(), number.strip()
        if not name:
            raise InvalidValueError(f"Validation failed: Command name is missing in '{each}'.")
        if not number.lstrip("+-").isdecimal() or not number.isascii():
            raise InvalidValueError(
                f"Validation failed: The value for command '{name}' is not a valid integer. Invalid value: {number}"
            )
        if int(number) <= 0:
            raise InvalidValueError(
                f"Validation failed: The value for command '{name}' is not greater than 0. Invalid value: {int(number)}"
            )
