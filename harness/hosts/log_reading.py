"""Reads a little of a file on another machine by SSH: the lines that hold certain words, or the end of it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.ssh import SshConnection

# $1 file, $2 most bytes, then the words. grep ends with 1 where nothing matches, which is no failure here.
_MATCHING = """file=$1 most=$2; shift 2
[ -r "$file" ] || { echo "cannot read $file" >&2; exit 9; }
for word do set -- "$@" -e "$word"; shift; done
grep -aF "$@" -- "$file" | tail -c "$most"
"""
_END = 'tail -c "$2" -- "$1"'


class LogUnreadableError(HarnessError):
    """The file is not there, or the user may not read it."""


def lines_with(access: HostAccess, file: str, words: Sequence[str], most_bytes: int) -> str:
    """The last lines that hold any of the words, "" where none does.

    Raises:
        HostFailure: the machine cannot be looked into.
        LogUnreadableError: the file cannot be read there.
    """
    return _read(access, [_MATCHING, "read-log", file, str(most_bytes), *words]) if words else ""


def end_of(access: HostAccess, file: str, most_bytes: int) -> str:
    """The end of a file. Raises as `lines_with`."""
    return _read(access, [_END, "read-log", file, str(most_bytes)])


def _read(access: HostAccess, script: list[str]) -> str:
    connection = SshConnection(access)
    try:
        result = connection.run([*(["sudo", "-n"] if access.sudo else []), "sh", "-c", *script])
    finally:
        connection.close()
    if result.status != 0 and result.stderr.strip():
        raise LogUnreadableError(f"host {access.where}: {' '.join(result.stderr.split())[:200]}")
    return result.stdout
