"""Domains at start, after a scale and after a migration, against values seen on real hosts."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference import refusals, rules
from harness.reference.domain import (
    UNBOUNDED_MEMORY_BYTES,
    UNBOUNDED_VCPUS,
    Ceilings,
    ScaleCommand,
    Topology,
    ceilings,
    domain_after_migration,
    domain_after_scale,
    domain_at_start,
    scale_command,
    topology,
)
from harness.reference.offering import Offering, Size
from harness.reference.release import BEFORE, SINCE
from harness.reference.settings import (
    CPU_CEILING,
    CPU_OVERCOMMIT,
    DIVIDE_MEMORY,
    DIVIDE_SPEED,
    MEMORY_CEILING,
    MEMORY_OVERCOMMIT,
    Settings,
)
from tests.reference.worlds import LARGE, SCALING_ON, SMALL, fixed, running, world

CONSTRAINED = Offering(
    "c", "constrained", None, 500, None, min_cpus=1, max_cpus=4, min_memory_mib=256, max_memory_mib=1024
)


def _at_start(settings: Settings = SCALING_ON, *, cap: bool = False, prepared: bool = True, speed_mhz: int = 500):
    offering = fixed(1, speed_mhz, 512)
    return domain_at_start(SINCE, settings, SMALL, offering, Size(1, speed_mhz, 512), cpu_cap=cap, prepared=prepared)


@pytest.mark.parametrize(
    ("vcpus", "expected"),
    [
        (1, Topology(1, 1, 1)),
        (2, Topology(2, 1, 1)),
        (4, Topology(1, 4, 1)),
        (6, Topology(1, 6, 1)),
        (7, Topology(7, 1, 1)),
        (8, Topology(2, 4, 1)),
        (12, Topology(2, 6, 1)),
        (16, Topology(4, 4, 1)),
    ],
)
def test_cores_are_six_or_else_four_where_they_divide(vcpus: int, expected: Topology) -> None:
    assert topology(vcpus) == expected


def test_a_prepared_domain_can_grow_to_the_host() -> None:
    domain = _at_start()
    assert domain.max_memory_kib == 4194304
    assert (domain.vcpus, domain.max_vcpus, domain.numa_cpus) == (1, 8, "0-7")
    assert (domain.scheduler_quota_us, domain.scheduler_period_us) == (-1, 100000)


def test_an_unprepared_domain_cannot_grow() -> None:
    domain = _at_start(prepared=False)
    assert (domain.max_memory_kib, domain.max_vcpus, domain.numa_cpus) == (None, 1, None)


def test_memory_overcommit_gives_even_an_unprepared_domain_a_maximum() -> None:
    domain = _at_start(Settings(global_values={MEMORY_OVERCOMMIT: "2"}), prepared=False)
    assert (domain.memory_kib, domain.max_memory_kib) == (262144, 524288)
    kept = _at_start(Settings(global_values={MEMORY_OVERCOMMIT: "2", DIVIDE_MEMORY: "false"}), prepared=False)
    assert (kept.memory_kib, kept.max_memory_kib) == (524288, None)


@pytest.mark.parametrize(("memory", "cpu"), [("0", "0"), ("-1", "-1")])
def test_settings_of_zero_and_below_mean_the_host(memory: str, cpu: str) -> None:
    settings = Settings(clusters={"a": {MEMORY_CEILING: memory, CPU_CEILING: cpu}})
    assert ceilings(SINCE, settings, fixed(1, 500, 512), host=SMALL) == Ceilings(SMALL.memory_bytes, SMALL.cpus)


def test_each_setting_counts_on_its_own() -> None:
    settings = Settings(clusters={"a": {MEMORY_CEILING: "8192"}}, global_values={CPU_CEILING: "3"})
    limits = ceilings(SINCE, settings, fixed(1, 500, 512), host=SMALL)
    assert limits == Ceilings(8192 * 1048576, 3)


def test_without_a_host_the_last_one_gives_totals_and_global_values_count() -> None:
    settings = Settings(clusters={"a": {CPU_CEILING: "4"}}, global_values={MEMORY_CEILING: "100"})
    limits = ceilings(SINCE, settings, fixed(1, 500, 512), host=None, last_host=SMALL)
    assert limits == Ceilings(100 * 1048576, SMALL.cpus)
    assert ceilings(SINCE, Settings(), fixed(1, 500, 512), host=None) == Ceilings(
        UNBOUNDED_MEMORY_BYTES, UNBOUNDED_VCPUS
    )


def test_before_the_pull_request_the_offering_is_the_ceiling() -> None:
    settings = Settings(clusters={"a": {CPU_CEILING: "7"}})
    assert ceilings(BEFORE, settings, CONSTRAINED, host=SMALL) == Ceilings(1024 * 1048576, 4)
    assert ceilings(SINCE, settings, CONSTRAINED, host=SMALL) == Ceilings(SMALL.memory_bytes, 7)


@given(memory_mib=st.integers(-10, 10**6), cpus=st.integers(-10, 10**4))
def test_ceilings_are_positive_and_never_fall_when_a_setting_rises(memory_mib: int, cpus: int) -> None:
    def limits(more: int) -> Ceilings:
        values = {MEMORY_CEILING: str(memory_mib + more), CPU_CEILING: str(cpus + more)}
        return ceilings(SINCE, Settings(clusters={"a": values}), fixed(1, 500, 512), host=SMALL)

    assert limits(0).memory_bytes > 0
    assert limits(0).vcpus > 0
    if memory_mib > 0:
        assert limits(1).memory_bytes > limits(0).memory_bytes
    if cpus > 0:
        assert limits(1).vcpus > limits(0).vcpus


def test_live_quota_is_by_the_divided_speed_and_that_at_start_by_the_full_one() -> None:
    settings = Settings(global_values={CPU_OVERCOMMIT: "2"})
    assert _at_start(settings, cap=True, speed_mhz=600).quota_us == 3000
    command = scale_command(SINCE, settings, SMALL, Size(1, 600, 512), cpu_cap=True, was_capped=False)
    assert command.quota_percentage == 0.15
    whole = Settings(global_values={CPU_OVERCOMMIT: "2", DIVIDE_SPEED: "false"})
    assert scale_command(SINCE, whole, SMALL, Size(1, 600, 512), cpu_cap=True, was_capped=False).quota_percentage == 0.3


def _command(cpus: int = 1, memory_mib: int = 512, *, cap: bool = False, was_capped: bool = False) -> ScaleCommand:
    return scale_command(SINCE, SCALING_ON, SMALL, Size(cpus, 500, memory_mib), cpu_cap=cap, was_capped=was_capped)


def test_a_scale_attaches_one_dimm_and_plugs_vcpus_and_raises_shares() -> None:
    domain, failure = domain_after_scale(SINCE, _at_start(), _command(cpus=2, memory_mib=1024), SMALL)
    assert failure is None
    assert (domain.dimms_kib, domain.memory_kib, domain.boot_memory_kib) == ((524288,), 1048576, 524288)
    assert (domain.vcpus, domain.shares, domain.guest_memory_mib) == (2, 1000, 1024)


@pytest.mark.parametrize(
    ("cap", "was_capped", "quota_us", "period_us"),
    [
        (False, False, None, None),
        (True, False, 2500, 10000),
        (False, True, 17592186044415, 10000),
        (True, True, 2500, 10000),
    ],
)
def test_quota_is_set_updated_and_removed(
    cap: bool, was_capped: bool, quota_us: int | None, period_us: int | None
) -> None:
    start = _at_start(cap=was_capped, speed_mhz=1000)
    domain, failure = domain_after_scale(SINCE, start, _command(cap=cap, was_capped=was_capped), SMALL)
    assert failure is None
    assert (domain.quota_us, domain.period_us) == (quota_us, period_us)


def test_before_the_pull_request_a_scale_leaves_the_quota_stale() -> None:
    start = _at_start(cap=True, speed_mhz=1000)
    domain, _ = domain_after_scale(BEFORE, start, _command(cap=False, was_capped=True), SMALL)
    assert domain.quota_us == 5000
    assert domain.because["quota_us"] is rules.QUOTA_STALE


def test_memory_above_the_ceiling_stops_the_agent_before_vcpus() -> None:
    start = _at_start()
    domain, failure = domain_after_scale(SINCE, start, _command(cpus=2, memory_mib=8192), SMALL)
    assert failure is rules.DIMM
    assert domain == start


def test_vcpus_above_the_ceiling_leave_the_memory_attached() -> None:
    domain, failure = domain_after_scale(SINCE, _at_start(), _command(cpus=9, memory_mib=1024), SMALL)
    assert failure is rules.HOTPLUG
    assert (domain.dimms_kib, domain.vcpus, domain.shares) == ((524288,), 1, 500)


def test_an_unprepared_domain_refuses_memory() -> None:
    _, failure = domain_after_scale(SINCE, _at_start(prepared=False), _command(memory_mib=1024), SMALL)
    assert failure is refusals.NOT_PREPARED_MEMORY


def test_the_seventeenth_dimm_and_an_odd_one_are_refused() -> None:
    full = replace(_at_start(), dimms_kib=(2048,) * 16)
    assert domain_after_scale(SINCE, full, _command(memory_mib=2048), SMALL)[1] is rules.DIMM
    assert domain_after_scale(SINCE, _at_start(), _command(memory_mib=513), SMALL)[1] is rules.DIMM


def test_a_dimm_that_is_no_whole_memory_block_stays_unseen_by_the_guest() -> None:
    domain, failure = domain_after_scale(SINCE, _at_start(), _command(memory_mib=512 + 44), SMALL)
    assert failure is None
    assert (domain.memory_kib, domain.guest_memory_mib) == (556 * 1024, 512)


def test_a_dimm_behind_one_that_is_no_whole_block_stays_unseen_too() -> None:
    there = replace(_at_start(), dimms_kib=(131072, 44 * 1024))
    assert there.guest_memory_mib == 512 + 128
    domain, _ = domain_after_scale(SINCE, there, _command(memory_mib=512 + 128 + 44 + 256), SMALL)
    assert domain.dimms_kib[-1] == 262144
    assert domain.guest_memory_mib == 512 + 128
    refilled = replace(there, dimms_kib=(44 * 1024, 84 * 1024, 262144))
    assert refilled.guest_memory_mib == 512 + 256


def test_shares_are_never_lowered() -> None:
    domain, _ = domain_after_scale(SINCE, replace(_at_start(), shares=4000), _command(cpus=2), SMALL)
    assert domain.shares == 4000


def test_a_migration_keeps_ceilings_and_quota_and_computes_shares_for_the_destination() -> None:
    there = world()
    before = running(there, fixed(2, 1000, 512, cap=True))
    v2 = replace(LARGE, cgroup_version=2)
    after = domain_after_migration(there.settings, before.domain, before.size, v2)
    assert after.shares == 500
    assert replace(after, shares=before.domain.shares) == before.domain
