"""LS: live scaling between offerings."""

import pytest

from harness.reference.offering import CustomParameters
from harness.run.stage import Stage
from harness.verify.domain import seen_domain


@pytest.mark.case("LS-01")
def test_fixed_offering_with_more_vcpus(stage: Stage) -> None:
    """A fixed offering is scaled to one with more vCPUs.

    Preconditions: a running instance with 1 vCPU, prepared.
    Steps: scale it to a fixed offering with 2 vCPUs of the same speed and memory.
    Expected: the job succeeds (from 4.23 on); API, domain, cgroups and guest have 2 vCPUs; shares are doubled.
    """
    speed = stage.speed(0.25)
    instance = stage.instance(stage.fixed(1, speed, 256))
    scaled = instance.scale(stage.fixed(2, speed, 256))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert seen_domain(scaled.observation).vcpus == (2 if scaled.job.succeeded else 1)


@pytest.mark.case("LS-02")
def test_fixed_offering_with_more_memory(stage: Stage) -> None:
    """A fixed offering is scaled to one with more memory.

    Preconditions: a running instance with 256 MiB, prepared.
    Steps: scale it to a fixed offering with 512 MiB and the same CPU.
    Expected: the job succeeds (from 4.23 on); the domain has one DIMM of 256 MiB; the guest sees 512 MiB.
    """
    speed = stage.speed(0.25)
    instance = stage.instance(stage.fixed(1, speed, 256))
    scaled = instance.scale(stage.fixed(1, speed, 512))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert seen_domain(scaled.observation).dimms_kib == ((262144,) if scaled.job.succeeded else ())


@pytest.mark.case("LS-08")
def test_constrained_offering_with_larger_parameters(stage: Stage) -> None:
    """A custom constrained offering is scaled by larger parameters of its own.

    Preconditions: a running instance of a constrained offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to the same offering with cpuNumber 2 and memory 512.
    Expected: the job succeeds; the new parameters are in the instance, one DIMM of 256 MiB and 2 vCPUs in the domain.
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    instance = stage.instance(offering, CustomParameters(cpus="1", memory_mib="256"))
    scaled = instance.scale(offering, CustomParameters(cpus="2", memory_mib="512"))
    assert scaled.job.succeeded
    domain = seen_domain(scaled.observation)
    assert (domain.vcpus, domain.dimms_kib) == (2, (262144,))
    details = instance.record.details
    assert (details["cpuNumber"], details["memory"]) == ("2", "512")
