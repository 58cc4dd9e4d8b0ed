"""How a machine's mounts are understood."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.lab.kvm.cgroups import CgroupsMissingError, read_layout

APART = """\
30 25 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
31 25 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 25 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
33 25 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
"""
TOGETHER = "30 25 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
UNIFIED = "30 25 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"


def test_each_controller_may_have_a_hierarchy_of_its_own() -> None:
    layout = read_layout(APART)
    assert (layout.version, layout.plan) == (1, "cpu memory")
    assert [hierarchy.mount for hierarchy in layout.hierarchies] == [
        Path("/sys/fs/cgroup/cpu"),
        Path("/sys/fs/cgroup/memory"),
    ]


def test_controllers_may_share_a_hierarchy() -> None:
    assert read_layout(TOGETHER).plan == "cpu,cpuacct"


def test_one_unified_hierarchy_is_version_2() -> None:
    layout = read_layout(UNIFIED)
    assert (layout.version, layout.plan, layout.hierarchies[0].mount) == (2, "v2", Path("/sys/fs/cgroup"))


def test_a_machine_without_cgroups_is_refused() -> None:
    with pytest.raises(CgroupsMissingError):
        read_layout("30 25 0:26 / / rw - ext4 /dev/vda rw\n")
