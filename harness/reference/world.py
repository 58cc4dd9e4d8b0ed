"""What is known when a scale is asked for: the cloud, the instance, the request."""

from __future__ import annotations

from dataclasses import dataclass

from harness.reference.capacity import AccountLimits, Host
from harness.reference.domain import Domain
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size
from harness.reference.release import Release
from harness.reference.settings import Settings

RUNNING = "Running"
STOPPED = "Stopped"
KVM = "KVM"


@dataclass(frozen=True)
class Instance:
    """An instance before the scale. `host_id` and `domain` are those it runs with now.

    `saved` are the custom parameters kept with it, `owner` is its account; `limits` are None where the owner has
    none. `affinity_conflict` tells that its affinity groups leave no host to move to.
    """

    name: str
    state: str
    offering: Offering
    size: Size
    cpu_cap: bool
    flag: bool
    template_flag: bool
    host_id: str
    domain: Domain
    saved: CustomParameters = NO_PARAMETERS
    hypervisor: str = KVM
    template_tags: frozenset[str] = frozenset()
    last_host_id: str | None = None
    affinity_conflict: bool = False
    owner: str = ""
    limits: AccountLimits | None = None


@dataclass(frozen=True)
class World:
    """What the management server knows when it decides."""

    release: Release
    settings: Settings
    hosts: tuple[Host, ...]

    def host(self, host_id: str) -> Host:
        """Raises KeyError for an id that is not of this world."""
        for host in self.hosts:
            if host.id == host_id:
                return host
        raise KeyError(host_id)
