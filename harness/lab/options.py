"""What a lab may be told besides its hosts' kind and its release."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabOptions:
    """`latency` is a name or a file, `clock` wall or virtual; `mended` is without the release's known defects."""

    latency: str = "instant"
    clock: str = "wall"
    mended: bool = False

    def arguments(self) -> list[str]:
        """For the process that the lab is."""
        return ["--latency", self.latency, "--clock", self.clock, *(["--mended"] if self.mended else [])]


DEFAULT_OPTIONS = LabOptions()
