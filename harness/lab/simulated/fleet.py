"""Simulated hosts with real SSH in front of them: a Fleet that needs no root and lives in one process."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import paramiko

from harness.lab.agent.log import PLACE
from harness.lab.faults.registry import Faults
from harness.lab.fleet import GuestBoot, LabHost, SshAccess
from harness.lab.simulated.doorman import Doorman
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.simulated.meddling import SimulatedMeddling
from harness.lab.simulated.ssh_keys import new_key
from harness.lab.simulated.ssh_server import SshServer
from harness.lab.simulated.sysroot import Sysroot
from harness.lab.topology import HostSpec

# What a lab has open besides: connections, logs, pipes.
_OTHER_FILES = 500


class SimulatedFleet:
    """Hosts of `specs`, with their files in `ssh` and `hosts` of `state_dir`, which `down` removes.

    Args:
        cgroup_version: 1 or 2, for all hosts, or by host name (hosts not named have 1).
        faults: those of the lab that the hosts belong to.
    """

    kind = "simulated"

    def __init__(
        self,
        specs: Sequence[HostSpec],
        state_dir: Path,
        *,
        cgroup_version: int | Mapping[str, int] = 1,
        faults: Faults | None = None,
    ) -> None:
        # TCG's domain type, so that one agent hook serves all kinds of fleet.
        self.guest_boot = GuestBoot(domain_type="qemu")
        self._specs = tuple(specs)
        self._state_dir = state_dir
        self._cgroup_version = cgroup_version
        self._faults = faults or Faults()
        self._doorman: Doorman | None = None
        self._servers: list[SshServer] = []
        self._hypervisors: list[SimulatedHypervisor] = []
        self._made_state_dir = False
        self._folders = (state_dir / "ssh", state_dir / "hosts")

    def up(self) -> Sequence[LabHost]:
        """Bring all hosts up; on failure nothing is left behind.

        Raises:
            OSError: the state directory cannot be written, or no port is free.
        """
        try:
            if not self._state_dir.exists():
                self._state_dir.mkdir(parents=True)
                self._made_state_dir = True
            self._remove_folders()
            for folder in self._folders:
                folder.mkdir()
            key_file = self._state_dir / "ssh" / "id_ed25519"
            allowed = new_key(key_file)
            _allow_open_files(2 * len(self._specs) + _OTHER_FILES)
            doorman = self._doorman = Doorman()
            return [self._host_up(spec, key_file, allowed, doorman) for spec in self._specs]
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Take all hosts down; safe to call twice and after a failed `up`."""
        for server in self._servers:
            server.stop()
        if self._doorman is not None:
            self._doorman.close()
            self._doorman = None
        for hypervisor in self._hypervisors:
            hypervisor.close()
        self._servers.clear()
        self._hypervisors.clear()
        self._remove_folders()
        # Only when nobody else put something into it: a lab keeps its own files beside ours.
        if self._made_state_dir and self._state_dir.exists() and not any(self._state_dir.iterdir()):
            self._state_dir.rmdir()

    def _remove_folders(self) -> None:
        for folder in self._folders:
            if folder.exists():
                shutil.rmtree(folder)

    def ssh_server(self, host: str) -> SshServer:
        """The host's server, for tests and faults that meddle with it."""
        return next(server for server in self._servers if server.name == host)

    def _host_up(self, spec: HostSpec, key_file: Path, allowed: paramiko.PKey, doorman: Doorman) -> LabHost:
        version = (
            self._cgroup_version if isinstance(self._cgroup_version, int) else self._cgroup_version.get(spec.name, 1)
        )
        hypervisor = SimulatedHypervisor(spec, version)
        self._hypervisors.append(hypervisor)
        directory = self._state_dir / "hosts" / spec.name
        sysroot = Sysroot(directory, hypervisor)
        host_key = new_key(self._state_dir / "ssh" / f"host-{spec.name}")

        def environment() -> Mapping[str, str]:
            sysroot.render()
            return {
                "PATH": f"{sysroot.bin}:{os.environ.get('PATH', os.defpath)}",
                "HARNESS_SYSROOT": str(sysroot.root),
                "HOME": str(directory),
            }

        server = SshServer(spec.name, host_key, allowed, doorman, environment, self._faults)
        self._servers.append(server)
        server.start()
        self._faults.attend_host(spec.name, SimulatedMeddling(hypervisor, server))
        access = SshAccess(
            address="127.0.0.1",
            port=server.port,
            user="root",
            key_file=key_file,
            known_host=f"[127.0.0.1]:{server.port} {host_key.get_name()} {host_key.get_base64()}",
        )
        return LabHost(spec, hypervisor, access, sysroot.root / PLACE)


def _allow_open_files(count: int) -> None:
    """Each host's port is an open file; a fleet may need more of them than a process usually has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (count if hard == resource.RLIM_INFINITY else min(count, hard), hard)
        )
