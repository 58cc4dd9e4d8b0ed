"""NEG: what has to be refused, with which code and text."""

import pytest

from harness.run.stage import Stage


@pytest.mark.case("NEG-01")
def test_fewer_vcpus_are_refused(stage: Stage) -> None:
    """Scaling to fewer vCPUs is refused and changes nothing.

    Preconditions: a running instance with 2 vCPUs.
    Steps: scale it to an offering with 1 vCPU, the same speed and the same memory.
    Expected: 431 with the text for scaling down (from 4.23 on); every layer as before.
    """
    speed = stage.speed(0.25)
    instance = stage.instance(stage.fixed(2, speed, 256))
    scaled = instance.scale(stage.fixed(1, speed, 256))
    assert scaled.job.code == 431
    if stage.release.scales_fixed_offerings:
        assert scaled.job.text == (
            "Scaling down is not supported while the VM is running. The new service offering attributes "
            f'{{"memory": 256, "CPU speed": {speed}, "vCPUs": 1}} must not be lower than the current values '
            f'{{"memory": 256, "CPU speed": {speed}, "vCPUs": 2}}.'
        )
