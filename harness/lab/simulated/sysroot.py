"""Renders a simulated host as the files that commands on it read: cgroup, proc, run, and virsh's answers."""

from __future__ import annotations

import os
import shlex
import shutil
import threading
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from harness.lab.simulated.domain import SimulatedDomain
from harness.lab.simulated.hypervisor import LIBVIRTD_AWAY, SimulatedHypervisor
from harness.lab.simulated.live_xml import dump

_LIBVIRT = "9.0.0"
_QEMU = "7.2.22"

# What stands for the host among the domains' names; and the file by which virsh knows that libvirtd is away.
_HOST = ""
_AWAY = "virsh/libvirtd-away"

# Domain id, revision, and since when it is here.
State = tuple[int, int, float]


class Sysroot:
    """One host's files under `directory`: `bin` stands first in PATH, `root` is HARNESS_SYSROOT."""

    def __init__(self, directory: Path, hypervisor: SimulatedHypervisor) -> None:
        self.root = directory / "root"
        self.bin = directory / "bin"
        self._hypervisor = hypervisor
        self._lock = threading.Lock()
        self._rendered: dict[str, State] = {}
        # By domain, the folders that are its own; by domain and path below the root, a hash of the text that is there.
        self._folders: dict[str, tuple[str, ...]] = {}
        self._texts: dict[str, dict[str, int]] = {}

    def _create(self) -> None:
        """Make what stays the same: the commands, and the host's own answers."""
        for tool in ("virsh", "stat"):
            self._write(self.bin / tool, resources.files(__package__).joinpath(f"{tool}.sh").read_text("utf-8"))
            (self.bin / tool).chmod(0o755)
        node = self._hypervisor.node_info()
        virsh = self.root / "virsh"
        self._write(
            virsh / "nodeinfo",
            "CPU model:           x86_64\n"
            f"CPU(s):              {node.cpus}\n"
            f"CPU frequency:       {node.speed_mhz} MHz\n"
            "CPU socket(s):       1\n"
            f"Core(s) per socket:  {node.cpus}\n"
            "Thread(s) per core:  1\n"
            "NUMA cell(s):        1\n"
            f"Memory size:         {node.memory_kib} KiB\n",
        )
        self._write(
            virsh / "version",
            f"Compiled against library: libvirt {_LIBVIRT}\n"
            f"Using library: libvirt {_LIBVIRT}\n"
            f"Using API: QEMU {_LIBVIRT}\n"
            f"Running hypervisor: QEMU {_QEMU}\n",
        )
        self._write(virsh / "cgroup_type", "cgroup2fs\n" if node.cgroup_version == 2 else "tmpfs\n")

    def render(self) -> None:
        """Bring the files up to the domains' present state; only what changed is written."""
        with self._lock:
            if not self.bin.exists():
                self._create()
            self._start_programs()
            names = tuple(sorted(self._hypervisor.snapshot(lambda _: None, lambda _: False)))
            fresh = self._hypervisor.snapshot(
                self._files, lambda domain: self._rendered.get(domain.name) == _state(domain)
            )
            for name in [name for name in self._rendered if name not in names or self._is_another(name, fresh)]:
                self._forget(name)
            for name, (state, files, folders) in fresh.items():
                self._put(name, files)
                self._drop(name, self._texts[name].keys() - files.keys())
                os.utime(self.root / _pid_file(name), (state[2], state[2]))
                self._rendered[name] = state
                self._folders[name] = folders
            for name, used in self._hypervisor.snapshot(_used, lambda domain: not domain.load.was_ever_busy).items():
                # Never taken away: somebody else may be reading them, and they move all the time.
                self._put(name, used)
            files = {"virsh/names": "".join(f"{name}\n" for name in names)}
            if not self._hypervisor.libvirtd_answers:
                files[_AWAY] = f"error: failed to connect to the hypervisor\nerror: {LIBVIRTD_AWAY}\n"
            self._put(_HOST, files)
            self._drop(_HOST, {_AWAY} & self._texts[_HOST].keys() - files.keys())

    def _is_another(self, name: str, fresh: Mapping[str, tuple[State, object, object]]) -> bool:
        """Whether the domain of this name is not the one that was rendered, but one that began after it."""
        return name in fresh and fresh[name][0][0] != self._rendered[name][0]

    def _put(self, name: str, files: dict[str, str]) -> None:
        """Files of a domain, or of the host, by path; those of a domain that virsh shows become commands.

        What is there already is not written again: making files is the dearest thing that a simulated host does.
        """
        texts = self._texts.setdefault(name, {})
        for path, text in files.items():
            if texts.get(path) != (hashed := hash(text)):
                self._write(self.root / path, shown(text) if path.startswith(f"virsh/{name}/") else text)
                texts[path] = hashed

    def _drop(self, name: str, paths: Iterable[str]) -> None:
        """Remove files, and the folder of each with the last one in it."""
        for path in list(paths):
            gone = self.root / path
            gone.unlink(missing_ok=True)
            if not any(gone.parent.iterdir()):
                gone.parent.rmdir()
            del self._texts[name][path]

    def _files(self, domain: SimulatedDomain) -> tuple[State, dict[str, str], tuple[str, ...]]:
        state, files, folders = _files(domain)
        self._hypervisor.look(domain, files)
        return state, files, folders

    def _start_programs(self) -> None:
        """What commands had the guest agents execute since the last time: lines of uptime and duration by domain."""
        for asked in (self.root / "virsh" / "guest-exec").glob("*"):
            taken = asked.rename(asked.with_name(f".{asked.name}"))
            for line in taken.read_text(encoding="utf-8").splitlines():
                since, seconds = line.split()
                self._hypervisor.burn(asked.name, float(since), float(seconds))
            taken.unlink()

    def _forget(self, name: str) -> None:
        del self._rendered[name], self._texts[name]
        for folder in self._folders.pop(name):
            shutil.rmtree(self.root / folder)
        (self.root / _pid_file(name)).unlink()

    @staticmethod
    def _write(path: Path, text: str) -> None:
        # A command of another session may be reading: it must find the old file or the new one.
        beside = path.with_name(f".{path.name}.new")
        try:
            beside.write_text(text, encoding="utf-8")
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            beside.write_text(text, encoding="utf-8")
        beside.replace(path)


def shown(text: str) -> str:
    """A command of sh that prints it."""
    return f"printf %s {shlex.quote(text)}\n"


def _state(domain: SimulatedDomain) -> State:
    return domain.number, domain.revision, domain.since


def _pid_file(name: str) -> str:
    return f"run/libvirt/qemu/{name}.pid"


def _files(domain: SimulatedDomain) -> tuple[State, dict[str, str], tuple[str, ...]]:
    """The domain's state, its files by path below the root, and the folders that are its own."""
    name, state = domain.name, _state(domain)
    virsh = f"virsh/{name}"
    scheduler = {"Scheduler": "posix", **{key: str(value) for key, value in domain.scheduler_parameters().items()}}
    files = {
        f"{virsh}/dumpxml": dump(domain),
        f"{virsh}/schedinfo": "".join(f"{key:<15}: {value}\n" for key, value in scheduler.items()),
        f"{virsh}/vcpucount": (
            f"{'maximum':<12} {'live':<8} {domain.definition.max_vcpus:>6}\n"
            f"{'current':<12} {'live':<8} {domain.vcpus:>6}\n"
        ),
        f"{virsh}/domstate": f"running ({'migrated' if domain.took_over else 'booted'})\n",
        _pid_file(name): str(domain.pid),
        f"proc/{domain.pid}/cmdline": _command_line(domain),
    }
    for command, answer in (domain.guest_answers() or {}).items():
        files[f"{virsh}/{command}"] = f"{answer}\n"
    scope = _cgroup_one(domain, files) if domain.cgroup_version == 1 else _cgroup_two(domain, files)
    files.update(_used(domain))
    return state, files, (virsh, f"proc/{domain.pid}", scope)


def _command_line(domain: SimulatedDomain) -> str:
    waiting = ("-incoming", "defer") if domain.took_over else ()
    return "".join(f"{each}\0" for each in ("qemu-system-x86_64", "-name", f"guest={domain.name}", *waiting))


def _used(domain: SimulatedDomain) -> dict[str, str]:
    """The files that move while the guest is busy: libvirt's statistics and the cgroups' own."""
    domain.account()
    statistics = [f"Domain: '{domain.name}'", f"  vcpu.current={domain.vcpus}"]
    statistics.append(f"  vcpu.maximum={domain.definition.max_vcpus}")
    files, vcpus = {}, _mounted(domain, _group(domain)[1])
    for vcpu in range(domain.vcpus):
        statistics += [f"  vcpu.{vcpu}.state=1", f"  vcpu.{vcpu}.time={domain.load.used_ns(vcpu)}"]
        throttled = f"nr_periods 0\nnr_throttled {domain.load.throttled(vcpu)}\nthrottled_time 0\n"
        files[f"{vcpus}/vcpu{vcpu}/cpu.stat"] = throttled
    files[f"virsh/{domain.name}/domstats"] = "\n".join(statistics) + "\n"
    return files


def _group(domain: SimulatedDomain) -> tuple[str, str]:
    """Below the cgroup tree: the domain's scope, and what in it holds the vCPUs.

    On version 1 the tree that libvirt makes without systemd; on version 2 that under systemd, where libvirt keeps a
    nested group for itself.
    """
    if domain.cgroup_version == 1:
        scope = f"machine/qemu-{domain.number}-{domain.name}.libvirt-qemu"
        return scope, scope
    escaped = domain.name.replace("-", "\\x2d")
    scope = f"machine.slice/machine-qemu\\x2d{domain.number}\\x2d{escaped}.scope"
    return scope, f"{scope}/libvirt"


def _mounted(domain: SimulatedDomain, group: str) -> str:
    return f"sys/fs/cgroup/cpu/{group}" if domain.cgroup_version == 1 else f"sys/fs/cgroup/{group}"


def _cgroup_one(domain: SimulatedDomain, files: dict[str, str]) -> str:
    """Quota and period stand in each vCPU's group only."""
    group, _ = _group(domain)
    files[f"proc/{domain.pid}/cgroup"] = f"2:memory:/{group}\n1:cpu:/{group}/emulator\n0::/\n"
    scope = _mounted(domain, group)
    files[f"{scope}/cpu.shares"] = f"{domain.effective_shares}\n"
    for vcpu in range(domain.vcpus):
        files[f"{scope}/vcpu{vcpu}/cpu.cfs_quota_us"] = f"{domain.effective_quota_us}\n"
        files[f"{scope}/vcpu{vcpu}/cpu.cfs_period_us"] = f"{domain.effective_period_us}\n"
    return scope


def _cgroup_two(domain: SimulatedDomain, files: dict[str, str]) -> str:
    """The weight stands at the scope."""
    group, nested = _group(domain)
    files[f"proc/{domain.pid}/cgroup"] = f"0::/{nested}/emulator\n"
    scope = _mounted(domain, group)
    files[f"{scope}/cpu.weight"] = f"{domain.effective_shares}\n"
    quota = "max" if domain.effective_quota_us == -1 else str(domain.effective_quota_us)
    for vcpu in range(domain.vcpus):
        files[f"{_mounted(domain, nested)}/vcpu{vcpu}/cpu.max"] = f"{quota} {domain.effective_period_us}\n"
    return scope
