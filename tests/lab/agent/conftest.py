"""An agent in front of one simulated host, and a domain for it to run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.lab.agent.agent import KvmAgent
from harness.lab.agent.domain_xml import Hardware
from harness.lab.fleet import GuestBoot, LabHost, SshAccess
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.topology import HostSpec
from harness.reference.domain import Domain, topology

NAME = "i-2-7-VM"


def agent_for(hypervisor: SimulatedHypervisor, address: str = "10.0.0.1") -> KvmAgent:
    spec = HostSpec(hypervisor.name, "cluster", 8, 2000, 4096)
    return KvmAgent(LabHost(spec, hypervisor, SshAccess(address, 22, "root", Path("key"), "known")), GuestBoot("qemu"))


@pytest.fixture
def hypervisor() -> SimulatedHypervisor:
    return SimulatedHypervisor(HostSpec("kvm1", "cluster", 8, 2000, 4096))


@pytest.fixture
def agent(hypervisor: SimulatedHypervisor) -> KvmAgent:
    return agent_for(hypervisor)


@pytest.fixture
def hardware() -> Hardware:
    return Hardware(
        name=NAME,
        uuid="2617172c-5cbb-4700-b841-5bff677a42e7",
        os_name="Debian",
        disk_path="/srv/primary/disk",
        disk_uuid="c9a29fc6-4427-49ca-b5fc-21475f47461c",
        mac="02:01:00:cd:00:76",
        vnc_address="10.0.0.1",
        vnc_password="secret12",  # noqa: S106 - of no account
    )


DomainMaker = Callable[..., Domain]


@pytest.fixture
def make_domain() -> DomainMaker:
    """A domain of 1 vCPU and 256 MiB; with `prepared` up to 4 vCPUs and 1 GiB."""

    def make(*, prepared: bool = True, quota_us: int | None = None) -> Domain:
        return Domain(
            prepared=prepared,
            boot_memory_kib=262144,
            max_memory_kib=1048576 if prepared else None,
            vcpus=1,
            max_vcpus=4 if prepared else 1,
            topology=topology(4 if prepared else 1),
            shares=500,
            quota_us=quota_us,
            period_us=None if quota_us is None else 10000,
        )

    return make
