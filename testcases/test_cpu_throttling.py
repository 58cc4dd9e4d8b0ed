"""CPU: what a busy guest gets of its vCPU while the CPU cap is set, raised and removed."""

import pytest

from harness.run.stage import Stage
from harness.run.staged_instance import StagedInstance

# A cap of a tenth of a CPU, with what a measurement of one second may be off.
A_TENTH, MORE_THAN_A_TENTH = 0.1, 0.13


def _capped(stage: Stage) -> StagedInstance:
    """An instance with a cap of a tenth of a CPU, set once its guest was up: at a tenth it would boot for long."""
    speed = stage.speed(0.1)
    instance = stage.instance(stage.fixed(1, speed, 256))
    instance.scale(stage.fixed(1, speed, 256, cap=True))
    return instance


@pytest.mark.case("CPU-01")
@pytest.mark.smoke
def test_a_cap_that_is_set_holds_the_guest_back(stage: Stage) -> None:
    """A busy guest gets less CPU as soon as a CPU cap is set.

    Preconditions: a running instance with 1 vCPU at a tenth of the host's speed, without CPU cap; its guest can run a
        program.
    Steps: keep the guest busy; scale to the same size with CPU cap; keep it busy again.
    Expected: it gets more than a tenth of a CPU at first, and then no more than that (from 4.23 on; before, the scale
        is refused and nothing holds it back).
    """
    speed = stage.speed(0.1)
    instance = stage.instance(stage.fixed(1, speed, 256))
    instance.burn_cpu(above=A_TENTH)
    scaled = instance.scale(stage.fixed(1, speed, 256, cap=True))
    got = instance.burn_cpu()
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert got.part <= MORE_THAN_A_TENTH or not scaled.job.succeeded


@pytest.mark.case("CPU-02")
def test_a_cap_that_is_raised_leaves_the_guest_more(stage: Stage) -> None:
    """A busy guest gets more CPU as soon as its CPU cap is raised, and no more than that.

    Preconditions: a running instance with 1 vCPU, scaled to a CPU cap of a tenth of the host's speed; its guest can
        run a program.
    Steps: keep the guest busy; scale to half of the host's speed; keep it busy again.
    Expected: it gets no more than a tenth of a CPU at first; then more than that, and no more than half of one (from
        4.23 on; before, both scales are refused and nothing holds it back).
    """
    instance = _capped(stage)
    held = instance.burn_cpu()
    scaled = instance.scale(stage.fixed(1, stage.speed(0.5), 256, cap=True))
    got = instance.burn_cpu(above=A_TENTH)
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert (held.part <= MORE_THAN_A_TENTH and got.part <= 0.55) or not scaled.job.succeeded


@pytest.mark.case("CPU-03")
def test_a_cap_that_is_removed_holds_the_guest_back_no_more(stage: Stage) -> None:
    """A busy guest is held back no more as soon as its CPU cap is removed.

    Preconditions: a running instance with 1 vCPU, scaled to a CPU cap of a tenth of the host's speed; its guest can
        run a program.
    Steps: keep the guest busy; scale to the same size without CPU cap; keep it busy again.
    Expected: it gets no more than a tenth of a CPU at first, and is held back in no period after that (from 4.23 on;
        before, both scales are refused and nothing holds it back).
    """
    instance = _capped(stage)
    held = instance.burn_cpu()
    scaled = instance.scale(stage.fixed(1, stage.speed(0.1), 256))
    got = instance.burn_cpu(above=A_TENTH)
    assert scaled.job.succeeded is stage.release.scales_fixed_offerings
    assert held.part <= MORE_THAN_A_TENTH or not scaled.job.succeeded
    assert not got.throttled
