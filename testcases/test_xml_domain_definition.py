"""XML: which domains are prepared for live scaling when they start."""

import pytest

from harness.reference.offering import OfferingClass
from harness.reference.settings import ENABLE_DYNAMIC_SCALE, MEMORY_OVERCOMMIT
from harness.run.stage import Stage
from harness.verify.domain import is_prepared, seen_domain


def _each_class(first: int) -> pytest.MarkDecorator:
    """Three cases with ids from this number on: a fixed, a constrained and an unconstrained offering."""
    cases = [
        pytest.param(offering_class, marks=pytest.mark.case(f"XML-{number:02}"), id=offering_class.name.lower())
        for number, offering_class in enumerate(OfferingClass, first)
    ]
    return pytest.mark.parametrize("offering_class", cases)


@pytest.mark.case("XML-01")
@pytest.mark.smoke
def test_fixed_offering_is_prepared(stage: Stage) -> None:
    """A fixed offering without CPU cap is prepared.

    Preconditions: zone setting, offering, template and request all allow dynamic scaling.
    Steps: deploy an instance.
    Expected: maxMemory with 16 slots and vCPUs to spare (from 4.23 on); neither quota nor period.
    """
    seen = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify())
    assert is_prepared(seen) is stage.release.scales_fixed_offerings
    assert (seen.quota_us, seen.period_us) == (None, None)


@pytest.mark.case("XML-02")
def test_capped_fixed_offering_is_prepared_and_has_a_quota(stage: Stage) -> None:
    """A fixed offering with CPU cap is prepared and has quota and period.

    Preconditions: as XML-01, with CPU cap at half of the host's speed.
    Steps: deploy an instance.
    Expected: prepared (from 4.23 on); quota 5000 of a period of 10000 us.
    """
    seen = seen_domain(stage.instance(stage.fixed(1, stage.speed(0.5), 256, cap=True)).verify())
    assert is_prepared(seen) is stage.release.scales_fixed_offerings
    assert (seen.quota_us, seen.period_us) == (5000, 10000)


@pytest.mark.parametrize(
    "offering_class",
    [
        pytest.param(OfferingClass.CONSTRAINED, marks=pytest.mark.case("XML-03"), id="constrained"),
        pytest.param(OfferingClass.UNCONSTRAINED, marks=pytest.mark.case("XML-04"), id="unconstrained"),
    ],
)
def test_custom_offering_is_prepared(stage: Stage, offering_class: OfferingClass) -> None:
    """A {offering_class} offering is prepared.

    Preconditions: as XML-01, with an offering of this class.
    Steps: deploy an instance with the parameters that the offering leaves open.
    Expected: maxMemory with 16 slots and vCPUs to spare, in either release.
    """
    instance = stage.instance(*stage.offering(offering_class, stage.size(1, 0.25, 256)))
    assert is_prepared(seen_domain(instance.verify()))


@pytest.mark.zone_settings({ENABLE_DYNAMIC_SCALE: "false"})
@_each_class(5)
def test_switched_off_zone_setting_leaves_the_domain_unprepared(stage: Stage, offering_class: OfferingClass) -> None:
    """With enable.dynamic.scale.vm off in the zone a {offering_class} offering is not prepared.

    Preconditions: the zone setting is false; offering, template and request allow dynamic scaling.
    Steps: deploy an instance.
    Expected: no maxMemory, maximum vCPUs equal to the current ones; the instance flag is off.
    """
    instance = stage.instance(*stage.offering(offering_class, stage.size(1, 0.25, 256)))
    assert not is_prepared(seen_domain(instance.verify()))
    assert not instance.record.dynamically_scalable


@_each_class(8)
def test_offering_without_dynamic_scaling_leaves_the_domain_unprepared(
    stage: Stage, offering_class: OfferingClass
) -> None:
    """A {offering_class} offering with dynamic scaling off is not prepared.

    Preconditions: the offering's flag is false; the other three switches are on.
    Steps: deploy an instance.
    Expected: no maxMemory, maximum vCPUs equal to the current ones; the instance flag is off.
    """
    instance = stage.instance(*stage.offering(offering_class, stage.size(1, 0.25, 256), dynamic=False))
    assert not is_prepared(seen_domain(instance.verify()))
    assert not instance.record.dynamically_scalable


@_each_class(11)
def test_template_without_dynamic_scaling_leaves_the_domain_unprepared(
    stage: Stage, offering_class: OfferingClass
) -> None:
    """With a template that is not dynamically scalable a {offering_class} offering is not prepared.

    Preconditions: the template's flag is false; the other three switches are on.
    Steps: deploy an instance from it.
    Expected: no maxMemory, maximum vCPUs equal to the current ones; the instance flag is off.
    """
    offering = stage.offering(offering_class, stage.size(1, 0.25, 256))
    instance = stage.instance(*offering, template=stage.unscalable_template)
    assert not is_prepared(seen_domain(instance.verify()))
    assert not instance.record.dynamically_scalable


@_each_class(14)
def test_deploying_without_dynamic_scaling_leaves_the_domain_unprepared(
    stage: Stage, offering_class: OfferingClass
) -> None:
    """An instance of a {offering_class} offering deployed with dynamicscalingenabled=false is not prepared.

    Preconditions: zone setting, offering and template allow dynamic scaling.
    Steps: deploy an instance with dynamicscalingenabled=false.
    Expected: no maxMemory, maximum vCPUs equal to the current ones; the instance flag is off.
    """
    instance = stage.instance(*stage.offering(offering_class, stage.size(1, 0.25, 256)), dynamic_scaling=False)
    assert not is_prepared(seen_domain(instance.verify()))
    assert not instance.record.dynamically_scalable


@pytest.mark.case("XML-17")
def test_flag_switched_off_counts_from_the_next_start_on(stage: Stage) -> None:
    """An instance whose flag is switched off stays prepared until it is stopped and started.

    Preconditions: a running instance, prepared.
    Steps: updateVirtualMachine isdynamicallyscalable=false; stop; start.
    Expected: prepared before the stop; afterwards no maxMemory and maximum vCPUs equal to the current ones.
    """
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)))
    instance.set_dynamic_scaling(False)
    assert is_prepared(seen_domain(instance.verify()))
    assert not is_prepared(seen_domain(instance.restart()))


@pytest.mark.case("XML-18")
@pytest.mark.alone("zone")
def test_zone_setting_switched_on_later(stage: Stage) -> None:
    """An instance deployed while the zone's setting was off is prepared once setting and flag are on and it restarts.

    Preconditions: enable.dynamic.scale.vm is false; a running instance, not prepared.
    Steps: set it to true; updateVirtualMachine isdynamicallyscalable=true; stop; start.
    Expected: the flag is accepted; after the start maxMemory with 16 slots and vCPUs to spare.
    """
    stage.setting(ENABLE_DYNAMIC_SCALE, "false")
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)))
    assert not is_prepared(seen_domain(instance.verify()))
    stage.setting(ENABLE_DYNAMIC_SCALE, "true")
    instance.set_dynamic_scaling(True)
    assert instance.record.dynamically_scalable
    assert is_prepared(seen_domain(instance.restart()))


@pytest.mark.case("XML-19")
@pytest.mark.alone("zone")
def test_zone_setting_switched_off_before_the_restart(stage: Stage) -> None:
    """A prepared instance that restarts while the zone's setting is off is not prepared any more.

    Preconditions: a running instance, prepared.
    Steps: set enable.dynamic.scale.vm to false; stop; start.
    Expected: no maxMemory, maximum vCPUs equal to the current ones; the instance flag is still on.
    """
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)))
    assert is_prepared(seen_domain(instance.verify()))
    stage.setting(ENABLE_DYNAMIC_SCALE, "false")
    assert not is_prepared(seen_domain(instance.restart()))
    assert instance.record.dynamically_scalable


@pytest.mark.case("XML-20")
def test_without_cap_there_is_neither_quota_nor_period(stage: Stage) -> None:
    """Without CPU cap a domain has no quota and no period.

    Preconditions: an unconstrained offering without CPU cap.
    Steps: deploy an instance at half of the host's speed.
    Expected: neither a quota nor a period element; the scheduler's quota is not set.
    """
    instance = stage.instance(*stage.offering(OfferingClass.UNCONSTRAINED, stage.size(2, 0.5, 256)))
    domain = seen_domain(instance.verify())
    assert (domain.quota_us, domain.period_us) == (None, None)


@pytest.mark.case("XML-21")
@pytest.mark.alone("cluster")
def test_memory_overcommit_divides_the_boot_memory(stage: Stage) -> None:
    """With a memory overcommit factor of 2 an instance starts with half of its memory.

    Preconditions: mem.overprovisioning.factor is 2 in the cluster.
    Steps: deploy an instance with 512 MiB.
    Expected: the domain has 262144 KiB; whether it is prepared, and up to which ceilings, is as without overcommit.
    """
    stage.setting(MEMORY_OVERCOMMIT, "2")
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 512)))
    domain = seen_domain(instance.verify())
    assert is_prepared(domain)
    assert domain.memory_kib == 262144


@pytest.mark.case("XML-22")
@pytest.mark.alone("zone")
def test_the_templates_flag_is_not_read_at_a_start(stage: Stage) -> None:
    """An instance that restarts after its template's flag was switched off is prepared all the same.

    Preconditions: a running instance, prepared, whose template's flag was switched on before its deployment.
    Steps: updateTemplate isdynamicallyscalable=false; stop; start.
    Expected: prepared and the instance flag on, as before.
    """
    template = stage.switched(stage.unscalable_template, on=True)
    instance = stage.instance(*stage.scalable(stage.size(1, 0.25, 256)), template=template)
    assert is_prepared(seen_domain(instance.verify()))
    stage.switched(template, on=False)
    assert is_prepared(seen_domain(instance.restart()))
    assert instance.record.dynamically_scalable
