"""What a defect of the catalogue is, and the shorthands its modules make one with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.lab.seams import Seams


class Part(StrEnum):
    """Where the wrong line would be."""

    MANAGEMENT = "management server"
    PLANNER = "planner"
    GURU = "KVMGuru"
    AGENT = "agent"
    LIBVIRT = "libvirt"
    KERNEL = "kernel"
    GUEST = "guest"
    API = "API"


@dataclass(frozen=True)
class Sign:
    """What the first finding must name: a layer, and quantities of it, one of which it is."""

    layer: str
    quantities: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.layer}: {' or '.join(self.quantities)}"


def api(*quantities: str) -> Sign:
    return Sign("api", quantities)


def domain(*quantities: str) -> Sign:
    return Sign("domain", quantities)


def scheduler(*quantities: str) -> Sign:
    return Sign("scheduler", quantities)


def guest(*quantities: str) -> Sign:
    return Sign("guest", quantities)


@dataclass(frozen=True)
class Defect:
    """A way in which CloudStack, or what it stands on, could be wrong.

    `says` is one sentence, `story` how it may come about. `sections` are those of the cases that must see it, as
    `--select` takes them. `on_kvm` is False where real hosts cannot be made to have it.
    """

    id: str
    says: str
    part: Part
    sections: str
    story: str
    sign: Sign
    seams: Seams
    on_kvm: bool = True

    @property
    def is_below(self) -> bool:
        """Whether it lives in what a real host has of its own: such a one is to be tried there too."""
        return self.part in (Part.AGENT, Part.LIBVIRT, Part.KERNEL, Part.GUEST)
