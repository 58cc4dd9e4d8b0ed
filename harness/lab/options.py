"""What a lab may be told besides its hosts' kind and its release."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.lab.topology import DEFAULT_LAB, LabSpec, grid, spec_of

DEFAULT_RELEASE = "4.23"


@dataclass(frozen=True)
class LabOptions:
    """`latency` is a name or a file, `clock` wall or virtual; `mended` is without the release's known defects,
    `defect` the id of one of the catalogue.

    With `integration_port` every user of this machine can do everything with the lab's cloud. With `clusters` the lab
    is not the usual one, but has that many with `hosts_per_cluster` each; so many `instances` run from the beginning.
    `topology` is a file with a whole LabSpec in its place; `calls` a file for each command that changes something.
    """

    latency: str = "instant"
    clock: str = "wall"
    mended: bool = False
    integration_port: bool = False
    clusters: int = 0
    hosts_per_cluster: int = 1
    instances: int = 0
    defect: str | None = None
    topology: Path | None = None
    calls: Path | None = None

    @property
    def spec(self) -> LabSpec:
        if self.topology is not None:
            return spec_of(self.topology.read_text(encoding="utf-8"))
        return grid(self.clusters, self.hosts_per_cluster) if self.clusters else DEFAULT_LAB

    def arguments(self) -> list[str]:
        """For the process that the lab is."""
        flags = {"--mended": self.mended, "--integration-port": self.integration_port}
        values: dict[str, object] = {
            "--latency": self.latency,
            "--clock": self.clock,
            "--clusters": self.clusters,
            "--hosts-per-cluster": self.hosts_per_cluster,
            "--instances": self.instances,
        }
        given = [flag for flag, is_given in flags.items() if is_given]
        maybe = {"--defect": self.defect, "--topology": self.topology, "--calls": self.calls}
        values |= {name: value for name, value in maybe.items() if value is not None}
        return [*given, *(f"{name}={value}" for name, value in values.items())]


DEFAULT_OPTIONS = LabOptions()
