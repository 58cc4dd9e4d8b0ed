"""What virsh prints is read exactly or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.hosts.observation import CgroupView, NotSeen, SchedulerView, VcpuBandwidth, VcpuCounts
from harness.hosts.virsh_reading import (
    read_cgroup,
    read_nodeinfo,
    read_scheduler,
    read_vcpu_counts,
    read_versions,
)

SCHEDINFO = "Scheduler      : posix\ncpu_shares     : 500\nvcpu_period    : 10000\nvcpu_quota     : -1"


def test_schedinfo_is_read() -> None:
    assert read_scheduler(SCHEDINFO) == SchedulerView(shares=500, period_us=10000, quota_us=-1)


@pytest.mark.parametrize("lost", ["cpu_shares", "vcpu_period", "vcpu_quota"])
def test_a_missing_scheduler_value_is_not_seen_and_named(lost: str) -> None:
    text = "\n".join(line for line in SCHEDINFO.splitlines() if lost not in line)

    seen = read_scheduler(text)

    assert isinstance(seen, NotSeen)
    assert lost in seen.reason


def test_a_scheduler_value_that_is_no_number_is_not_seen() -> None:
    assert isinstance(read_scheduler(SCHEDINFO.replace("500", "many")), NotSeen)


def test_vcpu_counts_are_the_live_ones() -> None:
    text = "maximum  config  9\nmaximum  live  8\ncurrent  config  7\ncurrent  live  2"

    assert read_vcpu_counts(text) == VcpuCounts(current=2, maximum=8)


@pytest.mark.parametrize("text", ["maximum      live           8", "2", "current live two\nmaximum live 8"])
def test_half_a_vcpu_count_is_not_seen(text: str) -> None:
    assert isinstance(read_vcpu_counts(text), NotSeen)


def test_cgroup_version_1_is_read() -> None:
    text = "version 1\nweight 500\nquota 0 -1\nperiod 0 100000\nquota 10 2500\nperiod 10 10000"

    assert read_cgroup(text) == CgroupView(1, 500, {0: VcpuBandwidth(-1, 100000), 10: VcpuBandwidth(2500, 10000)})


def test_cgroup_version_2_is_read_with_max_as_unlimited() -> None:
    assert read_cgroup("version 2\nweight 63\nmax 0 max 100000\nmax 1 2500 10000") == CgroupView(
        2, 63, {0: VcpuBandwidth(-1, 100000), 1: VcpuBandwidth(2500, 10000)}
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("reason no QEMU pid in /run/libvirt/qemu/x.pid", "no QEMU pid"),
        ("version 1\nunreadable /sys/fs/cgroup/cpu/x/cpu.shares", "cannot read /sys/fs/cgroup/cpu/x/cpu.shares"),
        ("version 1\nweight 500", "no group for its vCPUs"),
        ("version 1\nweight 500\nquota 0 -1", "no group for its vCPUs"),
        ("version 2\nmax 0 max 100000", "did not come to the cgroup's weight"),
        ("version 3\nweight 1", "not understood"),
        ("version 1\nweight lots", "not understood"),
        ("version 2\nweight 1\nmax 0 none 100000", "not understood"),
    ],
)
def test_a_cgroup_that_is_not_whole_is_not_seen_with_the_reason(text: str, reason: str) -> None:
    seen = read_cgroup(text)

    assert isinstance(seen, NotSeen)
    assert reason in seen.reason


def test_nodeinfo_and_versions_are_read() -> None:
    node = "CPU model:           x86_64\nCPU(s):              16\n"
    node += "CPU frequency:       2500 MHz\nMemory size:         8388608 KiB"
    version = "Compiled against library: libvirt 8.0.0\nUsing library: libvirt 9.0.0\nRunning hypervisor: QEMU 7.2.22"

    assert read_nodeinfo(node) == (16, 2500, 8388608)
    assert read_versions(version) == ("9.0.0", "7.2.22")
    assert read_nodeinfo(node.replace("CPU(s)", "CPUs")) is None
    assert read_versions(version.replace("Running", "Walking")) is None


@given(st.text())
def test_no_text_whatever_raises(text: str) -> None:
    for read in (read_scheduler, read_vcpu_counts, read_cgroup, read_nodeinfo, read_versions):
        read(text)


def test_a_part_that_was_not_seen_stays_so() -> None:
    why = NotSeen("why")

    assert [read_scheduler(why), read_vcpu_counts(why), read_cgroup(why)] == [why, why, why]
