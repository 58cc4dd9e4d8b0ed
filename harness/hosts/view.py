"""What every way of looking into a host offers."""

from __future__ import annotations

from typing import Protocol

from harness.hosts.cpu_use import CpuUse
from harness.hosts.observation import GuestView, HostFacts, NotSeen, Observation


class HostView(Protocol):
    """Looks into one host. Calls may come from several threads at once.

    Every method may raise HostFailure when the host cannot be looked into at all; a part of a look that could not be
    had is NotSeen inside what is returned.
    """

    transport: str
    host: str
    # A line for each look that failed and was had the next time, oldest first.
    overcome: list[str]

    def observe(self, instance_name: str, wait_s: int = 0) -> Observation:
        """One full look at one instance.

        Where no guest agent answers, once more as soon as one connects or after `wait_s`, if this way of looking can
        wait.
        """

    def guest(self, instance_name: str, wait_s: int = 0) -> GuestView | NotSeen:
        """Only what the guest agent tells: cheap, for waiting until a hot-plug has settled. It waits as `observe`."""

    def burn_cpu(self, instance_name: str, seconds: int) -> int | NotSeen:
        """Have the guest keep one of its CPUs busy for so long; gives the pid that does it there."""

    def not_burning(self, instance_name: str, pid: int) -> NotSeen | None:
        """None while that goes on in the guest, else why it does not."""

    def cpu_use(self, instance_name: str) -> CpuUse | NotSeen:
        """What the domain's vCPUs have used up to now."""

    def facts(self) -> HostFacts: ...

    def domain_names(self) -> tuple[str, ...]:
        """Active domains, sorted."""

    def close(self) -> None: ...
