"""A live scale on a host: the order of its steps, what each leaves alone, and the texts of its failures."""

from __future__ import annotations

import pytest

from harness.lab.agent.agent import KvmAgent
from harness.lab.agent.domain_xml import Hardware
from harness.lab.agent.scale import Machine, ScaleFailedError, ScaleOrder
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.reference.domain import ScaleCommand
from tests.lab.agent.conftest import NAME, DomainMaker

_MACHINE = Machine(7, NAME, "2617172c-5cbb-4700-b841-5bff677a42e7")
_SHOWN = f'VM {{id: "7", name: "{NAME}", uuid: "2617172c-5cbb-4700-b841-5bff677a42e7", type: "User"}}'


def _order(
    *,
    cpus: int = 1,
    memory_mib: int = 256,
    shares: int = 500,
    cpu_cap: bool = False,
    cap_changed: bool = False,
    percentage: float | None = None,
    sets_bandwidth: bool = True,
) -> ScaleOrder:
    command = ScaleCommand(cpus, 500, memory_mib, cpu_cap, cap_changed, percentage)
    return ScaleOrder(_MACHINE, command, shares, sets_bandwidth)


@pytest.fixture
def running(agent: KvmAgent, hardware: Hardware, make_domain: DomainMaker) -> KvmAgent:
    agent.start(make_domain(), hardware)
    return agent


def _tuning(hypervisor: SimulatedHypervisor) -> tuple[int, int, int]:
    seen = hypervisor.scheduler_parameters(NAME)
    return seen["cpu_shares"], seen["vcpu_period"], seen["vcpu_quota"]


def test_everything_is_scaled_and_the_agent_says_so(running: KvmAgent, hypervisor: SimulatedHypervisor) -> None:
    said = running.scale(_order(cpus=2, memory_mib=512, shares=1400, cpu_cap=True, cap_changed=True, percentage=0.35))
    assert said == (f"Successfully scaled {_SHOWN} memory to [524288 KiB], CPU cores to [2] and cpu_shares to [1400].")
    assert hypervisor.max_memory_kib(NAME) == 524288
    assert hypervisor.running_vcpus(NAME) == 2
    assert _tuning(hypervisor) == (1400, 10000, 3500)


def test_shares_are_never_lowered(running: KvmAgent, hypervisor: SimulatedHypervisor) -> None:
    running.scale(_order(shares=400))
    assert _tuning(hypervisor)[0] == 500


def test_memory_and_vcpus_that_are_there_are_left_alone(running: KvmAgent, hypervisor: SimulatedHypervisor) -> None:
    running.scale(_order(memory_mib=128, shares=600))
    assert hypervisor.max_memory_kib(NAME) == 262144
    assert "<memory model='dimm'>" not in hypervisor.dump_xml(NAME)


def test_a_lifted_cap_becomes_the_kernels_maximum(
    agent: KvmAgent, hypervisor: SimulatedHypervisor, hardware: Hardware, make_domain: DomainMaker
) -> None:
    agent.start(make_domain(quota_us=2500), hardware)
    agent.scale(_order(cpu_cap=False, cap_changed=True))
    assert _tuning(hypervisor) == (500, 10000, 17592186044415)


def test_without_any_cap_quota_and_period_are_not_touched(running: KvmAgent, hypervisor: SimulatedHypervisor) -> None:
    running.scale(_order(cpus=2, shares=1000))
    assert _tuning(hypervisor) == (1000, 100000, -1)


def test_up_to_4_22_a_cap_is_not_applied_live(running: KvmAgent, hypervisor: SimulatedHypervisor) -> None:
    running.scale(_order(cpu_cap=True, cap_changed=True, percentage=0.25, sets_bandwidth=False))
    assert _tuning(hypervisor) == (500, 100000, -1)


def test_memory_of_an_unprepared_domain_cannot_grow(
    agent: KvmAgent, hypervisor: SimulatedHypervisor, hardware: Hardware, make_domain: DomainMaker
) -> None:
    agent.start(make_domain(prepared=False), hardware)
    with pytest.raises(ScaleFailedError) as failed:
        agent.scale(_order(cpus=1, memory_mib=512, shares=900))
    text = str(failed.value)
    assert text.startswith(
        f"Unable to scale {_SHOWN} memory to [524288 KiB], CPU cores to [1] and cpu_shares to [900] "
        f"due to [The {_SHOWN} is not prepared for dynamic scaling."
    )
    assert _tuning(hypervisor)[0] == 500


def test_vcpus_above_the_maximum_fail_after_the_memory_was_plugged_in(
    running: KvmAgent, hypervisor: SimulatedHypervisor
) -> None:
    with pytest.raises(ScaleFailedError, match="requested vcpus is greater than max allowable vcpus"):
        running.scale(_order(cpus=5, memory_mib=512, shares=2500))
    assert hypervisor.max_memory_kib(NAME) == 524288
    assert hypervisor.running_vcpus(NAME) == 1
    assert _tuning(hypervisor)[0] == 500


def test_a_cap_on_a_host_of_unknown_speed_fails_last(running: KvmAgent, hypervisor: SimulatedHypervisor) -> None:
    with pytest.raises(ScaleFailedError, match="no CPU quota percentage was given"):
        running.scale(_order(cpus=2, shares=1000, cpu_cap=True, cap_changed=True, percentage=None))
    assert hypervisor.running_vcpus(NAME) == 2
    assert _tuning(hypervisor) == (1000, 100000, -1)


def test_a_domain_that_is_gone_cannot_be_scaled(agent: KvmAgent) -> None:
    with pytest.raises(ScaleFailedError, match=f"no domain with matching name '{NAME}'"):
        agent.scale(_order())
