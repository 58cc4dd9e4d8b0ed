"""The decision on a scale: refused with which code and text, in place, or migrated."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference import refusals
from harness.reference.offering import CustomParameters, Offering, Size
from harness.reference.refusal import render_instance
from harness.reference.release import BEFORE, SINCE
from harness.reference.scaling import Instance, Outcome, World, decide, predict
from harness.reference.settings import AUTO_MIGRATE, CPU_THRESHOLD, ENABLE_DYNAMIC_SCALE, Settings
from tests.reference.worlds import SCALING_ON, fixed, running, world

NOTHING_ASKED = CustomParameters()
SMALL_OFFERING = fixed(1, 500, 256, name="small")
CUSTOM = Offering("c", "c", None, 500, None, min_cpus=1, max_cpus=4, min_memory_mib=256, max_memory_mib=8192)


def _outcome(there: World, instance: Instance, offering: Offering) -> tuple[str, int, str]:
    prediction = predict(there, instance, offering, NOTHING_ASKED)
    if prediction.refusal is None:
        return prediction.outcome.value, 0, ""
    return prediction.outcome.value, prediction.refusal.code, prediction.refusal.text


def test_a_larger_fixed_offering_is_scaled_in_place() -> None:
    there = world()
    prediction = predict(there, running(there, SMALL_OFFERING), fixed(2, 500, 512), NOTHING_ASKED)
    assert (prediction.outcome, prediction.host_ids) == (Outcome.IN_PLACE, ("h1",))
    assert (prediction.size, prediction.domain.vcpus, prediction.domain.memory_kib) == (Size(2, 500, 512), 2, 524288)


def test_before_the_pull_request_a_fixed_offering_is_refused() -> None:
    there = world(BEFORE)
    _, code, text = _outcome(there, running(there, SMALL_OFFERING), fixed(2, 500, 512))
    assert code == 431
    assert text.startswith('Unable to live scale VM on KVM when current service offering is a "Fixed Offering".')


DOWN = (
    "Scaling down is not supported while the VM is running. The new service offering attributes {} must not be lower "
    "than the current values {}."
)
CURRENT = '{"memory": 512, "CPU speed": 500, "vCPUs": 2}'


@pytest.mark.parametrize(
    ("new", "attributes"),
    [
        (fixed(1, 500, 512), '{"memory": 512, "CPU speed": 500, "vCPUs": 1}'),
        (fixed(2, 400, 512), '{"memory": 512, "CPU speed": 400, "vCPUs": 2}'),
        (fixed(2, 500, 256), '{"memory": 256, "CPU speed": 500, "vCPUs": 2}'),
        (fixed(1, 500, 1024), '{"memory": 1024, "CPU speed": 500, "vCPUs": 1}'),
    ],
)
def test_whatever_shrinks_is_refused_with_both_sizes(new: Offering, attributes: str) -> None:
    there = world()
    instance = running(there, fixed(2, 500, 512, name="now"))
    assert _outcome(there, instance, new) == ("refused", 431, DOWN.format(attributes, CURRENT))


def test_before_the_pull_request_shrinking_and_staying_equal_have_one_text() -> None:
    there = world(BEFORE)
    instance = running(there, CUSTOM, Size(2, 500, 512))
    current = '{"memory": 512, "speed": 500, "cpu": 2}'
    for asked, new in ((("1", "512"), '{"memory": 512, "speed": 500, "cpu": 1}'), (("2", "512"), current)):
        prediction = predict(there, instance, CUSTOM, CustomParameters(cpus=asked[0], memory_mib=asked[1]))
        assert prediction.refusal is not None
        assert prediction.refusal.text == (
            f"While the VM is running, only scalling up it is supported. New service offering {new} should have at "
            f"least one value (ram, speed or cpu) greater than the current values {current}."
        )


def test_an_equal_size_is_accepted_only_where_the_cap_changes() -> None:
    there = world()
    instance = running(there, SMALL_OFFERING)
    assert _outcome(there, instance, fixed(1, 500, 256))[1] == 431
    assert _outcome(there, instance, fixed(1, 500, 256, cap=True)) == ("in place", 0, "")


@pytest.mark.parametrize(
    ("new", "code", "text"),
    [
        (SMALL_OFFERING, 431, "Not upgrading vm <vm> since it already has the requested service offering (small)"),
        (replace(fixed(2, 500, 256), active=False), 431, "New service offering is inactive: [new]."),
        (
            replace(fixed(2, 500, 256), dynamic_scaling=False),
            431,
            "Unable to Scale VM: since dynamic scaling enabled flag is not same for new service offering and old "
            "service offering",
        ),
        (fixed(1, 2100, 256), 0, ""),
        (fixed(1, 2600, 256), 530, "Failed to scale the VM"),
    ],
)
def test_offerings_are_refused_in_the_words_of_cloudstack(new: Offering, code: int, text: str) -> None:
    there = world()
    assert _outcome(there, running(there, SMALL_OFFERING), new)[1:] == (code, text)


@pytest.mark.parametrize(
    ("release", "text"),
    [
        (SINCE, "Dynamically scaling Instances is disabled for this zone, please contact your admin."),
        (BEFORE, "Dynamically scaling virtual machines is disabled for this zone, please contact your admin."),
    ],
)
def test_a_zone_that_is_switched_off_refuses(release, text: str) -> None:
    instance = running(world(release), CUSTOM, Size(1, 500, 256))
    off = world(release, Settings(zone={ENABLE_DYNAMIC_SCALE: "false"}))
    prediction = predict(off, instance, CUSTOM, CustomParameters("2", None, "256"))
    assert prediction.refusal is not None
    assert (prediction.refusal.code, prediction.refusal.text) == (530, text)


def test_an_instance_whose_flag_is_off_has_no_tools() -> None:
    there = world()
    instance = replace(running(there, SMALL_OFFERING), flag=False)
    refusal = decide(there, instance, fixed(2, 500, 256), NOTHING_ASKED).refusal
    assert refusal is not None
    uuid = "d54c8f9b-34d9-41f6-9af7-c8b405beee99"
    rendered = refusal.rendered(render_instance(101, "i-2-101-VM", "Running", uuid))
    assert rendered == (
        'Unable to scale VM instance {"id":101,"instanceName":"i-2-101-VM","state":"Running","type":"User",'
        f'"uuid":"{uuid}"}} as it does not have tools to support dynamic scaling.'
    )
    assert refusal.matches(530, rendered)
    assert not refusal.matches(431, rendered)
    assert not refusal.matches(530, rendered + " ")


def test_another_state_than_running_and_stopped_is_refused() -> None:
    there = world()
    instance = replace(running(there, SMALL_OFFERING), state="Migrating")
    assert decide(there, instance, fixed(2, 500, 256), NOTHING_ASKED).rules == (refusals.WRONG_STATE,)


def test_a_cluster_that_is_too_full_refuses() -> None:
    settings = Settings(zone=SCALING_ON.zone, clusters={"a": {CPU_THRESHOLD: "0.005"}})
    there = world(settings=settings)
    assert _outcome(there, running(there, SMALL_OFFERING), fixed(2, 500, 256))[2] == (
        "Unable to scale <vm> due to insufficient resources."
    )


def test_memory_that_the_host_lacks_is_found_on_another_host_of_the_cluster() -> None:
    there = world(small_used_mib=3500)
    prediction = predict(there, running(there, SMALL_OFFERING), fixed(1, 500, 1280), NOTHING_ASKED)
    assert (prediction.outcome, prediction.host_ids) == (Outcome.MIGRATED, ("h2",))
    assert prediction.domain.max_memory_kib == 4194304


def test_without_auto_migration_nothing_moves() -> None:
    settings = Settings(zone=SCALING_ON.zone, clusters={"a": {AUTO_MIGRATE: "false"}})
    there = world(settings=settings, small_used_mib=3500)
    instance = running(there, SMALL_OFFERING)
    prediction = predict(there, instance, fixed(1, 500, 1280), NOTHING_ASKED)
    assert prediction.refusal is not None
    assert (prediction.refusal.code, prediction.refusal.text) == (530, "Failed to scale the VM")
    assert prediction.refusal.rule is refusals.AUTO_MIGRATE_OFF
    assert (prediction.host_ids, prediction.size, prediction.domain) == (("h1",), instance.size, instance.domain)


def test_where_nobody_has_room_nothing_moves() -> None:
    there = world(small_used_mib=3500)
    prediction = predict(there, running(there, SMALL_OFFERING), fixed(1, 500, 16384), NOTHING_ASKED)
    assert prediction.refusal is not None
    assert prediction.refusal.rule is refusals.NO_DESTINATION


def test_a_size_above_the_starting_hosts_totals_moves_and_then_fails() -> None:
    there = world()
    instance = running(there, SMALL_OFFERING)
    prediction = predict(there, instance, fixed(2, 500, 5120), NOTHING_ASKED)
    assert prediction.refusal is not None
    assert (prediction.refusal.code, prediction.refusal.text) == (530, "Unable to reconfigure VM.")
    assert (prediction.host_ids, prediction.size, prediction.offering) == (("h2",), instance.size, SMALL_OFFERING)


def test_a_quota_after_migration_is_by_the_destinations_speed() -> None:
    there = world(small_used_mib=3500)
    instance = running(there, SMALL_OFFERING)
    prediction = predict(there, instance, fixed(1, 500, 1280, cap=True), NOTHING_ASKED)
    assert prediction.domain.quota_us == 2000


@given(
    release=st.sampled_from([BEFORE, SINCE]),
    cpus=st.integers(1, 20),
    speed=st.integers(1, 3000),
    memory=st.integers(32, 20000),
    used=st.integers(0, 4096),
    cap=st.booleans(),
    flag=st.booleans(),
    auto=st.booleans(),
)
def test_every_request_has_an_outcome_and_every_refusal_a_rule(
    release, cpus: int, speed: int, memory: int, used: int, cap: bool, flag: bool, auto: bool
) -> None:
    settings = Settings(zone=SCALING_ON.zone, clusters={"a": {AUTO_MIGRATE: str(auto).lower()}})
    there = world(release, settings, small_used_mib=used)
    instance = replace(running(there, SMALL_OFFERING), flag=flag)
    prediction = predict(there, instance, fixed(cpus, speed, memory, cap=cap), NOTHING_ASKED)
    assert prediction.rules
    assert (prediction.refusal is None) is (prediction.outcome is not Outcome.REFUSED)
    if prediction.refusal is not None:
        assert prediction.offering == instance.offering
        assert prediction.size == instance.size
