"""Reads a little of a file on another machine by SSH: the lines that hold certain words, or the end of it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.failures import ConnectionLost, ConnectionRefused, HandshakeFailed
from harness.hosts.ssh import SshConnection
from harness.waiting import DeadlineExpired, wait_until

# HARNESS_SYSROOT stands before the file where there is one, see probe.sh.
_FILE = """file=$1 most=$2; shift 2
[ ! -r "${HARNESS_SYSROOT:-}$file" ] || file=${HARNESS_SYSROOT:-}$file
[ -r "$file" ] || { echo "cannot read $file" >&2; exit 9; }
"""
# $1 file, $2 most bytes, then the words. grep ends with 1 where nothing matches, which is no failure here.
_MATCHING = f"""{_FILE}for word do set -- "$@" -e "$word"; shift; done
grep -aF "$@" -- "$file" | tail -c "$most"
"""
_END = f'{_FILE}tail -c "$most" -- "$file"'
# A machine that answers at all answers soon again.
_ASKED_AGAIN_S = 5.0
_TRANSIENT = (ConnectionLost, ConnectionRefused, HandshakeFailed)


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
    """Once more where it breaks off."""
    connection = SshConnection(access)
    command = [*(["sudo", "-n"] if access.sudo else []), "sh", "-c", *script]
    try:
        result = wait_until(
            f"a log of {access.where}",
            lambda: connection.run(command),
            lambda _: True,
            _ASKED_AGAIN_S,
            transient=_TRANSIENT,
        )
    except DeadlineExpired as expired:
        if isinstance(expired.last_seen, HarnessError):
            raise expired.last_seen from None
        raise
    finally:
        connection.close()
    if result.status != 0 and result.stderr.strip():
        raise LogUnreadableError(f"host {access.where}: {' '.join(result.stderr.split())[:200]}")
    return result.stdout
