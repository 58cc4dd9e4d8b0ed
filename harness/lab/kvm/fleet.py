"""Real KVM hosts on one Linux machine: brings a fleet of them up in namespaces and takes it down without a trace."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.lab.faults.registry import Faults
from harness.lab.fleet import GuestBoot, LabHost
from harness.lab.kvm.acceleration import domain_type
from harness.lab.kvm.cgroups import layout, make_group
from harness.lab.kvm.gate import GatedProcess
from harness.lab.kvm.guest_hotplug import plugs_cpus
from harness.lab.kvm.guest_image import guest_image
from harness.lab.kvm.host import KvmHost, start_host
from harness.lab.kvm.host_files import HostFiles
from harness.lab.kvm.libvirt_binding import libvirt
from harness.lab.kvm.meddling import KvmMeddling
from harness.lab.kvm.network import LabNetwork, NetworkRefusedError, open_network, plug_in, start_switch
from harness.lab.kvm.saved_boots import SavedBoots, boots_are_saved
from harness.lab.kvm.ssh_keys import make_ssh_key
from harness.lab.remains import Remains, process_stat, recorded, sweep
from harness.lab.topology import HostSpec

# A host shows its own files in place of these, so nothing that it shares with us may lie beneath them.
HIDDEN_IN_HOSTS = tuple(Path(path) for path in ("/run", "/var/run", "/etc/libvirt", "/proc", "/sys"))
HIDDEN_LIBVIRT_FOLDERS = tuple(Path(path) for path in ("/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt"))
# From linux/prctl.h.
_PR_SET_THP_DISABLE = 41


class KvmFleet:
    """Implements `harness.lab.fleet.Fleet` with libvirt, QEMU, sshd and cgroups that are real."""

    kind = "kvm"

    def __init__(
        self,
        specs: Sequence[HostSpec],
        state_dir: Path,
        lab_id: str,
        cache_dir: Path,
        *,
        libvirt_tcp: bool = False,
        acceleration: str | None = None,
        uplink_bridged: bool = False,
        faults: Faults | None = None,
    ) -> None:
        """`state_dir` is this lab's own; `cache_dir` keeps the guest image for all labs.

        `libvirt_tcp` makes each libvirtd listen on its host's address without any authentication, which lets every
        local user of the machine become root through it: for tests of that transport, and for CloudStack's own agents,
        which migrate by it. `acceleration` is `auto`, `kvm` or `tcg`; if not given, the environment's CS_HARNESS_ACCEL
        decides. `uplink_bridged` makes the host's cable a port of the guests' bridge, which has the host's address
        then. `faults` are those of the lab that the hosts belong to.
        """
        if not re.fullmatch(r"[0-9a-f]{4,8}", lab_id):
            raise HarnessError(f"lab id {lab_id!r}: 4 to 8 hexadecimal digits, because network links carry it")
        self.specs = tuple(specs)
        self.state_dir = state_dir.resolve()
        self.lab_id = lab_id
        self.cache_dir = cache_dir.resolve()
        self.libvirt_tcp = libvirt_tcp
        self.acceleration = acceleration
        self.uplink_bridged = uplink_bridged
        self.faults = faults or Faults()
        self.guest_boot = GuestBoot(domain_type="qemu")
        self._switch: GatedProcess | None = None
        self._hosts: tuple[KvmHost, ...] = ()
        self._network: LabNetwork | None = None
        self._boots: SavedBoots | None = None
        # With the spare host, and with those that have ended by themselves.
        self._started: tuple[KvmHost, ...] = ()
        self._lab_hosts: tuple[LabHost, ...] = ()

    @property
    def record(self) -> Path:
        """What `harness.lab.remains.sweep` needs to clear up after this fleet."""
        return self.state_dir / "remains.jsonl"

    @property
    def hosts(self) -> tuple[KvmHost, ...]:
        """Of a fleet that is up, its hosts' processes and files."""
        return self._hosts

    @property
    def network(self) -> LabNetwork:
        """Of a fleet that is up."""
        assert self._network is not None
        return self._network

    def up(self) -> Sequence[LabHost]:
        """Also takes huge pages from this process and all that it starts, for good."""
        _without_huge_pages()
        for folder in (self.state_dir, self.cache_dir):
            _require_visible_in_hosts(folder)
        self.state_dir.mkdir(parents=True, exist_ok=True)
        sweep(self.record)
        try:
            self._lab_hosts = self._bring_up(Remains(self.record))
        except BaseException:
            self.down()
            raise
        return self._lab_hosts

    def down(self) -> None:
        for lab_host in self._lab_hosts:
            lab_host.hypervisor.close()
        if self._boots is not None:
            self._boots.close()
        sweep(self.record)
        if self._boots is not None:
            self._boots.join()
        for host in self._started:
            host.process.reap()
        if self._switch is not None:
            self._switch.reap()
        self._switch, self._boots, self._hosts, self._started, self._lab_hosts = None, None, (), (), ()

    def _bring_up(self, remains: Remains) -> tuple[LabHost, ...]:
        folders = [self.state_dir / name for name in ("ssh", "hosts", "primary", "boots")]
        new = [folder for folder in folders if not folder.exists()]
        remains.directories(*new)
        for folder in new:
            folder.mkdir(mode=0o700)
        image = guest_image(self.cache_dir, remains)
        accelerated = domain_type(self.cache_dir, self.acceleration)
        self.guest_boot = GuestBoot(
            accelerated, image.kernel, image.initrd, image.command_line, plugs_cpus(image, accelerated)
        )
        if accelerated == "qemu" and boots_are_saved():
            self._boots = SavedBoots(self.state_dir / "boots", partial(self._spare_libvirtd, remains))
        self._switch = start_switch(self.lab_id, self.state_dir / "hosts", remains)
        self._network = network = open_network(self.lab_id, self._switch)
        addresses = [network.host_address(index) for index in range(len(self.specs))]
        names = tuple(zip([spec.name for spec in self.specs], addresses, strict=True))
        for number, spec in enumerate(self.specs, start=1):
            self._hosts += (self._begin_host(spec, number, names, remains),)
        for file in (self._key_file, *(host.files.host_key for host in self._hosts)):
            make_ssh_key(file)
        self._plug_in(*self._hosts)
        with ThreadPoolExecutor(max_workers=len(self._hosts)) as threads:
            ready = tuple(threads.map(lambda host: host.wait_until_ready(self._key_file, self._boots), self._hosts))
        for host, lab_host in zip(self._hosts, ready, strict=True):
            self.faults.attend_host(lab_host.spec.name, KvmMeddling(host, lab_host.hypervisor))
        return ready

    @property
    def _key_file(self) -> Path:
        return self.state_dir / "ssh" / "id_ed25519"

    def _begin_host(
        self, spec: HostSpec, number: int, names: tuple[tuple[str, IPv4Address], ...], remains: Remains
    ) -> KvmHost:
        """Start a host's process up to where it waits for its cable."""
        files = HostFiles(
            folder=self.state_dir / "hosts" / spec.name,
            spec=spec,
            address=self.network.host_address(number - 1),
            neighbours=names,
            authorized_keys=self._key_file.with_suffix(".pub"),
            libvirt_cache=self.cache_dir / "libvirt",
            libvirt_tcp=self.libvirt_tcp,
            uplink_bridged=self.uplink_bridged,
        )
        arrangement = layout()
        groups = make_group(arrangement, f"csl-{self.lab_id}-{number}", remains)
        host = start_host(files, self.lab_id, arrangement, remains)
        self._started += (host,)
        host.begin(groups)
        return host

    def _plug_in(self, *hosts: KvmHost, first_port: int = 1) -> None:
        try:
            plug_in(self.network, [host.process.pid for host in hosts], first_port=first_port)
        except NetworkRefusedError:
            # A host that has ended is the better reason than the cable that found no host.
            for host in hosts:
                host.process.require_running()
            raise
        for host in hosts:
            host.process.let_go()

    def _spare_libvirtd(self, remains: Remains) -> Any:
        """A connection to a host that is in no list."""
        number = len(self.specs) + 1
        spec = HostSpec(f"spare-{self.lab_id}", "", cpus=1, speed_mhz=1000, memory_mib=1024)
        host = self._begin_host(spec, number, (), remains)
        make_ssh_key(host.files.host_key)
        self._plug_in(host, first_port=number)
        hypervisor = host.wait_until_ready(self._key_file).hypervisor
        hypervisor.close()
        return libvirt().open(host.libvirt_uri)


def host_pids(record: Path) -> dict[str, int]:
    """By host name, the process that keeps a running host alive; from any process, for `lab status`."""
    found: dict[str, int] = {}
    for thing in recorded(record):
        pid = int(thing.name) if thing.kind == "process" else 0
        stat = process_stat(pid) if pid else None
        if stat is not None and stat.started == thing.started:
            environment = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
            found |= {entry.removeprefix("HOST_NAME="): pid for entry in environment if entry.startswith("HOST_NAME=")}
    return found


def _without_huge_pages() -> None:
    """A guest that lives for seconds touches a little of many pages, and of huge ones each is zeroed as a whole.

    A kernel without this call keeps them, and the guests only boot slower.
    """
    ctypes.CDLL(None).prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0)


def _require_visible_in_hosts(folder: Path) -> None:
    # Where libvirtd never ran, the parent of its missing folder is hidden, see host-init.sh.
    libvirt = tuple(path if path.is_dir() else path.parent for path in HIDDEN_LIBVIRT_FOLDERS)
    hidden = next((top for top in HIDDEN_IN_HOSTS + libvirt if folder.is_relative_to(top)), None)
    if hidden is not None:
        raise HarnessError(f"{folder} lies beneath {hidden}, which the lab's hosts cannot see; choose another")
