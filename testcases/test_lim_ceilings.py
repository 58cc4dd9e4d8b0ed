"""LIM: the settings that limit how far an instance can be scaled."""

import pytest

from harness.reference.offering import CustomParameters
from harness.reference.settings import CPU_CEILING, MEMORY_CEILING
from harness.run.stage import Stage
from harness.verify.domain import seen_domain


@pytest.mark.case("LIM-01")
@pytest.mark.alone("cluster")
@pytest.mark.smoke
def test_zero_means_the_host(stage: Stage) -> None:
    """With both settings at 0 the host's totals are the ceilings.

    Preconditions: both capacity settings are 0 in the host's cluster.
    Steps: deploy an instance.
    Expected: maxMemory is the host's memory and the maximum of vCPUs is the host's number of CPUs, as the API has them
        (from 4.23 on; before, a fixed offering has no ceilings).
    """
    domain = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    if stage.release.scales_fixed_offerings:
        assert domain.max_memory_kib == stage.home_memory_bytes // 1024
        assert domain.max_vcpus == stage.home.cpus


@pytest.mark.case("LIM-02")
@pytest.mark.alone("cluster")
def test_below_zero_means_the_host(stage: Stage) -> None:
    """With both settings below 0 the host's totals are the ceilings.

    Preconditions: both capacity settings are -1 in the host's cluster.
    Steps: deploy an instance.
    Expected: as with 0: the host's memory and the host's number of CPUs. Before 4.23 there are no such settings, and
        the API says so.
    """
    stage.setting(CPU_CEILING, "-1")
    stage.setting(MEMORY_CEILING, "-1")
    domain = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    if stage.release.scales_fixed_offerings:
        assert domain.max_memory_kib == stage.home_memory_bytes // 1024
        assert domain.max_vcpus == stage.home.cpus


@pytest.mark.case("LIM-03")
@pytest.mark.alone("cluster")
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
        assert domain.max_memory_kib == stage.home_memory_bytes // 1024


@pytest.mark.case("LIM-04")
@pytest.mark.alone("cluster")
def test_memory_setting_is_the_memory_ceiling(stage: Stage) -> None:
    """The memory ceiling is the cluster's setting.

    Preconditions: kvm.memory.dynamic.scaling.capacity is 8192 MiB (6144 on a host of 8192).
    Steps: deploy an instance.
    Expected: maxMemory is 8388608 KiB (6291456); the vCPU ceiling is still the host's. Before 4.23 there is no such
        setting, and the API says so.
    """
    ceiling_mib, ceiling_kib = (6144, 6291456) if stage.home_memory_bytes == 8192 * 1048576 else (8192, 8388608)
    stage.setting(MEMORY_CEILING, str(ceiling_mib))
    domain = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    if stage.release.scales_fixed_offerings:
        assert domain.max_memory_kib == ceiling_kib
        assert domain.max_vcpus == stage.home.cpus


@pytest.mark.case("LIM-05")
@pytest.mark.alone("cluster")
def test_each_setting_counts_by_itself(stage: Stage) -> None:
    """One ceiling is a setting's while the other, with its setting at 0, is the host's, and the other way round.

    Preconditions: the vCPU setting is 6 and the memory setting 0; later the vCPU setting is 0 and the memory setting
        3072 MiB.
    Steps: deploy an instance each time.
    Expected: 6 vCPUs with the host's memory; then the host's CPUs with 3145728 KiB (from 4.23 on).
    """
    offering = stage.fixed(1, stage.speed(0.25), 256)
    stage.setting(CPU_CEILING, "6")
    first = seen_domain(stage.instance(offering).verify())
    stage.setting(CPU_CEILING, "0")
    stage.setting(MEMORY_CEILING, "3072")
    second = seen_domain(stage.instance(offering).verify())
    if stage.release.scales_fixed_offerings:
        assert (first.max_vcpus, first.max_memory_kib) == (6, stage.home_memory_bytes // 1024)
        assert (second.max_vcpus, second.max_memory_kib) == (stage.home.cpus, 3145728)


@pytest.mark.case("LIM-06")
@pytest.mark.alone("zone")
def test_a_clusters_value_wins_over_the_global_one(stage: Stage) -> None:
    """Where global setting and cluster setting differ, the cluster's counts.

    Preconditions: globally the ceilings are 5 vCPUs and 2560 MiB; in the host's cluster 6 vCPUs and 3072 MiB.
    Steps: deploy an instance.
    Expected: 6 vCPUs and 3145728 KiB are the ceilings (from 4.23 on).
    """
    stage.global_setting(CPU_CEILING, "5")
    stage.global_setting(MEMORY_CEILING, "2560")
    stage.setting(CPU_CEILING, "6")
    stage.setting(MEMORY_CEILING, "3072")
    domain = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    if stage.release.scales_fixed_offerings:
        assert (domain.max_vcpus, domain.max_memory_kib) == (6, 3145728)


@pytest.mark.case("LIM-07")
@pytest.mark.alone("cluster")
def test_an_instance_can_grow_to_just_its_ceilings(stage: Stage) -> None:
    """Scaling to exactly the ceilings succeeds.

    Preconditions: the ceilings are 3 vCPUs and 512 MiB; a running instance with 1 vCPU and 256 MiB.
    Steps: scale it to 3 vCPUs and 512 MiB.
    Expected: the job succeeds (from 4.23 on); the domain has all its vCPUs and no memory to grow by.
    """
    stage.setting(CPU_CEILING, "3")
    stage.setting(MEMORY_CEILING, "512")
    speed = stage.speed(0.25)
    scaled = stage.instance(stage.fixed(1, speed, 256)).scale(stage.fixed(3, speed, 512))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    if scaled.job.succeeded:
        domain = seen_domain(scaled.observation)
        assert (domain.vcpus, domain.max_vcpus, domain.memory_kib, domain.max_memory_kib) == (3, 3, 524288, 524288)


@pytest.mark.case("LIM-08")
@pytest.mark.alone("cluster")
def test_more_vcpus_than_the_ceiling_are_refused(stage: Stage) -> None:
    """Scaling to more vCPUs than the ceiling fails and leaves the instance with its offering.

    Preconditions: the vCPU ceiling is 2; a running instance with 1 vCPU on a host with more CPUs than that.
    Steps: scale it to 3 vCPUs.
    Expected: 530 "Unable to reconfigure VM." (from 4.23 on); 1 vCPU on every layer.
    """
    stage.setting(CPU_CEILING, "2")
    speed = stage.speed(0.25)
    scaled = stage.instance(stage.fixed(1, speed, 256)).scale(stage.fixed(3, speed, 256))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == (530, "Unable to reconfigure VM.")
    assert seen_domain(scaled.observation).vcpus == 1


@pytest.mark.case("LIM-08b")
def test_more_vcpus_than_any_host_has_are_refused(stage: Stage) -> None:
    """With the host as ceiling, more vCPUs than any host of the cluster has are refused before a host is asked.

    Preconditions: the capacity settings are 0; a running instance with 1 vCPU.
    Steps: scale it to one vCPU more than the host of the cluster with most CPUs has.
    Expected: 530 "Failed to scale the VM" (from 4.23 on); same host, 1 vCPU on every layer.
    """
    speed = stage.speed(0.05)
    most = max(host.cpus for host in (stage.home, *stage.neighbours))
    instance = stage.instance(stage.fixed(1, speed, 256))
    scaled = instance.scale_without_room(stage.fixed(most + 1, speed, 256))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == (530, "Failed to scale the VM")
    assert instance.is_on_home
    assert seen_domain(scaled.observation).vcpus == 1


@pytest.mark.case("LIM-09")
@pytest.mark.alone("cluster")
def test_more_memory_than_the_ceiling_is_refused(stage: Stage) -> None:
    """Scaling to more memory than the ceiling fails and leaves the domain as it is.

    Preconditions: the memory ceiling is 384 MiB; a running instance with 256 MiB.
    Steps: scale it to 2 vCPUs and 512 MiB with a CPU cap.
    Expected: 530 "Unable to reconfigure VM." (from 4.23 on); no DIMM, 256 MiB, 1 vCPU and no quota on every layer.
    """
    stage.setting(MEMORY_CEILING, "384")
    speed = stage.speed(0.25)
    scaled = stage.instance(stage.fixed(1, speed, 256)).scale(stage.fixed(2, speed, 512, cap=True))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == (530, "Unable to reconfigure VM.")
    domain = seen_domain(scaled.observation)
    assert (domain.dimms_kib, domain.vcpus, domain.quota_us) == ((), 1, None)


@pytest.mark.case("LIM-09b")
def test_more_memory_than_any_host_has_is_refused(stage: Stage) -> None:
    """With the host as ceiling, more memory than any host of the cluster has is refused before a host is asked.

    Preconditions: the capacity settings are 0; a running instance with 256 MiB.
    Steps: scale it to 1024 MiB more than the host of the cluster with most memory has, overcommit included.
    Expected: 530 "Failed to scale the VM" (from 4.23 on); same host, no DIMM.
    """
    speed = stage.speed(0.05)
    instance = stage.instance(stage.fixed(1, speed, 256))
    scaled = instance.scale_without_room(stage.fixed(1, speed, stage.largest_memory_mib + 1024))
    if stage.release.scales_fixed_offerings:
        assert (scaled.job.code, scaled.job.text) == (530, "Failed to scale the VM")
    assert instance.is_on_home
    assert seen_domain(scaled.observation).dimms_kib == ()


@pytest.mark.case("LIM-10")
@pytest.mark.alone("cluster")
def test_a_running_domain_keeps_its_ceilings(stage: Stage) -> None:
    """A setting that is changed while an instance runs counts from its next start on.

    Preconditions: the vCPU ceiling is 2 when an instance with 1 vCPU starts, and is raised to 4 after that.
    Steps: scale it to 3 vCPUs; stop and start it; scale it again.
    Expected: 530 "Unable to reconfigure VM." at first, success after the restart (from 4.23 on).
    """
    stage.setting(CPU_CEILING, "2")
    speed = stage.speed(0.25)
    instance = stage.instance(stage.fixed(1, speed, 256))
    instance.verify()
    stage.setting(CPU_CEILING, "4")
    larger = stage.fixed(3, speed, 256)
    refused = instance.scale(larger)
    started = seen_domain(instance.restart())
    scaled = instance.scale(larger)
    if stage.release.scales_fixed_offerings:
        assert (refused.job.code, refused.job.text) == (530, "Unable to reconfigure VM.")
        assert started.max_vcpus == 4
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings


@pytest.mark.case("LIM-11")
def test_a_constrained_offerings_maximum_is_no_ceiling(stage: Stage) -> None:
    """The largest size that a constrained offering allows is not the domain's ceiling.

    Preconditions: both capacity settings are 0; an offering with at most 4 vCPUs and 1024 MiB.
    Steps: deploy an instance with 1 vCPU and 256 MiB.
    Expected: the ceilings are the host's CPUs and memory from 4.23 on, 4 vCPUs and 1048576 KiB before.
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    domain = seen_domain(stage.instance(offering, CustomParameters("1", memory_mib="256")).verify())
    of_the_host = (stage.home.cpus, stage.home_memory_bytes // 1024)
    promised = of_the_host if stage.release.scales_fixed_offerings else (4, 1048576)
    assert (domain.max_vcpus, domain.max_memory_kib) == promised
