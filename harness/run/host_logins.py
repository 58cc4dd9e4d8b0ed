"""From the environment file's logins to the way into one host."""

from __future__ import annotations

from dataclasses import replace

from harness.cloud.entities import HostRecord
from harness.hosts.access import HostAccess, HostKeyRule
from harness.run.environment import Environment, ManagementLog

_HOST_KEY_RULES = {
    "verify": HostKeyRule.KNOWN_HOSTS,
    "accept-new": HostKeyRule.ACCEPT_NEW,
    "insecure": HostKeyRule.INSECURE,
}


def log_access(environment: Environment, log: ManagementLog) -> HostAccess:
    """How to reach the machine of the management server's log: as a host, but for what the log's table says."""
    login = environment.hosts
    return HostAccess(
        name="management server",
        address=log.address,
        port=log.port,
        user=log.user,
        key_file=environment.path(log.key_file) if log.key_file else None,
        host_keys=_HOST_KEY_RULES[login.host_keys],
        known_hosts=environment.path(login.known_hosts) if login.known_hosts else None,
        sudo=log.sudo,
        connect_timeout_s=environment.time_limits.ssh,
        command_timeout_s=environment.time_limits.ssh,
    )


def host_access(environment: Environment, host: HostRecord) -> HostAccess:
    """How to reach `host`: the address that CloudStack knows, unless the file says otherwise for it."""
    login = environment.hosts
    access = HostAccess(
        name=host.name,
        address=host.address,
        port=login.port,
        user=login.user,
        key_file=environment.path(login.key_file) if login.key_file else None,
        password=environment.password(host.name),
        host_keys=_HOST_KEY_RULES[login.host_keys],
        known_hosts=environment.path(login.known_hosts) if login.known_hosts else None,
        sudo=login.sudo,
        connect_timeout_s=environment.time_limits.ssh,
        command_timeout_s=environment.time_limits.ssh,
        libvirt_uri=login.libvirt_uri,
        cgroup_version=login.cgroup_version,
    )
    different = login.overrides.get(host.name)
    if different is None:
        return access
    return replace(
        access,
        address=different.address or access.address,
        port=different.port or access.port,
        user=different.user or access.user,
        key_file=environment.path(different.key_file) if different.key_file else access.key_file,
    )
