"""Writes the configuration of one lab host: libvirtd, QEMU driver, sshd, accounts and names."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from harness.lab.kvm.capacity import write_capacity
from harness.lab.topology import HostSpec

LIBVIRT_TCP_PORT = 16509
SSH_PORT = 22

# libvirtd looks its compiled-in accounts up before it reads that QEMU is to run as root; the package that makes
# these accounts also installs services, so it is not asked for.
_QEMU_ACCOUNTS = ("libvirt-qemu", "kvm", "swtpm", "tss")
_FREE_ID = 64055


@dataclass(frozen=True)
class HostFiles:
    """Where one host's files lie and what is said in them."""

    folder: Path
    spec: HostSpec
    address: IPv4Address
    neighbours: tuple[tuple[str, IPv4Address], ...]
    authorized_keys: Path
    libvirt_cache: Path
    libvirt_tcp: bool
    uplink_bridged: bool = False

    @property
    def host_key(self) -> Path:
        return self.folder / "ssh_host_ed25519_key"

    @property
    def log(self) -> Path:
        return self.folder / "init.log"

    @property
    def libvirtd_log(self) -> Path:
        return self.folder / "var-log-libvirt" / "libvirtd.log"

    @property
    def agent_log(self) -> Path:
        """What is /var/log/cloudstack/agent/agent.log in the host."""
        return self.folder / "var-log-cloudstack" / "agent" / "agent.log"

    def write(self) -> None:
        """Make the folder; it must not exist yet."""
        for name in ("etc", "etc-libvirt/qemu", "var-lib-libvirt"):
            (self.folder / name).mkdir(parents=True)
        # What libvirt finds out of this machine's QEMU takes it a second, is the same for all hosts and labs, and is
        # found out anew by itself when QEMU or the kernel changes.
        self.libvirt_cache.mkdir(parents=True, exist_ok=True)
        (self.folder / "var-cache-libvirt").symlink_to(self.libvirt_cache)
        # A migration's destination opens its domain log without making the folder first.
        (self.folder / "var-log-libvirt" / "qemu").mkdir(parents=True)
        self.agent_log.parent.mkdir(parents=True)
        identity = uuid.uuid4()
        texts = {
            "etc-libvirt/libvirt.conf": "",
            "etc-libvirt/libvirtd.conf": self._libvirtd_conf(identity),
            "etc-libvirt/qemu.conf": self._qemu_conf(),
            "etc/hosts": self._hosts(),
            # A name server that cannot be reached would cost ten seconds for each look-up.
            "etc/resolv.conf": "",
            "etc/machine-id": f"{identity.hex}\n",
            "etc/passwd": _passwd(Path("/etc/passwd").read_text(encoding="utf-8")),
            "etc/group": _group(Path("/etc/group").read_text(encoding="utf-8")),
            # sshd turns away an account with a locked password ("!") even with a key; "*" only rules out passwords.
            "etc/shadow": "root:*:19000:0:99999:7:::\n",
            "sshd_config": self.sshd_config(),
        }
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="utf-8")
        (self.folder / "etc" / "shadow").chmod(0o600)
        write_capacity(self.folder / "capacity", self.spec)

    def _libvirtd_conf(self, identity: uuid.UUID) -> str:
        return (
            "listen_tls = 0\n"
            f"listen_tcp = {int(self.libvirt_tcp)}\n"
            f'tcp_port = "{LIBVIRT_TCP_PORT}"\n'
            f'listen_addr = "{self.address}"\n'
            'auth_tcp = "none"\n'
            'auth_unix_rw = "none"\n'
            'unix_sock_group = "root"\n'
            'unix_sock_rw_perms = "0700"\n'
            f'host_uuid = "{identity}"\n'
            'log_outputs = "2:file:/var/log/libvirt/libvirtd.log"\n'
        )

    def _qemu_conf(self) -> str:
        return (
            'user = "root"\n'
            'group = "root"\n'
            'security_driver = "none"\n'
            "namespaces = [ ]\n"
            'stdio_handler = "file"\n'
            f'migration_host = "{self.address}"\n'
            f'migration_address = "{self.address}"\n'
            "remember_owner = 0\n"
            # Of a QEMU with it libvirt asks every single feature of the CPU at each start, hundreds of questions.
            'capability_filters = [ "cpu-unavailable-features" ]\n'
        )

    def sshd_config(self, *, host_key: Path | None = None, forced_command: str | None = None) -> str:
        """With another host key than the host's own, or a command in place of whatever a client asks for."""
        forced = f"ForceCommand {forced_command}\n" if forced_command is not None else ""
        return (
            f"Port {SSH_PORT}\n"
            f"ListenAddress {self.address}\n"
            f'HostKey "{host_key or self.host_key}"\n'
            f'AuthorizedKeysFile "{self.authorized_keys}"\n'
            "PermitRootLogin prohibit-password\n"
            "PasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\n"
            "UsePAM no\n"
            "StrictModes no\n"
            "PidFile none\n"
            "UseDNS no\n"
            "PrintLastLog no\n"
            # Several cases look at a host at once; the default turns away beyond ten.
            "MaxStartups 100\n"
            "MaxSessions 100\n"
            "Subsystem sftp internal-sftp\n"
            f"{forced}"
        )

    def _hosts(self) -> str:
        lines = ["127.0.0.1 localhost", *(f"{address} {name}" for name, address in self.neighbours)]
        return "\n".join(lines) + "\n"


def _passwd(machine: str) -> str:
    """The machine's accounts, but root with an empty home and a plain shell: no profile of a person's is read."""
    kept = [line for line in machine.splitlines() if not line.startswith("root:")]
    missing = [name for name in _QEMU_ACCOUNTS if not any(line.startswith(f"{name}:") for line in kept)]
    added = [f"{name}:x:{_FREE_ID}:{_FREE_ID}::/nonexistent:/usr/sbin/nologin" for name in missing]
    return "\n".join(["root:x:0:0:root:/run/home:/bin/sh", *kept, *added]) + "\n"


def _group(machine: str) -> str:
    kept = machine.splitlines()
    missing = [name for name in _QEMU_ACCOUNTS if not any(line.startswith(f"{name}:") for line in kept)]
    return "\n".join([*kept, *(f"{name}:x:{_FREE_ID}:" for name in missing)]) + "\n"
