"""Domains as CloudStack's agent writes them, for the simulated hosts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.topology import HostSpec

_TEMPLATE = (Path(__file__).parents[2] / "data" / "hosts" / "agent-domain.xml").read_text()


@pytest.fixture
def agent_xml() -> Callable[..., str]:
    """Builds the XML; without a ceiling the domain is not prepared for scaling."""

    def build(
        *,
        name: str = "i-2-7-VM",
        uuid: str = "2617172c-5cbb-4700-b841-5bff677a42e7",
        memory_kib: int = 262144,
        max_memory_kib: int | None = 4194304,
        vcpus: int = 1,
        max_vcpus: int = 8,
        topology: tuple[int, int, int] | None = None,
        cputune: dict[str, int] | None = None,
    ) -> str:
        sockets, cores, threads = topology or (max_vcpus, 1, 1)
        ceiling = (
            ""
            if max_memory_kib is None
            else f"<maxMemory slots='16' unit='KiB'>{max_memory_kib}</maxMemory>\n"
            f"<cpu> <numa> <cell id='0' cpus='0-{max_vcpus - 1}' memory='{memory_kib}' unit='KiB'/> </numa> </cpu>"
        )
        tuning = {"shares": 500} if cputune is None else cputune
        return _TEMPLATE.format(
            name=name,
            uuid=uuid,
            sockets=sockets,
            cores=cores,
            threads=threads,
            memory_kib=memory_kib,
            ceiling=ceiling,
            vcpus=vcpus,
            max_vcpus=max_vcpus,
            cputune="\n".join(f"<{element}>{value}</{element}>" for element, value in tuning.items()),
        )

    return build


@pytest.fixture
def host_one() -> SimulatedHypervisor:
    return SimulatedHypervisor(HostSpec("kvm1", "cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096))


@pytest.fixture
def host_two() -> SimulatedHypervisor:
    """A host with cgroup version 2."""
    return SimulatedHypervisor(HostSpec("kvm2", "cluster-a", cpus=16, speed_mhz=2500, memory_mib=8192), 2)


@pytest.fixture
def dimm() -> Callable[[int], str]:
    def build(kib: int) -> str:
        return f"<memory model='dimm'><target><size unit='KiB'>{kib}</size><node>0</node></target></memory>"

    return build
