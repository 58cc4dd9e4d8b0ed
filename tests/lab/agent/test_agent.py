"""Stopping, destroying and migrating domains."""

from __future__ import annotations

import time

import pytest

from harness.lab.agent.agent import KvmAgent
from harness.lab.agent.domain_xml import Hardware
from harness.lab.hypervisor import Hypervisor, HypervisorError
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.topology import HostSpec
from tests.lab.agent.conftest import NAME, DomainMaker, agent_for


class _DeafHypervisor(SimulatedHypervisor):
    """Its guests do not hear the power button."""

    def press_power_button(self, domain: str) -> None:
        assert domain in self.domain_names()


class _StubbornHypervisor(SimulatedHypervisor):
    """Its domains cannot be destroyed."""

    def destroy(self, domain: str) -> None:
        raise HypervisorError(f"cannot kill {domain}")


class _RememberingHypervisor(SimulatedHypervisor):
    """Keeps the XML of the last migration."""

    migrated_with = ""

    def migrate(self, domain: str, destination: Hypervisor, domain_xml: str, seconds: float) -> None:
        self.migrated_with = domain_xml
        super().migrate(domain, destination, domain_xml, seconds)


def _spec(name: str) -> HostSpec:
    return HostSpec(name, "cluster", 8, 2000, 4096)


def test_a_guest_that_hears_the_power_button_is_down_at_once(
    agent: KvmAgent, hardware: Hardware, make_domain: DomainMaker
) -> None:
    agent.start(make_domain(), hardware)
    agent.stop(NAME, seconds=30)
    assert not agent.runs(NAME)


def test_a_guest_that_is_deaf_is_destroyed_after_the_deadline(hardware: Hardware, make_domain: DomainMaker) -> None:
    agent = agent_for(_DeafHypervisor(_spec("kvm1")))
    agent.start(make_domain(), hardware)
    started = time.monotonic()
    agent.stop(NAME, seconds=0.2)
    assert time.monotonic() - started >= 0.2
    assert not agent.runs(NAME)


def test_stopping_and_destroying_what_is_gone_is_fine(agent: KvmAgent) -> None:
    agent.stop(NAME, seconds=1)
    agent.destroy(NAME)


def test_a_domain_that_cannot_be_destroyed_is_an_error(hardware: Hardware, make_domain: DomainMaker) -> None:
    agent = agent_for(_StubbornHypervisor(_spec("kvm1")))
    agent.start(make_domain(), hardware)
    with pytest.raises(HypervisorError, match="cannot kill"):
        agent.destroy(NAME)


def test_a_migration_takes_all_along_but_the_shares(hardware: Hardware, make_domain: DomainMaker) -> None:
    here, there = _RememberingHypervisor(_spec("kvm1")), SimulatedHypervisor(_spec("kvm2"))
    source, destination = agent_for(here, "10.0.0.1"), agent_for(there, "10.0.0.2")
    source.start(make_domain(quota_us=2500), hardware)
    source.migrate(NAME, destination, shares=777, seconds=10)
    assert here.domain_names() == ()
    seen = there.scheduler_parameters(NAME)
    assert (seen["cpu_shares"], seen["vcpu_period"], seen["vcpu_quota"]) == (777, 10000, 2500)
    assert "listen='10.0.0.2'" in here.migrated_with
    assert "10.0.0.1" not in here.migrated_with


def test_a_rebooted_domain_still_runs(agent: KvmAgent, hardware: Hardware, make_domain: DomainMaker) -> None:
    agent.start(make_domain(), hardware)
    agent.reboot(NAME)
    assert agent.runs(NAME)
