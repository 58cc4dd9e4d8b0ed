"""LIM: the settings that limit how far an instance can be scaled."""

import pytest

from harness.reference.settings import CPU_CEILING, MEMORY_CEILING
from harness.run.stage import Stage
from harness.verify.domain import seen_domain


@pytest.mark.case("LIM-01")
def test_zero_means_the_host(stage: Stage) -> None:
    """With both settings at 0 the host's totals are the ceilings.

    Preconditions: both capacity settings are 0 in the host's cluster.
    Steps: deploy an instance.
    Expected: maxMemory is the host's memory and the maximum of vCPUs is the host's number of CPUs, as the API has them
        (from 4.23 on; before, a fixed offering has no ceilings).
    """
    domain = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    if stage.release.scales_fixed_offerings:
        assert domain.max_memory_kib == stage.home.memory_bytes // 1024
        assert domain.max_vcpus == stage.home.cpus


@pytest.mark.case("LIM-03")
def test_cpu_setting_is_the_vcpu_ceiling(stage: Stage) -> None:
    """The vCPU ceiling is the cluster's setting.

    Preconditions: kvm.cpu.dynamic.scaling.capacity is a number other than the host's CPUs (8, or 12 on a host of 8).
    Steps: deploy an instance.
    Expected: the maximum of vCPUs is that number; the memory ceiling is still the host's. Before 4.23 there is no such
        setting, and the API says so.
    """
    ceiling = 12 if stage.home.cpus == 8 else 8
    stage.setting(CPU_CEILING, str(ceiling))
    domain = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    if stage.release.scales_fixed_offerings:
        assert domain.max_vcpus == ceiling
        assert domain.max_memory_kib == stage.home.memory_bytes // 1024


@pytest.mark.case("LIM-04")
def test_memory_setting_is_the_memory_ceiling(stage: Stage) -> None:
    """The memory ceiling is the cluster's setting.

    Preconditions: kvm.memory.dynamic.scaling.capacity is 8192 MiB (6144 on a host of 8192).
    Steps: deploy an instance.
    Expected: maxMemory is 8388608 KiB (6291456); the vCPU ceiling is still the host's. Before 4.23 there is no such
        setting, and the API says so.
    """
    ceiling_mib, ceiling_kib = (6144, 6291456) if stage.home.memory_bytes == 8192 * 1048576 else (8192, 8388608)
    stage.setting(MEMORY_CEILING, str(ceiling_mib))
    domain = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    if stage.release.scales_fixed_offerings:
        assert domain.max_memory_kib == ceiling_kib
        assert domain.max_vcpus == stage.home.cpus
