"""The seam between the lab and a kind of hosts: bring them up, say how to reach them, take them down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.lab.hypervisor import Hypervisor
from harness.lab.topology import HostSpec


@dataclass(frozen=True)
class SshAccess:
    """How the harness logs in to a host; `known_host` is its line for a known_hosts file."""

    address: str
    port: int
    user: str
    key_file: Path
    known_host: str


@dataclass(frozen=True)
class LabHost:
    """A host that is up; `agent_log` is where its agent writes its log, seen from the lab."""

    spec: HostSpec
    hypervisor: Hypervisor
    ssh: SshAccess
    agent_log: Path | None = None


@dataclass(frozen=True)
class GuestBoot:
    """What the agent's XML hook needs to make a guest boot on these hosts: how their QEMU is run and from where.

    `onlines_hotplug` is False where the guest cannot take CPUs that come later.
    """

    domain_type: str
    kernel: Path | None = None
    initrd: Path | None = None
    command_line: str = ""
    onlines_hotplug: bool = True


class Fleet(Protocol):
    """Hosts of one kind, for the lifetime of one lab."""

    kind: str
    guest_boot: GuestBoot

    def up(self) -> Sequence[LabHost]:
        """Bring all hosts up; on failure nothing is left behind."""

    def down(self) -> None:
        """Take all hosts down; safe to call twice and after a failed `up`."""
