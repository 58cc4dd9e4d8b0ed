"""CAP: the CPU cap set, removed and updated while the instance runs."""

import pytest

from harness.reference import rules
from harness.reference.offering import CustomParameters
from harness.run.stage import Stage
from harness.verify.domain import seen_domain

REMOVED = 17592186044415


@pytest.mark.case("CAP-01")
def test_cap_is_set_together_with_a_larger_size(stage: Stage) -> None:
    """The CPU cap is switched on while vCPUs and speed grow.

    Preconditions: a running instance of a fixed offering with 1 vCPU at a quarter of the host's speed, without CPU cap.
    Steps: scale it to a capped fixed offering with 2 vCPUs at half of the host's speed.
    Expected: the job succeeds (from 4.23 on); 2 vCPUs, each with quota 5000, period 10000.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    scaled = instance.scale(stage.fixed(2, stage.speed(0.5), 256, cap=True))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert scaled.limits_cpu_to(*((5000, 10000) if scaled.job.succeeded else (None, None)))


@pytest.mark.case("CAP-02")
@pytest.mark.smoke
def test_cap_is_set_without_a_change_of_size(stage: Stage) -> None:
    """The CPU cap is switched on and nothing else changes.

    Preconditions: a running instance of a fixed offering without CPU cap.
    Steps: scale it to an offering of the same size at half of the host's speed, with CPU cap.
    Expected: the job succeeds (from 4.23 on); quota 5000, period 10000.
    """
    speed = stage.speed(0.5)
    instance = stage.instance(stage.fixed(1, speed, 256))
    scaled = instance.scale(stage.fixed(1, speed, 256, cap=True))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert scaled.limits_cpu_to(*((5000, 10000) if scaled.job.succeeded else (None, None)))


@pytest.mark.case("CAP-03")
def test_cap_is_removed_together_with_a_larger_size(stage: Stage) -> None:
    """The CPU cap is switched off while the number of vCPUs grows.

    Preconditions: a running instance of a capped fixed offering with 1 vCPU at half of the host's speed.
    Steps: scale it to a fixed offering with 2 vCPUs of the same speed, without CPU cap.
    Expected: the job succeeds (from 4.23 on); 2 vCPUs, each with quota 17592186044415; the period stays.
    """
    speed = stage.speed(0.5)
    instance = stage.instance(stage.fixed(1, speed, 256, cap=True))
    scaled = instance.scale(stage.fixed(2, speed, 256))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert scaled.limits_cpu_to(REMOVED if scaled.job.succeeded else 5000, 10000)


@pytest.mark.case("CAP-04")
def test_cap_is_removed_without_a_change_of_size(stage: Stage) -> None:
    """The CPU cap is switched off and nothing else changes.

    Preconditions: a running instance of a fixed offering with CPU cap.
    Steps: scale it to an offering of the same size without CPU cap.
    Expected: the job succeeds (from 4.23 on); quota 17592186044415, the period stays.
    """
    speed = stage.speed(0.5)
    instance = stage.instance(stage.fixed(1, speed, 256, cap=True))
    scaled = instance.scale(stage.fixed(1, speed, 256))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert scaled.limits_cpu_to(REMOVED if scaled.job.succeeded else 5000, 10000)


@pytest.mark.case("CAP-05")
def test_cap_is_updated_to_a_higher_speed(stage: Stage) -> None:
    """A capped instance gets more speed and with it a larger quota.

    Preconditions: a running instance of a capped fixed offering at half of the host's speed.
    Steps: scale it to a capped fixed offering at three quarters.
    Expected: the job succeeds (from 4.23 on); quota 7500, period 10000; shares raised.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.5), 256, cap=True))
    scaled = instance.scale(stage.fixed(1, stage.speed(0.75), 256, cap=True))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert scaled.limits_cpu_to(7500 if scaled.job.succeeded else 5000, 10000)


@pytest.mark.case("CAP-06")
def test_cap_stays_as_it_is_while_the_size_grows(stage: Stage) -> None:
    """A capped instance gets more vCPUs and memory, and keeps its quota.

    Preconditions: a running instance of a capped fixed offering with 1 vCPU at half of the host's speed and 256 MiB.
    Steps: scale it to a capped fixed offering with 2 vCPUs of the same speed and 512 MiB.
    Expected: the job succeeds (from 4.23 on); quota 5000, period 10000, for the new vCPU too.
    """
    speed = stage.speed(0.5)
    instance = stage.instance(stage.fixed(1, speed, 256, cap=True))
    scaled = instance.scale(stage.fixed(2, speed, 512, cap=True))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert scaled.limits_cpu_to(5000, 10000)


@pytest.mark.case("CAP-07")
def test_without_a_cap_nothing_touches_the_quota(stage: Stage) -> None:
    """An instance that has no CPU cap and gets none keeps a domain without quota.

    Preconditions: a running instance of a constrained offering without CPU cap.
    Steps: scale it to 2 vCPUs and 512 MiB.
    Expected: the job succeeds on every release; the domain has neither quota nor period.
    """
    offering = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    instance = stage.instance(offering, CustomParameters("1", memory_mib="256"))
    scaled = instance.scale(offering, CustomParameters("2", memory_mib="512"))
    assert scaled.job.succeeded
    assert scaled.bandwidth == (None, None)


@pytest.mark.case("CAP-08")
def test_cap_is_removed_and_set_again(stage: Stage) -> None:
    """The CPU cap is switched off and on again, without any change of size.

    Preconditions: a running instance of a capped fixed offering at half of the host's speed.
    Steps: scale it to the same size without CPU cap, then back to its first offering.
    Expected: both jobs succeed (from 4.23 on); quota 17592186044415 after the first, 5000 of 10000 after the second.
        Before, both are refused.
    """
    capped, free = (stage.fixed(1, stage.speed(0.5), 256, cap=cap) for cap in (True, False))
    instance = stage.instance(capped)
    removed = instance.scale(free)
    assert removed.limits_cpu_to(REMOVED if stage.release.scales_fixed_offerings else 5000, 10000)
    again = instance.scale(capped)
    assert (removed.job.succeeded, again.job.succeeded) == (stage.release.scales_fixed_offerings,) * 2
    assert again.limits_cpu_to(5000, 10000)


@pytest.mark.case("CAP-09")
def test_cap_below_a_tenth_of_the_hosts_speed_enlarges_the_period(stage: Stage) -> None:
    """A cap below a tenth of the host's speed has the smallest quota and a longer period.

    Preconditions: a running instance of a fixed offering at 7 percent of the host's speed, without CPU cap.
    Steps: scale it to the same size with CPU cap.
    Expected: the job succeeds (from 4.23 on); quota 1000, period 14285.
    """
    speed = stage.speed(0.07)
    instance = stage.instance(stage.fixed(1, speed, 256))
    scaled = instance.scale(stage.fixed(1, speed, 256, cap=True))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert scaled.limits_cpu_to(*((1000, 14285) if scaled.job.succeeded else (None, None)))


@pytest.mark.case("CAP-10")
def test_same_size_with_the_same_cap_is_refused(stage: Stage) -> None:
    """Another offering of the same size and with the same CPU cap is refused.

    Preconditions: a running instance of a capped fixed offering.
    Steps: scale it to another capped offering of the same size.
    Expected: 431 with the text that asks for a change of the CPU cap (before 4.23 with that for scaling down);
        quota 5000, period 10000 as before.
    """
    speed = stage.speed(0.5)
    instance = stage.instance(stage.fixed(1, speed, 256, cap=True))
    scaled = instance.scale(stage.fixed(1, speed, 256, cap=True))
    assert scaled.job.code == 431
    if stage.release.scales_fixed_offerings:
        assert scaled.job.text == (
            "While the VM is running, scaling to a service offering with the same attributes (memory, CPU speed and "
            "vCPUs) is only allowed when the CPU cap is changed."
        )
    assert scaled.bandwidth == (5000, 10000)


@pytest.mark.case("CAP-11")
def test_restart_gives_the_quota_that_was_set_live(stage: Stage) -> None:
    """A capped instance that was scaled to a higher speed has the same quota after a stop and start.

    Preconditions: a running instance of a capped fixed offering at half of the host's speed.
    Steps: scale it to three quarters; stop and start it.
    Expected: quota 7500, period 10000 in the live domain and in the new one (from 4.23 on; before, 5000 in both).
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.5), 256, cap=True))
    scaled = instance.scale(stage.fixed(1, stage.speed(0.75), 256, cap=True))
    started = seen_domain(instance.restart())
    assert scaled.limits_cpu_to(7500 if stage.release.scales_fixed_offerings else 5000, 10000)
    assert (started.quota_us, started.period_us) == scaled.bandwidth or stage.cpu_overcommit != 1


@pytest.mark.case("CAP-12")
def test_a_start_with_the_cap_has_the_quota_of_one_vcpu(stage: Stage) -> None:
    """The quota of a capped instance is that of each vCPU, however many it has.

    Preconditions: none.
    Steps: deploy an instance with 2 vCPUs at a quarter of the host's speed, with CPU cap.
    Expected: quota 2500, period 10000.
    """
    seen = seen_domain(stage.instance(stage.fixed(2, stage.speed(0.25), 256, cap=True)).verify())
    assert (seen.quota_us, seen.period_us) == (2500, 10000)


@pytest.mark.case("CAP-13")
def test_a_start_below_a_tenth_of_the_hosts_speed_enlarges_the_period(stage: Stage) -> None:
    """A capped instance below a tenth of the host's speed starts with the smallest quota and a longer period.

    Preconditions: an instance of the same size without CPU cap has started.
    Steps: deploy an instance at 7 percent of the host's speed, with CPU cap.
    Expected: it starts, with quota 1000 and period 14285.
    """
    speed = stage.speed(0.07)
    stage.instance(stage.fixed(1, speed, 256))
    seen = seen_domain(stage.instance(stage.fixed(1, speed, 256, cap=True), starts_by=rules.QUOTA).verify())
    assert (seen.quota_us, seen.period_us) == (1000, 14285)


@pytest.mark.case("CAP-14")
def test_the_percentage_of_the_hosts_speed_is_rounded_and_not_cut(stage: Stage) -> None:
    """A speed of just below 70 percent of the host's gives the quota of 70 percent.

    Preconditions: a running instance without CPU cap at 69.95 percent of the host's speed.
    Steps: scale it to the same size with CPU cap.
    Expected: the job succeeds (from 4.23 on) and the quota is above that of 69 percent.
    """
    speed = stage.speed(0.6995)
    instance = stage.instance(stage.fixed(1, speed, 256))
    scaled = instance.scale(stage.fixed(1, speed, 256, cap=True))
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    quota, period = scaled.bandwidth
    if scaled.job.succeeded and stage.cpu_overcommit == 1:
        assert (quota in (6999, 7000), period) == (True, 10000)
