"""What a run may create or change on a cloud, and what it says where it may not."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import HarnessError
from harness.run.environment import Allowed, Environment

# What was there before the run and serves others as well.
_SHARED = frozenset(
    {Allowed.CLUSTER_SETTINGS, Allowed.ZONE_SETTINGS, Allowed.GLOBAL_SETTINGS, Allowed.HOSTS, Allowed.TEMPLATES}
)


class CannotArrangeError(HarnessError):
    """The cloud lacks, or the run may not make, what the case needs; the text says exactly what."""


@dataclass(frozen=True)
class Permits:
    """What is allowed, and what a person can do about what is not."""

    allowed: frozenset[Allowed]
    mend: str

    @property
    def may_disturb(self) -> bool:
        """Whether it may change something that another run would trip over: settings, hosts, templates."""
        return bool(self.allowed & _SHARED)

    def require(self, what: Allowed, purpose: str) -> None:
        """Raises CannotArrangeError unless it is allowed; `purpose` says what it is needed for."""
        if what not in self.allowed:
            raise CannotArrangeError(f"needs {purpose}, which this run may not do; {self.mend.format(what=what)}")


def permits_of(environment: Environment, *, leave_settings: bool) -> Permits:
    """As the environment file says; with `leave_settings` nothing that was there before, unless it is a lab's."""
    if leave_settings and environment.lab is None:
        return Permits(environment.allow - _SHARED, "it was told to leave settings alone (--select smoke)")
    return Permits(environment.allow, f'add "{{what}}" to allow in {environment.file}')
