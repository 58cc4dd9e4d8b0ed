"""A simulated host with one domain, and ways into it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.hosts.access import HostAccess
from harness.lab.fleet import LabHost
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import HostSpec

_TEMPLATE = (Path(__file__).parents[1] / "data" / "hosts" / "agent-domain.xml").read_text()


@pytest.fixture(scope="session")
def domain_xml() -> str:
    """A capped domain, prepared for scaling, with 2 of 8 vCPUs and 256 MiB, as CloudStack's agent writes it."""
    return _TEMPLATE.format(
        name="i-2-7-VM",
        uuid="2617172c-5cbb-4700-b841-5bff677a42e7",
        sockets=2,
        cores=4,
        threads=1,
        memory_kib=262144,
        ceiling="<maxMemory slots='16' unit='KiB'>4194304</maxMemory>\n"
        "<cpu> <numa> <cell id='0' cpus='0-7' memory='262144' unit='KiB'/> </numa> </cpu>",
        vcpus=2,
        max_vcpus=8,
        cputune="<shares>1000</shares>\n<quota>2500</quota>\n<period>10000</period>",
    )


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFleet]:
    """One host, kvm1, running i-2-7-VM."""
    fleet = SimulatedFleet(
        [HostSpec("kvm1", "cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096)], tmp_path_factory.mktemp("lab")
    )
    yield fleet
    fleet.down()


@pytest.fixture(scope="module")
def host(fleet: SimulatedFleet, domain_xml: str) -> LabHost:
    host = fleet.up()[0]
    host.hypervisor.start(domain_xml)
    return host


@pytest.fixture
def access(host: LabHost, tmp_path: Path) -> Callable[..., HostAccess]:
    """Access as it should be (key known beforehand), with what a test wants otherwise."""
    known = tmp_path / "known_hosts"
    known.write_text(f"{host.ssh.known_host}\n")
    right = HostAccess(
        "kvm1", host.ssh.address, host.ssh.port, key_file=host.ssh.key_file, known_hosts=known, connect_timeout_s=5
    )

    def build(**otherwise: object) -> HostAccess:
        return dataclasses.replace(right, **otherwise)  # type: ignore[arg-type]

    return build
