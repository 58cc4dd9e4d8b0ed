"""What a refused scale is answered with, to the letter, and how an answer is matched."""

from dataclasses import replace

import pytest

from harness.reference import refusals
from harness.reference.capacity import AccountLimits
from harness.reference.offering import NO_PARAMETERS, CustomParameters, Offering, Size
from harness.reference.refusal import Refusal, render_instance
from harness.reference.release import BEFORE, SINCE, Release
from harness.reference.scaling import STOPPED, World, decide
from harness.reference.settings import MAX_OFFERING_CPUS, MAX_OFFERING_MEMORY, Settings, unknown_setting
from tests.reference.worlds import CONSTRAINED, fixed, running, world

NOW = fixed(1, 500, 256, name="now")
NEW = fixed(2, 500, 512)


def _refused(
    new: Offering, there: World | None = None, asked: CustomParameters = NO_PARAMETERS, **instance: object
) -> tuple[int, str]:
    there = there or world()
    refusal = decide(there, replace(running(there, NOW), **instance), new, asked).refusal
    assert refusal is not None
    return refusal.code, refusal.text


@pytest.mark.parametrize("hypervisor", ["Hyperv", "LXC", "Ovm3", "Parralels"])
def test_another_hypervisor_is_named(hypervisor: str) -> None:
    text = f"Scaling the VM dynamically is not supported for VMs running on Hypervisor [{hypervisor}]."
    assert _refused(NEW, hypervisor=hypervisor) == (431, text)


@pytest.mark.parametrize("hypervisor", ["XenServer", "VMware", "Simulator", "KVM"])
def test_these_hypervisors_scale_live(hypervisor: str) -> None:
    there = world()
    assert decide(there, replace(running(there, NOW), hypervisor=hypervisor), NEW, NO_PARAMETERS).refusal is None


def test_a_changed_cap_alone_is_a_reason_to_scale_on_kvm_only() -> None:
    capped = fixed(1, 500, 256, cap=True)
    assert _refused(capped, hypervisor="VMware")[1].endswith("is only allowed when the CPU cap is changed.")
    assert decide(world(), running(world(), NOW), capped, NO_PARAMETERS).refusal is None


def test_before_the_pull_request_only_kvm_refused_fixed_offerings() -> None:
    there = world(BEFORE)
    instance = replace(running(there, NOW), hypervisor="VMware")
    assert decide(there, instance, NEW, NO_PARAMETERS).refusal is None


@pytest.mark.parametrize("state", ["Starting", "Stopping", "Migrating", "Error", "Destroyed", "Expunging", "Unknown"])
def test_another_state_is_named_after_two_blanks(state: str) -> None:
    text = f"Unable to upgrade virtual machine <vm>  in state {state}; make sure the virtual machine is stopped/running"
    assert _refused(NEW, state=state) == (431, text)


def test_storage_is_refused_both_ways() -> None:
    text = (
        "Unable to upgrade virtual machine <vm>, target offering use {} storage but the storage pool where the volume "
        "is allocated is a {} storage."
    )
    assert _refused(replace(NEW, local_storage=True)) == (431, text.format("local", "shared"))
    local = replace(NOW, local_storage=True)
    assert _refused(NEW, offering=local) == (431, text.format("shared", "local"))


def test_offerings_for_system_vms_do_not_mix() -> None:
    text = "isSystem property is different for current service offering and new service offering"
    assert _refused(replace(NEW, for_system_vms=True)) == (431, text)


def test_storage_tags_are_listed() -> None:
    tagged = replace(NOW, storage_tags=frozenset({"ssd", "fast"}))
    text = (
        "Unable to upgrade virtual machine; the current service offering  should have tags as subset of the new "
        "service offering tags. Current service offering tags: [fast, ssd]; new service offering tags: [ssd]"
    )
    assert _refused(replace(NEW, storage_tags=frozenset({"ssd"})), offering=tagged) == (431, text)
    more = replace(NEW, storage_tags=frozenset({"ssd", "fast", "more"}))
    assert decide(world(), replace(running(world(), NOW), offering=tagged), more, NO_PARAMETERS).refusal is None


def test_disk_offerings_are_compared_where_they_are_strict() -> None:
    strictness = (
        "Unable to Scale VM, since disk offering strictness flag is not same for new service offering and old service "
        "offering"
    )
    other = (
        "Unable to Scale VM, since disk offering id associated with the old service offering is not same for new "
        "service offering"
    )
    strict, new = (replace(offering, disk_strict=True, disk_offering_id=offering.id) for offering in (NOW, NEW))
    assert _refused(new) == (431, strictness)
    assert _refused(new, offering=strict) == (431, other)
    same = replace(new, disk_offering_id=strict.disk_offering_id)
    assert decide(world(), replace(running(world(), NOW), offering=strict), same, NO_PARAMETERS).refusal is None


def test_a_vgpu_has_to_stay_and_may_be_spelled_otherwise_or_be_new() -> None:
    with_gpu = replace(NOW, vgpu_type="Large")
    text = "Dynamic scaling of vGPU type is not supported. VM has vGPU Type: [Large]."
    assert _refused(NEW, offering=with_gpu) == (431, text)
    assert _refused(replace(NEW, vgpu_type="small"), offering=with_gpu) == (431, text)
    there = world()
    instance = running(there, NOW)
    large = replace(NEW, vgpu_type="LARGE")
    assert decide(there, replace(instance, offering=with_gpu), large, NO_PARAMETERS).refusal is None
    assert decide(there, instance, large, NO_PARAMETERS).refusal is None


LIMIT = (
    "Maximum amount of resources of Type = '{}', tag = 'null' for Account Name = owner in Domain Id = <account domain> "
    "is exceeded: Account Resource Limit = {}, Current Account Resource Amount = {}, Current Account Resource "
    "Reservation = {}, Requested Resource Amount = {}."
)


@pytest.mark.parametrize(
    ("limits", "kind", "limit", "used"),
    [
        (AccountLimits("owner", cpus=1, used_cpus=1), "cpu", 1, 1),
        (AccountLimits("owner", memory_mib=300, used_memory_mib=256), "memory", 300, 256),
        (AccountLimits("owner", cpus=1, memory_mib=300, used_cpus=1), "cpu", 1, 1),
        (AccountLimits("owner", cpus=2, memory_mib=512, used_cpus=1, used_memory_mib=256), None, 0, 0),
        (AccountLimits("owner", used_cpus=1000, used_memory_mib=10**6), None, 0, 0),
    ],
)
@pytest.mark.parametrize("state", ["Running", STOPPED])
@pytest.mark.parametrize("release", [BEFORE, SINCE])
def test_the_owners_limits_bind_running_and_stopped_instances(
    release: Release, state: str, limits: AccountLimits, kind: str | None, limit: int, used: int
) -> None:
    there = world(release)
    # Where both releases scale fixed offerings.
    instance = replace(running(there, NOW), hypervisor="VMware", state=state, limits=limits)
    refusal = decide(there, instance, NEW, NO_PARAMETERS).refusal
    if kind is None:
        assert refusal is None
        return
    size = {"cpu": (1, 2), "memory": (256, 512)}[kind]
    asked = (-size[0], size[1]) if release is SINCE else (0, size[1] - size[0])
    assert refusal == Refusal(530, LIMIT.format(kind, limit, used, *asked), refusals.RESOURCE_LIMIT)


def test_up_to_422_a_limit_that_is_passed_already_hinders_growth_of_that_kind_only() -> None:
    passed, now = AccountLimits("owner", cpus=1, used_cpus=5), Size(2, 500, 256)
    assert passed.refusal(now, replace(now, memory_mib=512), BEFORE) is None
    assert passed.refusal(now, replace(now, cpus=1), BEFORE) is None
    refusal = passed.refusal(now, replace(now, cpus=3), BEFORE)
    assert refusal is not None
    # Seen on a real server; the number of the account's domain is its own.
    seen = LIMIT.format("cpu", 1, 5, 0, 1).replace("<account domain>", "2")
    assert refusal.matches(530, seen)
    assert refusal.rendered("", account_domain=2) == seen


def test_on_423_a_limit_that_is_passed_already_hinders_all_that_stays_above_it() -> None:
    passed, now = AccountLimits("owner", cpus=2, used_cpus=3), Size(3, 500, 256)
    refusal = passed.refusal(now, replace(now, memory_mib=512), SINCE)
    assert refusal is not None
    # Seen on a real server, with other numbers.
    assert refusal.matches(530, LIMIT.format("cpu", 2, 3, -3, 3).replace("<account domain>", "2"))
    assert passed.refusal(now, replace(now, cpus=2, memory_mib=512), SINCE) is None


def test_on_423_a_limit_is_held_against_the_whole_new_size_or_against_the_growth() -> None:
    limits, now = AccountLimits("owner", cpus=1, used_cpus=1), Size(1, 500, 256)
    grown = replace(now, cpus=2)
    of_growth, whole = (LIMIT.format("cpu", 1, 1, *ends).replace("<account domain>", "1") for ends in ((0, 1), (-1, 2)))
    since, before = limits.refusal(now, grown, SINCE), limits.refusal(now, grown, BEFORE)
    assert since is not None
    assert before is not None
    assert [since.matches(530, text) for text in (whole, of_growth)] == [True, True]
    assert [before.matches(530, text) for text in (whole, of_growth)] == [False, True]
    for wrong in (whole.replace("= -1,", "= 1,"), whole.replace("Limit = 1", "Limit = 2"), f"{whole} It is."):
        assert not since.matches(530, wrong)
    assert not since.matches(431, whole)


@pytest.mark.parametrize(("release", "word"), [(BEFORE, "virtual machine"), (SINCE, "Instance")])
def test_a_stopped_instance_does_not_take_an_inactive_offering(release: Release, word: str) -> None:
    text = f"Unable to upgrade {word} <uuid> with an inactive service offering new"
    assert _refused(replace(NEW, active=False), world(release), state=STOPPED) == (431, text)
    uuid = "2617172c-5cbb-4700-b841-5bff677a42e7"
    assert Refusal(431, text, refusals.INACTIVE_WHILE_STOPPED).matches(431, text.replace("<uuid>", uuid))


def test_a_stopped_instance_takes_a_fixed_offering_within_the_global_maxima() -> None:
    maxima = Settings(global_values={MAX_OFFERING_CPUS: "4", MAX_OFFERING_MEMORY: "1024"})
    there = world(settings=maxima)
    cores = "Invalid cpu cores value, please choose another service offering with cpu cores between 1 and 4"
    memory = "Invalid memory value, please choose another service offering with memory between 32 and 1024 MB"
    assert _refused(fixed(5, 500, 2048), there, state=STOPPED) == (431, cores)
    assert _refused(fixed(4, 500, 2048), there, state=STOPPED) == (431, memory)
    instance = replace(running(there, NOW), state=STOPPED)
    assert decide(there, instance, fixed(4, 500, 1024), NO_PARAMETERS).refusal is None
    custom = decide(there, instance, CONSTRAINED, CustomParameters("5"))
    assert custom.rules == (refusals.CPUS_RANGE,)


def test_a_setting_that_the_release_lacks_is_unknown() -> None:
    refusal = unknown_setting("kvm.cpu.dynamic.scaling.capacity")
    assert (refusal.code, refusal.rule) == (431, refusals.UNKNOWN_SETTING)
    assert refusal.text == "Config parameter with name kvm.cpu.dynamic.scaling.capacity doesn't exist"


def test_a_text_is_matched_whole_and_to_the_letter() -> None:
    refusal = Refusal(431, "Unable to scale <vm>: [a.b]", refusals.NO_TOOLS)
    instance = render_instance(7, "i-2-7-VM", "Running", "2617172c-5cbb-4700-b841-5bff677a42e7")
    assert refusal.matches(431, refusal.rendered(instance))
    assert not refusal.matches(431, refusal.rendered(instance).replace("a.b", "axb"))
    assert not refusal.matches(431, refusal.rendered("another"))
    assert not refusal.matches(530, refusal.rendered(instance))
