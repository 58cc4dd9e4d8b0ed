"""LS: live scaling between offerings."""

import pytest

from harness.reference.offering import CustomParameters, OfferingClass
from harness.run.scale_request import Scaled
from harness.run.stage import Stage
from harness.verify.domain import is_prepared, seen_domain

FIXED_BEFORE = r'Unable to live scale VM on KVM when current service offering is a "Fixed Offering"\. .*'


def _is_scaled_from_fixed(stage: Stage, scaled: Scaled) -> bool:
    """True from 4.23 on, and asserts the success; before it asserts the refusal, after which all is as it was."""
    if stage.release.scales_fixed_offerings:
        assert scaled.job.succeeded
    else:
        assert scaled.refused_with(431, FIXED_BEFORE)
        assert (scaled.domain.vcpus, scaled.domain.dimms_kib) == (1, ())
    return scaled.job.succeeded


@pytest.mark.case("LS-01")
def test_fixed_offering_with_more_vcpus(stage: Stage) -> None:
    """A fixed offering is scaled to one with more vCPUs.

    Preconditions: a running instance with 1 vCPU, prepared.
    Steps: scale it to a fixed offering with 2 vCPUs of the same speed and memory.
    Expected: the job succeeds (from 4.23 on); Running with the new offering; API, domain, cgroups and guest have
        2 vCPUs and no DIMM.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    larger = stage.fixed(2, stage.speed(0.25), 256)
    scaled = instance.scale(larger)
    if _is_scaled_from_fixed(stage, scaled):
        assert instance.runs_with(larger)
        assert scaled.grew_to(2)


@pytest.mark.case("LS-02")
def test_fixed_offering_with_more_memory(stage: Stage) -> None:
    """A fixed offering is scaled to one with more memory.

    Preconditions: a running instance with 256 MiB, prepared.
    Steps: scale it to a fixed offering with 512 MiB and the same CPU.
    Expected: the job succeeds (from 4.23 on); Running with the new offering; the domain has one DIMM of 256 MiB; the
        guest sees 512 MiB.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    larger = stage.fixed(1, stage.speed(0.25), 512)
    scaled = instance.scale(larger)
    if _is_scaled_from_fixed(stage, scaled):
        assert instance.runs_with(larger)
        assert scaled.grew_to(1, 262144)


@pytest.mark.case("LS-03")
def test_fixed_offering_with_more_speed(stage: Stage) -> None:
    """A fixed offering is scaled to one with more speed only.

    Preconditions: a running instance at a quarter of the host's speed.
    Steps: scale it to a fixed offering at half of it, with the same vCPUs and memory.
    Expected: the job succeeds (from 4.23 on); Running with the new offering; shares raised, no quota.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    before = seen_domain(instance.verify()).shares or 0
    faster = stage.fixed(1, stage.speed(0.5), 256)
    scaled = instance.scale(faster)
    if _is_scaled_from_fixed(stage, scaled):
        assert instance.runs_with(faster)
        assert (scaled.domain.shares or 0) > before
        assert scaled.bandwidth == (None, None)


@pytest.mark.case("LS-04")
@pytest.mark.smoke
def test_fixed_offering_with_more_of_everything(stage: Stage) -> None:
    """A fixed offering is scaled to one with more vCPUs, speed and memory at once.

    Preconditions: a running instance with 1 vCPU at a quarter of the host's speed and 256 MiB, prepared.
    Steps: scale it to a fixed offering with 3 vCPUs at half of the speed and 768 MiB.
    Expected: the job succeeds (from 4.23 on); Running with the new offering, 3 vCPUs and one DIMM of 512 MiB.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    larger = stage.fixed(3, stage.speed(0.5), 768)
    scaled = instance.scale(larger)
    if _is_scaled_from_fixed(stage, scaled):
        assert instance.runs_with(larger)
        assert scaled.grew_to(3, 524288)


@pytest.mark.case("LS-05")
def test_from_fixed_to_constrained(stage: Stage) -> None:
    """A fixed offering is scaled to a custom constrained one.

    Preconditions: a running instance of a fixed offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to a constrained offering of the same speed with cpuNumber 2 and memory 512.
    Expected: the job succeeds (from 4.23 on); 2 vCPUs and one DIMM of 256 MiB; both parameters are in the instance's
        details, a speed is not.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    offering, parameters = stage.offering(OfferingClass.CONSTRAINED, stage.size(2, 0.25, 512))
    scaled = instance.scale(offering, parameters)
    if _is_scaled_from_fixed(stage, scaled):
        assert instance.runs_with(offering)
        assert scaled.grew_to(2, 262144)
        details = instance.record.details
        assert (details.get("cpuNumber"), details.get("memory"), details.get("cpuSpeed")) == ("2", "512", None)


@pytest.mark.case("LS-06")
def test_from_fixed_to_unconstrained(stage: Stage) -> None:
    """A fixed offering is scaled to a custom unconstrained one.

    Preconditions: a running instance of a fixed offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to an unconstrained offering with cpuNumber 2, half of the host's speed and memory 512.
    Expected: the job succeeds (from 4.23 on); 2 vCPUs and one DIMM of 256 MiB; all three are in the instance's details.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    offering, parameters = stage.offering(OfferingClass.UNCONSTRAINED, stage.size(2, 0.5, 512))
    scaled = instance.scale(offering, parameters)
    if _is_scaled_from_fixed(stage, scaled):
        assert instance.runs_with(offering)
        assert scaled.grew_to(2, 262144)
        details = instance.record.details
        assert (details["cpuNumber"], details["cpuSpeed"], details["memory"]) == ("2", str(stage.speed(0.5)), "512")


@pytest.mark.case("LS-07")
def test_from_constrained_to_fixed(stage: Stage) -> None:
    """A custom constrained offering is scaled to a fixed one.

    Preconditions: a running instance of a constrained offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to a fixed offering of the same speed with 2 vCPUs and 512 MiB.
    Expected: the job succeeds; the fixed values count; the old parameters stay in the instance's details.
    """
    instance = stage.instance(*stage.offering(OfferingClass.CONSTRAINED, stage.size(1, 0.25, 256)))
    offering = stage.fixed(2, stage.speed(0.25), 512)
    scaled = instance.scale(offering)
    assert instance.runs_with(offering)
    assert scaled.grew_to(2, 262144)
    record = instance.record
    assert (record.cpus, record.memory_mib) == (2, 512)
    assert (record.details["cpuNumber"], record.details["memory"]) == ("1", "256")


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
    assert instance.runs_with(offering)
    assert scaled.grew_to(2, 262144)
    details = instance.record.details
    assert (details["cpuNumber"], details["memory"]) == ("2", "512")


@pytest.mark.case("LS-09")
def test_from_constrained_to_another_constrained(stage: Stage) -> None:
    """A custom constrained offering is scaled to another one of more speed.

    Preconditions: a running instance of a constrained offering at a quarter of the host's speed, prepared.
    Steps: scale it to a constrained offering at half of the speed with cpuNumber 2 and memory 512.
    Expected: the job succeeds; Running with the new offering and its speed, 2 vCPUs and one DIMM of 256 MiB.
    """
    instance = stage.instance(*stage.offering(OfferingClass.CONSTRAINED, stage.size(1, 0.25, 256)))
    offering, parameters = stage.offering(OfferingClass.CONSTRAINED, stage.size(2, 0.5, 512))
    scaled = instance.scale(offering, parameters)
    assert instance.runs_with(offering)
    assert instance.record.speed_mhz == stage.speed(0.5)
    assert scaled.grew_to(2, 262144)


@pytest.mark.case("LS-10")
def test_from_constrained_to_unconstrained(stage: Stage) -> None:
    """A custom constrained offering is scaled to an unconstrained one.

    Preconditions: a running instance of a constrained offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to an unconstrained offering with cpuNumber 2, half of the host's speed and memory 512.
    Expected: the job succeeds; 2 vCPUs and one DIMM of 256 MiB; all three are in the instance's details.
    """
    instance = stage.instance(*stage.offering(OfferingClass.CONSTRAINED, stage.size(1, 0.25, 256)))
    offering, parameters = stage.offering(OfferingClass.UNCONSTRAINED, stage.size(2, 0.5, 512))
    scaled = instance.scale(offering, parameters)
    assert instance.runs_with(offering)
    assert scaled.grew_to(2, 262144)
    details = instance.record.details
    assert (details["cpuNumber"], details["cpuSpeed"], details["memory"]) == ("2", str(stage.speed(0.5)), "512")


@pytest.mark.case("LS-11")
def test_from_unconstrained_to_fixed(stage: Stage) -> None:
    """A custom unconstrained offering is scaled to a fixed one.

    Preconditions: a running instance of an unconstrained offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to a fixed offering with 2 vCPUs at half of the host's speed and 512 MiB.
    Expected: the job succeeds; Running with the new offering, 2 vCPUs and one DIMM of 256 MiB.
    """
    instance = stage.instance(*stage.offering(OfferingClass.UNCONSTRAINED, stage.size(1, 0.25, 256)))
    offering = stage.fixed(2, stage.speed(0.5), 512)
    scaled = instance.scale(offering)
    assert instance.runs_with(offering)
    assert scaled.grew_to(2, 262144)


@pytest.mark.case("LS-12")
def test_from_unconstrained_to_constrained(stage: Stage) -> None:
    """A custom unconstrained offering is scaled to a constrained one of the same speed.

    Preconditions: a running instance of an unconstrained offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to a constrained offering with cpuNumber 2 and memory 512.
    Expected: the job succeeds; Running with the new offering, 2 vCPUs and one DIMM of 256 MiB; the new parameters are
        in the instance's details.
    """
    instance = stage.instance(*stage.offering(OfferingClass.UNCONSTRAINED, stage.size(1, 0.25, 256)))
    offering, parameters = stage.offering(OfferingClass.CONSTRAINED, stage.size(2, 0.25, 512))
    scaled = instance.scale(offering, parameters)
    assert instance.runs_with(offering)
    assert scaled.grew_to(2, 262144)
    details = instance.record.details
    assert (details["cpuNumber"], details["memory"]) == ("2", "512")


@pytest.mark.case("LS-13")
def test_unconstrained_offering_with_larger_parameters(stage: Stage) -> None:
    """A custom unconstrained offering is scaled by larger parameters of its own.

    Preconditions: a running instance of an unconstrained offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to the same offering with cpuNumber 2, half of the host's speed and memory 512.
    Expected: the job succeeds; 2 vCPUs and one DIMM of 256 MiB; all three are in the instance's details.
    """
    offering = stage.unconstrained()
    speed = str(stage.speed(0.5))
    instance = stage.instance(offering, CustomParameters("1", str(stage.speed(0.25)), "256"))
    scaled = instance.scale(offering, CustomParameters("2", speed, "512"))
    assert instance.runs_with(offering)
    assert scaled.grew_to(2, 262144)
    details = instance.record.details
    assert (details["cpuNumber"], details["cpuSpeed"], details["memory"]) == ("2", speed, "512")


@pytest.mark.case("LS-14")
def test_parameters_that_are_not_given_keep_their_values(stage: Stage) -> None:
    """Scaling to a custom offering without all of its parameters keeps the current values for the others.

    Preconditions: a running instance of a fixed offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to a constrained offering of the same speed with cpuNumber 2 alone, then to an unconstrained one
        with memory 512 alone.
    Expected: both jobs succeed (from 4.23 on): first 2 vCPUs and 256 MiB, then 2 vCPUs at the same speed and 512 MiB.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    constrained = stage.constrained((1, 4), stage.speed(0.25), (256, 1024))
    if _is_scaled_from_fixed(stage, instance.scale(constrained, CustomParameters(cpus="2"))):
        assert (instance.record.cpus, instance.record.memory_mib) == (2, 256)
        unconstrained = stage.unconstrained()
        assert instance.scale(unconstrained, CustomParameters(memory_mib="512")).grew_to(2, 262144)
        assert instance.runs_with(unconstrained)
        assert (instance.record.cpus, instance.record.speed_mhz) == (2, stage.speed(0.25))


@pytest.mark.case("LS-15")
def test_two_growths_one_after_the_other(stage: Stage) -> None:
    """A fixed offering is scaled to a larger and then to a still larger one.

    Preconditions: a running instance of a fixed offering with 1 vCPU and 256 MiB, prepared.
    Steps: scale it to fixed offerings with 2 vCPUs and 384 MiB, then with 3 vCPUs and 640 MiB.
    Expected: both jobs succeed (from 4.23 on); 3 vCPUs and two DIMMs, of 128 and 256 MiB.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256))
    if _is_scaled_from_fixed(stage, instance.scale(stage.fixed(2, stage.speed(0.25), 384))):
        largest = stage.fixed(3, stage.speed(0.25), 640)
        scaled = instance.scale(largest)
        assert instance.runs_with(largest)
        assert scaled.grew_to(3, 131072, 262144)


@pytest.mark.case("LS-16")
def test_restart_after_a_scale_to_a_fixed_offering(stage: Stage) -> None:
    """After a scale between fixed offerings a restart builds the domain in the new size.

    Preconditions: an instance that was scaled from 1 vCPU and 256 MiB to 2 vCPUs and 512 MiB, both fixed, with CPU cap
        at a quarter and at half of the host's speed.
    Steps: stop and start it.
    Expected: 2 vCPUs, 512 MiB without a DIMM, quota and ceilings computed anew (before 4.23: as before the refusal).
    """
    instance = stage.instance(*stage.offering(OfferingClass.FIXED, stage.size(1, 0.25, 256), cap=True))
    scaled = instance.scale(*stage.offering(OfferingClass.FIXED, stage.size(2, 0.5, 512), cap=True))
    size = (2, 524288) if _is_scaled_from_fixed(stage, scaled) else (1, 262144)
    domain = seen_domain(instance.restart())
    assert stage.starts_with(domain, *size)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            OfferingClass.UNCONSTRAINED, OfferingClass.CONSTRAINED, marks=pytest.mark.case("LS-16b"), id="constrained"
        ),
        pytest.param(
            OfferingClass.CONSTRAINED, OfferingClass.UNCONSTRAINED, marks=pytest.mark.case("LS-16c"), id="unconstrained"
        ),
    ],
)
def test_restart_after_a_scale_to_a_custom_offering(stage: Stage, old: OfferingClass, new: OfferingClass) -> None:
    """After a scale from a {old} to a {new} offering a restart builds the domain in the new size.

    Preconditions: an instance that was scaled from 1 vCPU and 256 MiB to 2 vCPUs and 512 MiB at the same speed.
    Steps: stop and start it.
    Expected: 2 vCPUs, 512 MiB without a DIMM, ceilings computed anew.
    """
    instance = stage.instance(*stage.offering(old, stage.size(1, 0.25, 256)))
    assert instance.scale(*stage.offering(new, stage.size(2, 0.25, 512))).job.succeeded
    domain = seen_domain(instance.restart())
    assert stage.starts_with(domain, 2, 524288)


@pytest.mark.case("LS-17")
def test_a_stopped_instance_loses_its_flag_with_an_offering_that_does_not_allow_it(stage: Stage) -> None:
    """A stopped instance that gets an offering without dynamic scaling is not scalable any more.

    Preconditions: a stopped instance whose flag is on.
    Steps: scale it to an offering with dynamicscalingenabled=false; start it.
    Expected: the job succeeds on every release; the instance flag is off and the new domain is not prepared.
    """
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)))
    assert instance.record.dynamically_scalable
    instance.stop()
    assert instance.scale(*stage.scalable(stage.size(1, 0.5, 256), dynamic=False)).job.succeeded
    domain = seen_domain(instance.start())
    assert not instance.record.dynamically_scalable
    assert not is_prepared(domain)
