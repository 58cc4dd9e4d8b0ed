"""One lab host: namespaces and cgroups of its own in which libvirtd and sshd run."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.lab.fleet import LabHost, SshAccess
from harness.lab.hypervisor import HypervisorError
from harness.lab.kvm.cgroups import CgroupLayout, join, make_way
from harness.lab.kvm.gate import LAB_VARIABLE, GatedProcess
from harness.lab.kvm.host_files import SSH_PORT, HostFiles
from harness.lab.kvm.libvirt_hypervisor import LibvirtHypervisor
from harness.lab.kvm.saved_boots import SavedBoots
from harness.lab.remains import Remains
from harness.waiting import DeadlineExpired, wait_until

INIT_SCRIPT = Path(__file__).with_name("host-init.sh")
GUEST_BRIDGE = "cloudbr0"
NAMESPACE_SECONDS = 10.0
READY_SECONDS = 30.0
ORDER_SECONDS = 20.0


@dataclass(frozen=True)
class KvmHost:
    """A host whose processes run. `process` is in the host's network, mount, UTS, IPC and cgroup namespaces, though
    not in its PID namespace: it is the parent of that namespace's first process, which dies with it."""

    files: HostFiles
    process: GatedProcess
    cgroup_version: int

    @property
    def libvirt_uri(self) -> str:
        """libvirtd's UNIX socket inside the host, reached from outside; only root can walk there."""
        return f"qemu+unix:///system?socket=/proc/{self.process.pid}/root/run/libvirt/libvirt-sock"

    def begin(self, groups: tuple[Path, ...]) -> None:
        """Let the host go into its cgroups and namespaces; there it waits for its cable and one more `let_go`."""
        join(groups, self.process.pid)
        self.process.let_go()
        self.process.wait_for_own_network(NAMESPACE_SECONDS)
        if self.cgroup_version == 2:
            make_way(groups[0], self.process.pid)

    def wait_until_ready(self, key_file: Path, boots: SavedBoots | None = None) -> LabHost:
        """Return the host once libvirtd and sshd answer; `boots` start its guests, if given."""
        hypervisor = LibvirtHypervisor(
            self.files.spec.name, self.libvirt_uri, str(self.files.address), self.cgroup_version, boots
        )
        self.wait_for_libvirtd(hypervisor)
        self.wait_for_sshd()
        algorithm, key = self.files.host_key.with_suffix(".pub").read_text(encoding="ascii").split()[:2]
        address = str(self.files.address)
        access = SshAccess(address, SSH_PORT, "root", key_file, f"{address} {algorithm} {key}")
        return LabHost(self.files.spec, hypervisor, access, self.files.agent_log)

    def order(self, what: str) -> None:
        """Have one of the orders of host-init.sh carried out; returns when it is."""
        done = self.files.folder / "orders"
        before = _lines(done)
        self.process.tell(what)

        def look() -> int:
            self.process.require_running()
            return _lines(done)

        wait_until(f"{self.files.spec.name} to {what}", look, lambda now: now > before, ORDER_SECONDS)

    def wait_for_sshd(self) -> None:
        self._wait("sshd", self.ssh_greeting, OSError)

    def wait_for_libvirtd(self, hypervisor: LibvirtHypervisor) -> None:
        self._wait("libvirtd", hypervisor.node_info, HypervisorError)

    def _wait(self, daemon: str, look: Callable[[], object], transient: type[Exception]) -> None:
        def answer() -> object:
            self.process.require_running()
            return look()

        try:
            wait_until(
                f"{daemon} of {self.files.spec.name}",
                answer,
                lambda _: True,
                READY_SECONDS,
                first_pause_s=0.01,
                longest_pause_s=0.05,
                transient=(transient,),
            )
        except DeadlineExpired as expired:
            said = self.files.libvirtd_log.read_text(encoding="utf-8") if self.files.libvirtd_log.exists() else ""
            last = " / ".join(said.strip().splitlines()[-2:])
            raise self.process.failure(f"has no {daemon} ({expired.last_seen}; {last})") from expired

    def ssh_greeting(self) -> bytes:
        with socket.create_connection((str(self.files.address), SSH_PORT), timeout=5.0) as connection:
            return connection.recv(64)


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


def start_host(files: HostFiles, lab_id: str, arrangement: CgroupLayout, remains: Remains) -> KvmHost:
    """Write a host's files and start its process, held back until `begin`."""
    remains.directories(files.folder)
    files.write()
    environment = {
        LAB_VARIABLE: lab_id,
        "HOST_NAME": files.spec.name,
        "HOST_FOLDER": str(files.folder),
        "HOST_ADDRESS": f"{files.address}/24",
        "HOST_BRIDGE": GUEST_BRIDGE,
        "HOST_UPLINK": "bridged" if files.uplink_bridged else "",
        "CGROUP_PLAN": arrangement.plan,
        "LIBVIRTD_FLAGS": "--listen" if files.libvirt_tcp else "",
    }
    namespaces = ["--mount", "--uts", "--ipc", "--net", "--cgroup", "--pid"]
    process = GatedProcess(
        ["unshare", *namespaces, "--fork", "--kill-child", "sh", str(INIT_SCRIPT)], files.log, remains, environment
    )
    return KvmHost(files, process, arrangement.version)
