"""Which part of a cloud is looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Selection:
    """What is not said selects everything of the environment file's zone.

    Attributes:
        zone: another zone than the environment file's, by its name.
        cluster, host: by name.
        account: by name; `domain/path/name` where accounts of several domains have that name.
        instance: an id, a name, or a domain's name such as i-2-3-VM.
    """

    zone: str | None = None
    cluster: str | None = None
    host: str | None = None
    account: str | None = None
    instance: str | None = None

    @property
    def leaves_instances_out(self) -> bool:
        """Whether hosts have instances that are not looked at, so that their books cannot be added up."""
        return self.account is not None or self.instance is not None

    def __str__(self) -> str:
        said = [f"{name} {value}" for name, value in vars(self).items() if value is not None]
        return ", ".join(said) or "the whole zone"
