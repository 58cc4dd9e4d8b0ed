"""TRN: live scaling between all classes of offerings, with and without CPU cap: all 36 ways."""

from itertools import product

import pytest

from harness.reference.offering import OfferingClass
from harness.run.stage import Stage

CLASSES = {"F": OfferingClass.FIXED, "C": OfferingClass.CONSTRAINED, "U": OfferingClass.UNCONSTRAINED}
KINDS = [name + cap for name in CLASSES for cap in "01"]


def _way(old: str, new: str) -> object:
    marks = [pytest.mark.case(f"TRN-{old}-{new}"), *([pytest.mark.smoke] if (old, new) == ("F0", "C1") else [])]
    return pytest.param(old, new, marks=marks, id=f"{old}-{new}")


@pytest.mark.parametrize(("old", "new"), [_way(*pair) for pair in product(KINDS, repeat=2)])
def test_every_way_between_offerings(stage: Stage, old: str, new: str) -> None:
    """From {old} to {new} with more vCPUs, speed and memory.

    Preconditions: a running instance of the first kind, 1 vCPU at a quarter of the host's speed, 256 MiB, prepared.
        F: fixed, C: custom constrained, U: custom unconstrained offering; 1: with CPU cap.
    Steps: scale it to an offering of the second kind with 2 vCPUs at half of the speed and 512 MiB.
    Expected: the job succeeds (before 4.23 not from a fixed offering); Running with the new offering, 2 vCPUs, one
        DIMM of 256 MiB; quota 5000 with the cap, 17592186044415 where it was removed (before 4.23 as it was).
    """
    capped, caps = old[1] == "1", new[1] == "1"
    instance = stage.instance(*stage.offering(CLASSES[old[0]], stage.size(1, 0.25, 256), cap=capped))
    offering, parameters = stage.offering(CLASSES[new[0]], stage.size(2, 0.5, 512), cap=caps)
    scaled = instance.scale(offering, parameters)
    since = stage.release.scales_fixed_offerings
    assert scaled.job.succeeded is (since or old[0] != "F")
    assert instance.runs_with(offering) is scaled.job.succeeded
    assert scaled.grew_to(2, 262144) if scaled.job.succeeded else scaled.grew_to(1)
    before = 2500 if capped else None
    quota = (5000 if caps else 17592186044415 if capped else None) if since else before
    assert scaled.limits_cpu_to(quota, None if quota is None else 10000)
