"""XML: which domains are prepared for live scaling when they start."""

import pytest

from harness.reference.settings import ENABLE_DYNAMIC_SCALE
from harness.run.stage import Stage
from harness.verify.domain import is_prepared, seen_domain


@pytest.mark.case("XML-01")
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


@pytest.mark.case("XML-05")
@pytest.mark.zone_settings({ENABLE_DYNAMIC_SCALE: "false"})
def test_switched_off_zone_setting_leaves_the_domain_unprepared(stage: Stage) -> None:
    """With enable.dynamic.scale.vm off in the zone nothing is prepared.

    Preconditions: the zone setting is false; offering, template and request allow dynamic scaling.
    Steps: deploy an instance.
    Expected: no maxMemory, maximum vCPUs equal to the current ones.
    """
    assert not is_prepared(seen_domain(stage.instance(stage.fixed(1, stage.speed(0.25), 256)).verify()))


@pytest.mark.case("XML-08")
def test_offering_without_dynamic_scaling_leaves_the_domain_unprepared(stage: Stage) -> None:
    """An offering with dynamic scaling off is not prepared.

    Preconditions: the offering's flag is false; the other three switches are on.
    Steps: deploy an instance.
    Expected: no maxMemory, maximum vCPUs equal to the current ones.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256, dynamic=False))
    assert not is_prepared(seen_domain(instance.verify()))


@pytest.mark.case("XML-11")
def test_template_without_dynamic_scaling_leaves_the_domain_unprepared(stage: Stage) -> None:
    """A template that is not dynamically scalable is not prepared.

    Preconditions: the template's flag is false; the other three switches are on.
    Steps: deploy an instance from it.
    Expected: no maxMemory, maximum vCPUs equal to the current ones.
    """
    offering = stage.fixed(1, stage.speed(0.25), 256)
    instance = stage.instance(offering, template=stage.unscalable_template)
    assert not is_prepared(seen_domain(instance.verify()))


@pytest.mark.case("XML-14")
def test_deploying_without_dynamic_scaling_leaves_the_domain_unprepared(stage: Stage) -> None:
    """An instance deployed with dynamicscalingenabled=false is not prepared.

    Preconditions: zone setting, offering and template allow dynamic scaling.
    Steps: deploy an instance with dynamicscalingenabled=false.
    Expected: no maxMemory, maximum vCPUs equal to the current ones.
    """
    instance = stage.instance(stage.fixed(1, stage.speed(0.25), 256), dynamic_scaling=False)
    assert not is_prepared(seen_domain(instance.verify()))
