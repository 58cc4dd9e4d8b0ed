"""Finds out how this machine arranges cgroups and gives each lab host a group of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.remains import Remains

MOUNTINFO = Path("/proc/self/mountinfo")

# Any other option of a version 1 mount is not the name of a controller.
V1_CONTROLLERS = frozenset(
    [
        *("blkio", "cpu", "cpuacct", "cpuset", "devices", "freezer", "hugetlb"),
        *("memory", "misc", "net_cls", "net_prio", "perf_event", "pids", "rdma"),
    ]
)
V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")


class CgroupsMissingError(HarnessError):
    """The machine has no cgroup hierarchy that libvirt could use."""


@dataclass(frozen=True)
class Hierarchy:
    """A mounted hierarchy; `controllers` is empty on version 2, where one hierarchy has them all."""

    mount: Path
    controllers: tuple[str, ...]


@dataclass(frozen=True)
class CgroupLayout:
    """Version 1 with one or more hierarchies, or version 2 with exactly one."""

    version: int
    hierarchies: tuple[Hierarchy, ...]

    @property
    def plan(self) -> str:
        """The layout as the host's first process reads it: `v2`, or one word of controllers for each hierarchy."""
        return "v2" if self.version == 2 else " ".join(",".join(h.controllers) for h in self.hierarchies)


def read_layout(mountinfo: str) -> CgroupLayout:
    """Understand the text of /proc/<pid>/mountinfo.

    A machine that has version 1 controllers is version 1, also when an (empty) version 2 is mounted beside them.
    """
    first: dict[tuple[str, ...], Hierarchy] = {}
    unified: Hierarchy | None = None
    for line in mountinfo.splitlines():
        mount_fields, _, filesystem_fields = line.partition(" - ")
        mount = Path(mount_fields.split()[4])
        filesystem, _, options = filesystem_fields.split()[:3]
        if filesystem == "cgroup2":
            unified = unified or Hierarchy(mount, ())
        elif filesystem == "cgroup":
            controllers = tuple(option for option in options.split(",") if option in V1_CONTROLLERS)
            if controllers:
                first.setdefault(controllers, Hierarchy(mount, controllers))
    if first:
        return CgroupLayout(1, tuple(first.values()))
    if unified is not None:
        return CgroupLayout(2, (unified,))
    raise CgroupsMissingError("no cgroup hierarchy is mounted; mount cgroup2 on /sys/fs/cgroup")


def layout() -> CgroupLayout:
    """How this machine is arranged."""
    return read_layout(MOUNTINFO.read_text(encoding="utf-8"))


def make_group(arrangement: CgroupLayout, name: str, remains: Remains) -> tuple[Path, ...]:
    """Make the group `name` in every hierarchy."""
    groups = tuple(hierarchy.mount / name for hierarchy in arrangement.hierarchies)
    taken = [group for group in groups if group.exists()]
    if taken:
        raise HarnessError(f"the cgroup {taken[0]} exists already; another lab has this id")
    remains.cgroups(*groups)
    for hierarchy, group in zip(arrangement.hierarchies, groups, strict=True):
        if arrangement.version == 2:
            _enable_controllers(hierarchy.mount)
        group.mkdir()
        if "cpuset" in hierarchy.controllers:
            # On version 1 a new cpuset is empty and takes no process until it has CPUs and memory nodes.
            for setting in ("cpuset.cpus", "cpuset.mems"):
                (group / setting).write_text((hierarchy.mount / setting).read_text(encoding="ascii"), encoding="ascii")
            (group / "cgroup.clone_children").write_text("1", encoding="ascii")
    return groups


def join(groups: tuple[Path, ...], pid: int) -> None:
    """Move a process into the groups."""
    for group in groups:
        (group / "cgroup.procs").write_text(str(pid), encoding="ascii")


def make_way(group: Path, pid: int) -> None:
    """On version 2, move a process that has made `group` its root one level down: a group with processes of its own
    cannot hand controllers to libvirt's groups in it."""
    (group / "init").mkdir()
    (group / "init" / "cgroup.procs").write_text(str(pid), encoding="ascii")


def _enable_controllers(mount: Path) -> None:
    available = (mount / "cgroup.controllers").read_text(encoding="ascii").split()
    enabled = (mount / "cgroup.subtree_control").read_text(encoding="ascii").split()
    for controller in V2_CONTROLLERS:
        if controller in available and controller not in enabled:
            (mount / "cgroup.subtree_control").write_text(f"+{controller}", encoding="ascii")
