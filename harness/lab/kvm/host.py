"""One lab host: namespaces and cgroups of its own in which libvirtd and sshd run."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from harness.lab.fleet import LabHost, SshAccess
from harness.lab.hypervisor import HypervisorError
from harness.lab.kvm.cgroups import CgroupLayout, join, make_group
from harness.lab.kvm.gate import GatedProcess
from harness.lab.kvm.host_files import SSH_PORT, HostFiles
from harness.lab.kvm.libvirt_hypervisor import LibvirtHypervisor
from harness.lab.remains import Remains
from harness.waiting import wait_until

INIT_SCRIPT = Path(__file__).with_name("host-init.sh")
GUEST_BRIDGE = "cloudbr0"
READY_SECONDS = 30.0


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

    def wait_until_ready(self, key_file: Path) -> LabHost:
        """Return the host once libvirtd and sshd answer."""
        hypervisor = LibvirtHypervisor(
            self.files.spec.name, self.libvirt_uri, str(self.files.address), self.cgroup_version
        )
        self._wait("libvirtd", hypervisor.node_info, HypervisorError)
        self._wait("sshd", self._ssh_greeting, OSError)
        algorithm, key = self.files.host_key.with_suffix(".pub").read_text(encoding="ascii").split()[:2]
        address = str(self.files.address)
        access = SshAccess(address, SSH_PORT, "root", key_file, f"{address} {algorithm} {key}")
        return LabHost(self.files.spec, hypervisor, access)

    def _wait(self, daemon: str, look: object, transient: type[Exception]) -> None:
        assert callable(look)

        def answer() -> object:
            self.process.require_running()
            return look()

        what = f"{daemon} of {self.files.spec.name} (see {self.files.log})"
        wait_until(
            what,
            answer,
            lambda _: True,
            READY_SECONDS,
            first_pause_s=0.01,
            longest_pause_s=0.05,
            transient=(transient,),
        )

    def _ssh_greeting(self) -> bytes:
        with socket.create_connection((str(self.files.address), SSH_PORT), timeout=5.0) as connection:
            return connection.recv(64)


def start_host(files: HostFiles, group_name: str, arrangement: CgroupLayout, remains: Remains) -> KvmHost:
    """Start a host in new namespaces; it waits there for `plug_in` and then for one more `let_go`."""
    remains.directories(files.folder)
    files.write()
    groups = make_group(arrangement, group_name, remains)
    environment = {
        "HOST_NAME": files.spec.name,
        "HOST_FOLDER": str(files.folder),
        "HOST_ADDRESS": f"{files.address}/24",
        "HOST_BRIDGE": GUEST_BRIDGE,
        "CGROUP_PLAN": arrangement.plan,
        "LIBVIRTD_FLAGS": "--listen" if files.libvirt_tcp else "",
    }
    namespaces = ["--mount", "--uts", "--ipc", "--net", "--cgroup", "--pid"]
    process = GatedProcess(
        ["unshare", *namespaces, "--fork", "--kill-child", "sh", str(INIT_SCRIPT)], files.log, remains, environment
    )
    join(groups, process.pid)
    process.let_go()
    return KvmHost(files, process, arrangement.version)
