"""The three host key rules, as paramiko policies that raise this room's errors."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from threading import Lock

import paramiko

from harness.hosts.access import HostAccess, HostKeyRule
from harness.hosts.failures import HostKeyUnknown

# Under this port a known_hosts file has no port with a host's name.
_SSH_PORT = 22

_file_lock = Lock()


class RefuseUnknown(paramiko.MissingHostKeyPolicy):
    """HostKeyRule.KNOWN_HOSTS: an unknown key ends the handshake."""

    def __init__(self, access: HostAccess) -> None:
        self._access = access

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002
        known = self._access.known_hosts or Path("~/.ssh/known_hosts")
        raise HostKeyUnknown(
            self._access,
            f"its {key.get_name()} key {key.fingerprint} is not in {known}; check it and add it with "
            f"`ssh-keyscan -p {self._access.port} {self._access.address} >> {known}`, or set host_keys to accept-new",
        )


class RememberNew(paramiko.MissingHostKeyPolicy):
    """HostKeyRule.ACCEPT_NEW: an unknown key is written to the known_hosts file, once."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        line = f"{hostname} {key.get_name()} {key.get_base64()}\n"
        with _file_lock:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)
        client.get_host_keys().add(hostname, key.get_name(), key)


class TakeAny(paramiko.MissingHostKeyPolicy):
    """HostKeyRule.INSECURE."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        pass


def apply_rule(client: paramiko.SSHClient, access: HostAccess) -> None:
    """Load the known keys into `client` and set what happens with others.

    Raises:
        HostKeyUnknown: ACCEPT_NEW without a file to remember in, or a known_hosts file that cannot be read.
    """
    if access.host_keys is HostKeyRule.INSECURE:
        client.set_missing_host_key_policy(TakeAny())
        return
    file = access.known_hosts or Path("~/.ssh/known_hosts").expanduser()
    try:
        _add_known(client, access, file)
    except (OSError, UnicodeDecodeError) as failure:
        raise HostKeyUnknown(access, f"known_hosts file {file} cannot be read: {failure}") from failure
    if access.host_keys is HostKeyRule.KNOWN_HOSTS:
        client.set_missing_host_key_policy(RefuseUnknown(access))
    elif access.known_hosts is None:
        raise HostKeyUnknown(access, "host_keys is accept-new but no known_hosts file is named to remember keys in")
    else:
        client.set_missing_host_key_policy(RememberNew(access.known_hosts))


def _add_known(client: paramiko.SSHClient, access: HostAccess, file: Path) -> None:
    """Put those keys of the file into `client` that are of its host: the file may have hundreds of others."""
    with _file_lock:
        try:
            state = file.stat()
        except FileNotFoundError:
            return
        known = _keys_in(file, state.st_ino, state.st_mtime_ns, state.st_size)
        name = access.address if access.port == _SSH_PORT else f"[{access.address}]:{access.port}"
        for kind, key in (known.lookup(name) or {}).items():
            client.get_host_keys().add(name, kind, key)


@lru_cache(maxsize=4)
def _keys_in(file: Path, _inode: int, _changed_ns: int, _size: int) -> paramiko.HostKeys:
    """Read once for as long as the file stays as it is."""
    return paramiko.HostKeys(str(file))
