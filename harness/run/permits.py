"""What a run may create or change on a cloud, and what it says where it may not."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import HarnessError
from harness.run.environment import Allowed, Environment

_SETTINGS = frozenset({Allowed.CLUSTER_SETTINGS, Allowed.ZONE_SETTINGS, Allowed.GLOBAL_SETTINGS})


class CannotArrangeError(HarnessError):
    """The cloud lacks, or the run may not make, what the case needs; the text says exactly what."""


@dataclass(frozen=True)
class Permits:
    """What is allowed, and what a person can do about what is not."""

    allowed: frozenset[Allowed]
    mend: str

    @property
    def may_disturb(self) -> bool:
        """Whether it may change something that another run would trip over: settings, hosts."""
        return bool(self.allowed & (_SETTINGS | {Allowed.HOSTS}))

    def require(self, what: Allowed, purpose: str) -> None:
        """Raises CannotArrangeError unless it is allowed; `purpose` says what it is needed for."""
        if what not in self.allowed:
            raise CannotArrangeError(f"needs {purpose}, which this run may not do; {self.mend.format(what=what)}")


def permits_of(environment: Environment, *, leave_settings: bool) -> Permits:
    """As the environment file says; with `leave_settings` neither settings nor hosts of a cloud that is not a lab's."""
    if leave_settings and environment.lab is None:
        return Permits(
            environment.allow - _SETTINGS - {Allowed.HOSTS}, "it was told to leave settings alone (--select smoke)"
        )
    return Permits(environment.allow, f'add "{{what}}" to allow in {environment.file}')
