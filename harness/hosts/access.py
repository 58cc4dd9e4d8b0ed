"""How one host is reached: address, login, host key rule and deadlines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path


class HostKeyRule(Enum):
    """What is asked of a host's key before anything is sent to it."""

    KNOWN_HOSTS = "known-hosts"
    """The key must stand in the known_hosts file (default: the user's own)."""
    ACCEPT_NEW = "accept-new"
    """A host never seen is trusted and remembered in the known_hosts file; a changed key is refused."""
    INSECURE = "insecure"
    """Any key is taken. Only for hosts that are made anew for each run, on a network of one's own."""


@dataclass(frozen=True)
class HostAccess:
    """One host as a person configures it.

    Attributes:
        name: the host's name in CloudStack (`listHosts` field `name`).
        key_file: private key; without it and without `password`, the SSH agent and the user's default keys are tried.
        known_hosts: file for `host_keys`; None means the user's `~/.ssh/known_hosts`. Required by ACCEPT_NEW.
        sudo: look through `sudo -n`, for a user who is not root.
        agent_timeout_s: how long libvirt waits for the guest agent, whole seconds, at least 1; ten times as long where
            a guest that may have little CPU is to run a program, but no more than half of `command_timeout_s`.
        libvirt_uri: template for the libvirt transport; `{address}` and `{user}` are filled in.
        cgroup_version: 1 or 2, needed only by the libvirt transport, which cannot see it.
    """

    name: str
    address: str
    port: int = 22
    user: str = "root"
    key_file: Path | None = None
    password: str | None = field(default=None, repr=False)
    host_keys: HostKeyRule = HostKeyRule.KNOWN_HOSTS
    known_hosts: Path | None = None
    sudo: bool = False
    connect_timeout_s: float = 10.0
    command_timeout_s: float = 30.0
    agent_timeout_s: int = 2
    libvirt_uri: str = "qemu+tcp://{address}/system"
    cgroup_version: int | None = None

    @property
    def look_patience_s(self) -> int:
        """How long libvirt waits for an answer of the guest agent, in whole seconds."""
        return max(1, self.agent_timeout_s)

    @property
    def program_patience_s(self) -> int:
        """The same where the agent has to start a program: at a tenth of a CPU that takes ten times as long."""
        return max(self.look_patience_s, min(10 * self.look_patience_s, int(self.command_timeout_s / 2)))

    @property
    def where(self) -> str:
        """`name (address:port)`, as error lines name a host."""
        return f"{self.name} ({self.address}:{self.port})"
