"""What is asked for when a fault is armed, and the refusal of what cannot be."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from harness.errors import HarnessError
from harness.lab.faults.catalogue import KINDS, Fault, FaultKind


class FaultRefusedError(HarnessError):
    """The fault cannot be armed as it is asked for; the text says why."""


class FaultOrder(BaseModel):
    """A fault to arm.

    Of the calls that `command`, `host` and `instance` (id or any of its names) leave over, the first `nth - 1` are let
    through; each one after them is struck with `probability`, drawn from `seed`, until `times` were. `lasts` is the
    time in seconds after which the fault clears itself. `seconds`, `status` and `size` are options of some kinds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Fault
    command: str | None = None
    host: str | None = None
    instance: str | None = None
    nth: int = Field(1, ge=1)
    times: int | None = Field(None, ge=1)
    probability: float = Field(1.0, gt=0, le=1)
    seed: int = 0
    lasts: float | None = Field(None, gt=0, le=86_400)
    seconds: float | None = Field(None, gt=0, le=3600)
    status: int | None = Field(None, ge=500, le=599)
    size: int | None = Field(None, ge=0, le=1_048_576)

    @property
    def entry(self) -> FaultKind:
        return KINDS[self.kind]

    @property
    def is_choosy(self) -> bool:
        """Whether not every call that matches is struck."""
        return self.nth > 1 or self.times is not None or self.probability < 1

    def option(self, name: str) -> float:
        """The value of an option that the kind has."""
        given = getattr(self, name)
        return float(self.entry.options[name] if given is None else given)

    def check(self) -> None:
        """Raises FaultRefusedError for what the kind does not have."""
        kind = self.entry
        for name in ("command", "host", "instance"):
            if getattr(self, name) is not None and name not in kind.filters:
                raise FaultRefusedError(f"{kind.id}: {name} does not apply to it")
        for name in ("seconds", "status", "size"):
            if getattr(self, name) is not None and name not in kind.options:
                raise FaultRefusedError(f"{kind.id}: {name} does not apply to it")
        if kind.is_condition and self.host is None:
            raise FaultRefusedError(f"{kind.id}: name the host")
        if kind.is_condition and self.is_choosy:
            raise FaultRefusedError(
                f"{kind.id}: it is in force until it is cleared; nth, times and probability do not apply to it"
            )
