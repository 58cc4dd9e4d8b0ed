"""When an instance may be scaled live and when its domain is prepared: the truth table of the four switches."""

from dataclasses import replace
from itertools import product

import pytest

from harness.reference import refusals
from harness.reference.domain import domain_at_start
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size
from harness.reference.readiness import flag_after_change, flag_refusal, instance_flag, is_prepared
from harness.reference.refusal import Refusal
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import Instance, Outcome, World, predict
from harness.reference.settings import CPU_CEILING, ENABLE_DYNAMIC_SCALE, MEMORY_CEILING, Settings
from tests.reference.worlds import CONSTRAINED, SCALING_OFF, SCALING_ON, SMALL, fixed, running, world

SWITCHES = list(product([True, False], repeat=4))


@pytest.mark.parametrize(("zone", "offering", "template", "requested"), SWITCHES)
def test_the_flag_is_true_only_where_all_four_switches_are(
    zone: bool, offering: bool, template: bool, requested: bool
) -> None:
    flag = instance_flag(requested=requested, offering=offering, template=template, zone_setting=zone)
    assert flag is ((zone, offering, template, requested) == (True, True, True, True))


@pytest.mark.parametrize("custom", [False, True])
@pytest.mark.parametrize("release", [BEFORE, SINCE])
@pytest.mark.parametrize(("zone", "offering", "template", "requested"), SWITCHES)
def test_only_row_one_of_the_truth_table_is_prepared(
    release: Release, custom: bool, zone: bool, offering: bool, template: bool, requested: bool
) -> None:
    flag = instance_flag(requested=requested, offering=offering, template=template, zone_setting=zone)
    prepared = is_prepared(release, flag=flag, zone_setting=zone, custom_offering=custom)
    all_on = zone and offering and template and requested
    assert prepared is (all_on and (custom or release is SINCE))


def test_offering_and_template_are_not_asked_again_at_a_start() -> None:
    assert is_prepared(SINCE, flag=True, zone_setting=True, custom_offering=False)
    assert not is_prepared(SINCE, flag=True, zone_setting=False, custom_offering=True)


@pytest.mark.parametrize(("flag", "offering", "template", "zone"), SWITCHES)
def test_a_change_of_offering_can_only_lower_the_flag(flag: bool, offering: bool, template: bool, zone: bool) -> None:
    after = flag_after_change(flag=flag, offering=offering, template=template, zone_setting=zone)
    assert after is ((flag, offering, template, zone) == (True, True, True, True))


TEMPLATE = "since its {} does not have dynamic scaling enabled"
OFFERING = "since its service offering does not have dynamic scaling enabled"
ZONE = (
    "Failed to update VM, due to: Dynamic Scaling cannot be enabled for the VM since corresponding global setting is "
    "set to false"
)


@pytest.mark.parametrize(
    ("release", "template", "offering", "zone", "expected"),
    [
        (SINCE, False, False, False, (431, f"the Instance {TEMPLATE.format('Template')}")),
        (BEFORE, False, False, False, (431, f"the VM {TEMPLATE.format('template')}")),
        (SINCE, True, False, False, (431, f"the Instance {OFFERING}")),
        (BEFORE, True, False, False, (431, f"the VM {OFFERING}")),
    ],
)
def test_switching_the_flag_on_is_refused_by_template_then_offering(
    release: Release, template: bool, offering: bool, zone: bool, expected: tuple[int, str]
) -> None:
    code, end = expected
    refusal = flag_refusal(release, template=template, offering=offering, zone_setting=zone)
    text = f"Dynamic Scaling cannot be enabled for {end}"
    assert refusal == Refusal(code, text, refusals.FLAG_NOT_ALLOWED)


@pytest.mark.parametrize("release", [BEFORE, SINCE])
def test_switching_the_flag_on_is_refused_by_the_zone_last_with_another_code(release: Release) -> None:
    refusal = flag_refusal(release, template=True, offering=True, zone_setting=False)
    assert refusal == Refusal(530, ZONE, refusals.FLAG_NOT_ALLOWED)
    assert flag_refusal(release, template=True, offering=True, zone_setting=True) is None


# Later changes without a restart.


def _rule(there: World, instance: Instance, offering: Offering) -> str:
    prediction = predict(there, instance, offering, NO_PARAMETERS)
    return prediction.refusal.rule.id if prediction.refusal else prediction.outcome.value


def test_switching_the_zone_off_stops_scaling_and_on_again_restores_it() -> None:
    instance = running(world(), fixed(1, 500, 256, name="now"))
    assert _rule(world(settings=SCALING_OFF), instance, fixed(2, 500, 512)) == refusals.ZONE_DISABLED.id
    assert _rule(world(), instance, fixed(2, 500, 512)) == Outcome.IN_PLACE
    assert not is_prepared(SINCE, flag=instance.flag, zone_setting=False, custom_offering=False)


def test_switching_the_instance_off_stops_scaling() -> None:
    instance = replace(running(world(), fixed(1, 500, 256, name="now")), flag=False)
    assert _rule(world(), instance, fixed(2, 500, 512)) == refusals.NO_TOOLS.id


def test_a_template_that_lost_its_flag_allows_one_more_scale() -> None:
    there = world()
    instance = replace(running(there, fixed(1, 500, 256, name="now")), template_flag=False)
    first = predict(there, instance, fixed(2, 500, 512), NO_PARAMETERS)
    assert (first.outcome, first.flag) == (Outcome.IN_PLACE, False)
    scaled = replace(instance, offering=first.offering, size=first.size, flag=first.flag, domain=first.domain)
    assert _rule(there, scaled, fixed(4, 500, 1024, name="next")) == refusals.NO_TOOLS.id


def test_other_ceilings_do_not_concern_a_running_domain() -> None:
    instance = running(world(), fixed(1, 500, 256, name="now"))
    low = Settings(zone=SCALING_ON.zone, clusters={"a": {CPU_CEILING: "1", MEMORY_CEILING: "256"}})
    after = predict(world(settings=low), instance, fixed(2, 500, 512), NO_PARAMETERS)
    assert after.outcome is Outcome.IN_PLACE
    assert (after.domain.max_vcpus, after.domain.max_memory_kib) == (8, 4194304)
    anew = domain_at_start(SINCE, low, SMALL, after.offering, after.size, cpu_cap=False, prepared=True)
    assert (anew.max_vcpus, anew.max_memory_kib) == (1, None)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (fixed(1, 500, 512), refusals.NOT_PREPARED_MEMORY.id),
        (fixed(2, 500, 256), "vcpu-hotplug"),
        (fixed(1, 700, 256), Outcome.IN_PLACE),
        (fixed(1, 500, 256, cap=True), Outcome.IN_PLACE),
    ],
)
def test_a_flag_switched_on_for_an_unprepared_domain_helps_speed_and_cap_only(wanted: Offering, expected: str) -> None:
    there = world()
    instance = running(there, fixed(1, 500, 256, name="now"), prepared=False)
    prediction = predict(there, instance, wanted, NO_PARAMETERS)
    assert _rule(there, instance, wanted) == expected
    if prediction.refusal:
        assert (prediction.refusal.code, prediction.refusal.text) == (530, "Unable to reconfigure VM.")


def test_the_zones_own_value_wins_over_the_global_one() -> None:
    settings = Settings(global_values={ENABLE_DYNAMIC_SCALE: "true"}, zone={ENABLE_DYNAMIC_SCALE: "false"})
    instance = running(world(), CONSTRAINED, Size(1, 500, 256))
    refusal = predict(world(settings=settings), instance, CONSTRAINED, CustomParameters("2")).refusal
    assert refusal is not None
    assert refusal.rule is refusals.ZONE_DISABLED
