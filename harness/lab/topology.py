"""The shape of a lab: which clusters, which hosts, how large."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class HostSpec:
    """A host as it is declared to libvirt and to the API alike."""

    name: str
    cluster: str
    cpus: int
    speed_mhz: int
    memory_mib: int


@dataclass(frozen=True)
class LabSpec:
    """One zone with one pod; clusters are named by their hosts."""

    hosts: tuple[HostSpec, ...]
    zone: str = "lab-zone"
    pod: str = "lab-pod"

    @property
    def clusters(self) -> tuple[str, ...]:
        """Cluster names in the order of their first host."""
        return tuple(dict.fromkeys(host.cluster for host in self.hosts))

    def as_json(self) -> str:
        """What `spec_of` reads."""
        return json.dumps(asdict(self))


def spec_of(text: str) -> LabSpec:
    """One that was written as JSON, by the names of its fields."""
    given = json.loads(text)
    return LabSpec(**{**given, "hosts": tuple(HostSpec(**host) for host in given["hosts"])})


def grid(clusters: int, hosts_per_cluster: int) -> LabSpec:
    """Many hosts, all alike and large."""
    return LabSpec(
        hosts=tuple(
            HostSpec(
                name=f"kvm{cluster * hosts_per_cluster + host + 1}",
                cluster=f"cluster-{cluster + 1}",
                cpus=64,
                speed_mhz=2500,
                memory_mib=256 * 1024,
            )
            for cluster in range(clusters)
            for host in range(hosts_per_cluster)
        )
    )


# Two unequal hosts share a cluster so that one can lack what the other has; the third is a candidate that
# auto-migration must not choose, because it stands in another cluster.
DEFAULT_LAB = LabSpec(
    hosts=(
        HostSpec(name="kvm1", cluster="cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096),
        HostSpec(name="kvm2", cluster="cluster-a", cpus=16, speed_mhz=2500, memory_mib=8192),
        HostSpec(name="kvm3", cluster="cluster-b", cpus=8, speed_mhz=2000, memory_mib=8192),
    )
)
