"""Each state is told where it is and not where it is not: a test has an instance that is in it, and one that is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from harness.audit import Bounds
from harness.audit.records import Grade
from harness.reference.offering import CustomParameters
from harness.reference.release import BEFORE
from harness.reference.settings import CPU_CEILING, CPU_OVERCOMMIT, MEMORY_CEILING, MEMORY_OVERCOMMIT
from tests.audit.clouds import AuditedCloud, host_of, line_of


def custom(cpus: int | None = None, mhz: int | None = None, mib: int | None = None) -> CustomParameters:
    return CustomParameters(*(None if value is None else str(value) for value in (cpus, mhz, mib)))


@pytest.fixture(autouse=True)
def fresh(cloud: AuditedCloud) -> None:
    cloud.fresh()


def test_nothing_is_told_of_an_instance_and_its_host_where_all_is_right(cloud: AuditedCloud) -> None:
    capped = cloud.deploy(cloud.offering(cpu_cap=True))
    scaled = cloud.deploy()
    assert cloud.scale(scaled, cloud.offering(2, 700, 512))

    found = cloud.audit(bounds=Bounds(guests=True, api_rate=None))

    for line in (line_of(found, capped), line_of(found, scaled)):
        assert (line.states, line.not_seen, line.prepared, line.is_ready) == ([], [], True, True)
    assert [host.states for host in found.hosts] == [[], [], []]
    assert line_of(found, scaled).dimm_slots_left == 15
    assert (line_of(found, scaled).guest_cpus, line_of(found, scaled).guest_memory_mib) == (2, 512)


def test_scaling_that_is_off_in_the_zone(cloud: AuditedCloud) -> None:
    instance = cloud.deploy()
    cloud.scaling(on=False)
    assert cloud.states(instance) == ["scaling-off", "prepared-no-more"]


def test_each_switch_that_keeps_an_instance_from_being_prepared(cloud: AuditedCloud) -> None:
    by_template = cloud.deploy(template="lab-guest-unscalable")
    by_offering = cloud.deploy(cloud.offering(dynamic_scaling=False))
    by_request = cloud.deploy(requested=False)
    found = cloud.audit()
    assert [state.state for state in line_of(found, by_template).states] == ["template-off"]
    assert [state.state for state in line_of(found, by_offering).states] == ["offering-off"]
    assert [state.state for state in line_of(found, by_request).states] == ["flag-off"]


def test_an_instance_that_was_started_before_scaling_was_switched_on(cloud: AuditedCloud) -> None:
    instance, twin = cloud.deploy(), cloud.deploy()
    cloud.scaling(on=False)
    cloud.restart(instance)
    cloud.age(instance, 3600)
    cloud.scaling(on=True)
    found = cloud.audit()
    assert [state.state for state in line_of(found, instance).states] == ["started-before-setting"]
    assert line_of(found, twin).states == []

    cloud.restart(instance)
    assert cloud.states(instance) == []


def test_an_instance_whose_reason_no_event_tells(cloud: AuditedCloud) -> None:
    """Its domain began after the switch, as after a migration: only that a restart helps is sure."""
    instance = cloud.deploy()
    cloud.scaling(on=False)
    cloud.restart(instance)
    cloud.scaling(on=True)
    cloud.age(instance, -3600)
    assert cloud.states(instance) == ["restart-needed"]


def test_an_instance_that_was_started_before_the_upgrade(cloud: AuditedCloud) -> None:
    cloud.fresh(BEFORE)
    fixed = cloud.deploy()
    assert cloud.states(fixed) == ["fixed-offering"]
    cloud.upgrade()
    cloud.age(fixed, -10)
    after = cloud.deploy()

    upgraded = datetime.now(UTC) + timedelta(seconds=60)
    assert cloud.states(fixed) == ["restart-needed"]
    assert cloud.states(fixed, Bounds(upgraded=upgraded, api_rate=None)) == ["started-before-upgrade"]
    assert cloud.states(after) == []


def test_ceilings_that_a_restart_would_not_give(cloud: AuditedCloud) -> None:
    instance, elsewhere = cloud.deploy(), cloud.deploy(host="kvm3")
    cloud.set(CPU_CEILING, "4", "cluster-a")
    found = cloud.audit()
    state = line_of(found, instance).states[0]
    assert (state.state, state.expected, state.observed) == (
        "other-ceilings",
        "4 vCPUs, 4096 MiB",
        "8 vCPUs, 4096 MiB",
    )
    assert line_of(found, elsewhere).states == []


def test_a_ceiling_below_the_vcpus_of_a_running_instance(cloud: AuditedCloud) -> None:
    large, small = cloud.deploy(cloud.offering(cpus=4)), cloud.deploy(cloud.offering(cpus=1))
    cloud.set(CPU_CEILING, "2", "cluster-a")
    found = cloud.audit()
    assert "cannot-restart" in [state.state for state in line_of(found, large).states]
    assert "cannot-restart" not in [state.state for state in line_of(found, small).states]


def test_instances_at_their_ceilings_are_prepared_all_the_same(cloud: AuditedCloud) -> None:
    cloud.set(CPU_CEILING, "2", "cluster-a")
    cloud.set(MEMORY_CEILING, "512", "cluster-a")
    at_start = cloud.deploy(cloud.offering(2, 500, 512))
    grown = cloud.deploy()
    assert cloud.scale(grown, cloud.offering(2, 500, 512))
    found = cloud.audit()
    for instance in (at_start, grown):
        line = line_of(found, instance)
        assert line.prepared
        assert [state.state for state in line.states] == ["cpus-at-ceiling", "memory-at-ceiling"]


@pytest.mark.parametrize(("setting", "first", "then"), [(CPU_CEILING, "2", "4"), (MEMORY_CEILING, "512", "1024")])
def test_an_instance_at_a_ceiling_that_a_restart_would_raise_is_to_be_restarted(
    cloud: AuditedCloud, setting: str, first: str, then: str
) -> None:
    cloud.set(setting, first, "cluster-a")
    at_it, below_it = cloud.deploy(cloud.offering(2, 500, 512)), cloud.deploy()
    cloud.set(setting, then, "cluster-a")
    found = cloud.audit()
    states = {state.state: state.grade for state in line_of(found, at_it).states}
    assert states["below-restart-ceiling"] is Grade.UNREADY
    assert "other-ceilings" not in states
    assert [state.state for state in line_of(found, below_it).states] == ["other-ceilings"]


def test_dimm_slots_that_are_used_up(cloud: AuditedCloud) -> None:
    offering = cloud.offering(None, None, None)
    instance = cloud.deploy(offering, custom(1, 500, 128))
    for steps in range(1, 15):
        assert cloud.scale(instance, offering, custom(mib=128 * (1 + steps)))
    assert cloud.states(instance) == ["few-dimm-slots"]
    for steps in (15, 16):
        assert cloud.scale(instance, offering, custom(mib=128 * (1 + steps)))
    assert cloud.states(instance) == ["no-dimm-slots"]
    assert not cloud.scale(instance, offering, custom(mib=128 * 18))


def test_quotas_that_a_scale_before_4_23_left(cloud: AuditedCloud) -> None:
    cloud.fresh(BEFORE)
    capped, uncapped = cloud.offering(None, None, None, cpu_cap=True), cloud.offering(None, None, None)
    stale, left, missing = (cloud.deploy(offering, custom(1, 500, 256)) for offering in (capped, capped, uncapped))
    never_scaled = cloud.deploy(capped, custom(1, 500, 256))
    assert cloud.scale(stale, capped, custom(mhz=1000))
    assert cloud.scale(left, uncapped, custom(mhz=1000))
    assert cloud.scale(missing, capped, custom(mhz=1000))
    before = cloud.audit()
    cloud.upgrade()

    for found in (before, cloud.audit()):
        state = line_of(found, stale).states[0]
        assert (state.state, state.expected, state.observed) == ("quota-stale", "5000/10000 us", "2500/10000 us")
        assert "491 to 509 MHz" in state.says
        assert line_of(found, left).states[0].state == "quota-left"
        assert line_of(found, missing).states[0].state == "quota-missing"
        assert [one.state for one in line_of(found, never_scaled).states if one.state.startswith("quota")] == []


def test_no_quota_is_stale_after_a_scale_since_4_23(cloud: AuditedCloud) -> None:
    capped, uncapped = cloud.offering(cpu_cap=True), cloud.offering()
    larger, larger_capped = cloud.offering(mhz=1000), cloud.offering(mhz=1000, cpu_cap=True)
    moves = ((capped, larger_capped), (capped, larger), (uncapped, larger_capped))
    scaled = [(cloud.deploy(before), after) for before, after in moves]
    assert all(cloud.scale(instance, after) for instance, after in scaled)
    found = cloud.audit()
    assert [line_of(found, instance).states for instance, _ in scaled] == [[], [], []]


def test_a_quota_by_the_divided_speed(cloud: AuditedCloud) -> None:
    """DEF-04."""
    cloud.set(CPU_OVERCOMMIT, "2", "cluster-a")
    instance, twin = (cloud.deploy(cloud.offering(cpu_cap=True)) for _ in range(2))
    assert cloud.scale(instance, cloud.offering(mhz=1000, cpu_cap=True))
    found = cloud.audit()
    assert [state.state for state in line_of(found, instance).states] == ["quota-divided"]
    assert line_of(found, instance).states[0].rule == "DEF-04"
    assert line_of(found, twin).states == []


def test_shares_by_an_overcommit_that_has_changed_since(cloud: AuditedCloud) -> None:
    instance = cloud.deploy()
    cloud.set(CPU_OVERCOMMIT, "2", "cluster-a")
    assert "shares-of-overcommit" in cloud.states(instance)


def test_a_quota_that_came_with_a_migration(cloud: AuditedCloud) -> None:
    fixed, opened = cloud.offering(cpu_cap=True), cloud.offering(None, None, None, cpu_cap=True)
    moved = cloud.deploy(fixed, host="kvm2")
    custom_one = cloud.deploy(opened, custom(1, 500, 256), host="kvm2")
    # There its quota is higher than any that the host would have given.
    up, stayed = cloud.deploy(fixed, host="kvm1"), cloud.deploy(fixed, host="kvm2")
    cloud.migrate(moved, "kvm1")
    cloud.migrate(custom_one, "kvm1")
    cloud.migrate(up, "kvm2")
    found = cloud.audit()
    states = [{state.state: state for state in line_of(found, one).states} for one in (moved, custom_one, up)]
    assert states[0]["quota-of-another-host"].observed == "2000/10000 us"
    assert "one of 2500 MHz" in states[0]["quota-of-another-host"].says
    # A custom offering may have been scaled before 4.23 as well: both come to the same numbers.
    assert "a migration from a host of 2500 MHz" in states[1]["quota-stale"].says
    assert "one of 2000 MHz" in states[2]["quota-of-another-host"].says
    assert line_of(found, stayed).states == []


def test_tuning_that_no_rule_explains(cloud: AuditedCloud) -> None:
    capped, low, high = cloud.deploy(cloud.offering(cpu_cap=True)), cloud.deploy(), cloud.deploy()
    uncapped = cloud.deploy()
    names = {one: cloud.domain(one).name for one in (capped, low, high, uncapped)}
    cloud.hypervisors["kvm1"].set_scheduler_parameter(names[capped], "vcpu_quota", 9000)
    cloud.hypervisors["kvm1"].set_scheduler_parameter(names[low], "cpu_shares", 100)
    cloud.hypervisors["kvm1"].set_scheduler_parameter(names[high], "cpu_shares", 5000)
    # The period of an instance without a cap is libvirt's: a quota in it is nothing that CloudStack has left.
    cloud.hypervisors["kvm1"].set_scheduler_parameter(names[uncapped], "vcpu_quota", 9000)
    found = cloud.audit()
    assert [state.state for state in line_of(found, capped).states] == ["quota-unexplained"]
    assert [state.state for state in line_of(found, uncapped).states] == ["quota-unexplained"]
    assert [state.state for state in line_of(found, low).states] == ["shares-low"]
    assert [state.state for state in line_of(found, high).states] == ["shares-high"]


def test_a_saved_speed_that_will_come_back(cloud: AuditedCloud) -> None:
    """DEF-03."""
    constrained = cloud.offering(None, 700, None, min_cpus=1, max_cpus=4, min_memory_mib=128, max_memory_mib=1024)
    unconstrained = cloud.offering(None, None, None)
    instance, twin = cloud.deploy(unconstrained, custom(1, 600, 256)), cloud.deploy(constrained, custom(1, None, 256))
    assert cloud.scale(instance, constrained)
    found = cloud.audit()
    assert [state.state for state in line_of(found, instance).states] == ["saved-speed"]
    assert line_of(found, twin).states == []


def test_domains_of_another_size_than_the_database(cloud: AuditedCloud) -> None:
    larger, smaller, right = cloud.deploy(), cloud.deploy(), cloud.deploy()
    cloud.hypervisors["kvm1"].set_vcpus(cloud.domain(larger).name, 2)
    assert cloud.scale(smaller, cloud.offering(cpus=2))
    cloud.domain(smaller).vcpus = 1
    cloud.domain(smaller).revision += 1
    found = cloud.audit()
    assert "domain-larger" in [state.state for state in line_of(found, larger).states]
    assert "domain-smaller" in [state.state for state in line_of(found, smaller).states]
    assert line_of(found, right).states == []


def test_memory_that_a_guest_cannot_use(cloud: AuditedCloud) -> None:
    """DEF-05."""
    instance, twin = cloud.deploy(), cloud.deploy()
    assert cloud.scale(instance, cloud.offering(mib=300))
    assert cloud.scale(twin, cloud.offering(mib=384))
    found = cloud.audit(bounds=Bounds(guests=True, api_rate=None))
    assert [state.state for state in line_of(found, instance).states] == ["guest-smaller"]
    assert line_of(found, twin).states == []
    assert cloud.states(instance) == []


def test_memory_overcommit_alone_is_nothing_wrong(cloud: AuditedCloud) -> None:
    cloud.set(MEMORY_OVERCOMMIT, "2", "cluster-a")
    started, scaled = cloud.deploy(cloud.offering(mib=512)), cloud.deploy(cloud.offering(mib=512))
    unprepared = cloud.deploy(cloud.offering(mib=512), template="lab-guest-unscalable")
    assert cloud.scale(scaled, cloud.offering(mib=1024))
    found = cloud.audit()
    assert (line_of(found, started).states, line_of(found, scaled).states) == ([], [])
    assert [state.state for state in line_of(found, unprepared).states] == ["template-off"]
    assert not line_of(found, unprepared).prepared


def test_an_instance_that_does_not_run_where_it_should(cloud: AuditedCloud) -> None:
    instance, twin = cloud.deploy(), cloud.deploy()
    cloud.hypervisors["kvm1"].destroy(cloud.domain(instance).name)
    found = cloud.audit()
    assert [state.state for state in line_of(found, instance).states] == ["absent"]
    assert line_of(found, twin).states == []


def test_a_domain_that_nobody_knows(cloud: AuditedCloud) -> None:
    instance = cloud.deploy()
    name = cloud.domain(instance).name
    xml = cloud.hypervisors["kvm1"].migratable_xml(name)
    uuid = xml.split("<uuid>")[1].split("<")[0]
    cloud.hypervisors["kvm1"].start(xml.replace(name, "i-9-99-VM").replace(uuid, f"ffffffff{uuid[8:]}"))
    host = host_of(cloud.audit(), "kvm1")
    assert ("unknown-domains", "i-9-99-VM") in [(state.state, state.observed) for state in host.states]
    assert "unknown-domains" not in cloud.host_states("kvm2")


def test_a_host_that_declares_more_than_it_has(cloud: AuditedCloud) -> None:
    cloud.audit()
    file = cloud.folder / "hosts" / "kvm2" / "root" / "virsh" / "nodeinfo"
    right = file.read_text()
    try:
        file.write_text(right.replace("CPU(s):              16", "CPU(s):              8"))
        state = host_of(cloud.audit(), "kvm2").states[0]
        assert (state.state, state.expected, state.observed) == ("capacity-differs", "8 CPUs", "16 CPUs")
        file.write_text(right.replace("CPU(s):              16", "CPU(s):              20"))
        assert cloud.host_states("kvm2") == ["capacity-reserved"]
    finally:
        file.write_text(right)
    assert cloud.host_states("kvm2") == []


def test_a_host_with_more_memory_in_its_domains_than_it_has(cloud: AuditedCloud) -> None:
    cloud.deploy(cloud.offering(mib=3072))
    file = cloud.folder / "hosts" / "kvm1" / "root" / "virsh" / "nodeinfo"
    cloud.audit()
    right = file.read_text()
    try:
        file.write_text(right.replace(f"{4096 * 1024} KiB", f"{2048 * 1024} KiB"))
        assert cloud.host_states("kvm1") == ["capacity-differs", "overfilled"]
    finally:
        file.write_text(right)
    assert cloud.host_states("kvm1") == []


def test_capacity_that_is_counted_too_low(cloud: AuditedCloud) -> None:
    """Two instances that grow by a migration: the destination counts the former size until it is recalculated."""
    filler = cloud.deploy(cloud.offering(1, 100, 3500))
    mover = cloud.deploy(cloud.offering(1, 500, 256))
    assert cloud.host_states("kvm1") == []
    assert cloud.scale(mover, cloud.offering(1, 500, 1024))
    assert cloud.host_states("kvm2") == ["counted-low"]
    assert cloud.states(filler) == []


def test_capacity_that_is_counted_too_high(cloud: AuditedCloud) -> None:
    """Up to 4.22 a scale within a custom offering releases what it has now, and nothing where that is not counted."""
    cloud.fresh(BEFORE)
    offering = cloud.offering(None, None, None)
    grown = cloud.deploy(offering, custom(1, 500, 256))
    cloud.deploy(offering, custom(1, 500, 256), host="kvm2")
    assert cloud.scale(grown, offering, custom(2, 1000, 512))

    found = cloud.audit()
    told = [(one.state, one.expected, one.observed, one.rule) for one in host_of(found, "kvm1").states]
    rule = "odd-overcounted-4.22"
    assert told == [("counted-high", "2000 MHz", "2500 MHz", rule), ("counted-high", "512 MiB", "768 MiB", rule)]
    assert host_of(found, "kvm2").states == []

    cloud.lab.inside.state.recalculate_capacity()
    assert cloud.host_states("kvm1") == []
