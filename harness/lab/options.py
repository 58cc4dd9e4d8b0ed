"""What a lab may be told besides its hosts' kind and its release."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabOptions:
    """`latency` is a name or a file, `clock` wall or virtual; `mended` is without the release's known defects.

    With `integration_port` every user of this machine can do everything with the lab's cloud.
    """

    latency: str = "instant"
    clock: str = "wall"
    mended: bool = False
    integration_port: bool = False

    def arguments(self) -> list[str]:
        """For the process that the lab is."""
        flags = {"--mended": self.mended, "--integration-port": self.integration_port}
        return ["--latency", self.latency, "--clock", self.clock, *(flag for flag, given in flags.items() if given)]


DEFAULT_OPTIONS = LabOptions()
