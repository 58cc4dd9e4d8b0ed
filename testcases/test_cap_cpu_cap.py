"""CAP: the CPU cap set, removed and updated while the instance runs."""

import pytest

from harness.run.stage import Stage
from harness.verify.domain import seen_domain


@pytest.mark.case("CAP-02")
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
    domain = seen_domain(scaled.observation)
    assert (domain.quota_us, domain.period_us) == ((5000, 10000) if scaled.job.succeeded else (None, None))


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
    domain = seen_domain(scaled.observation)
    assert (domain.quota_us, domain.period_us) == (17592186044415 if scaled.job.succeeded else 5000, 10000)


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
    domain = seen_domain(scaled.observation)
    assert (domain.quota_us, domain.period_us) == (7500 if scaled.job.succeeded else 5000, 10000)
