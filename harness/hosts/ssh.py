"""One SSH connection to a host: made at the first command, reused by all threads, remade after a loss."""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import SimpleNamespace
from typing import NoReturn

import paramiko
import paramiko.auth_handler
import paramiko.buffered_pipe
import paramiko.channel
import paramiko.packet
import paramiko.transport

from harness.hosts.access import HostAccess
from harness.hosts.failures import (
    AuthenticationFailed,
    CommandTimedOut,
    ConnectionLost,
    ConnectionRefused,
    HandshakeFailed,
    HostKeyChanged,
    OutputTooLarge,
    Unreachable,
)
from harness.hosts.host_keys import apply_rule

MAX_STDOUT_BYTES = 8 * 1024 * 1024
MAX_STDERR_BYTES = 1024 * 1024

# sshd's default MaxSessions is 10; two are left for other users of the same connection.
_SESSIONS_AT_ONCE = 8
_CHUNK = 65536
# No text in UTF-8 begins so.
_GZIP = b"\x1f\x8b"
_REFUSED = "connection refused; is sshd running there, and is the port right?"

# paramiko logs tracebacks of its own thread; what matters of them comes out as our errors.
_LOG_CHANNEL = "harness.hosts.paramiko"
_log = logging.getLogger(_LOG_CHANNEL)
_log.addHandler(logging.NullHandler())
_log.propagate = False


# In place of the module `time` where paramiko measures how long it waited.
_NO_WALL_CLOCK = SimpleNamespace(**{**vars(time), "time": time.monotonic})

# paramiko's limits go by the wall clock: one that jumps ahead ends a wait at once, one that jumps back never does.
for _module in (
    paramiko.auth_handler,
    paramiko.buffered_pipe,
    paramiko.channel,
    paramiko.packet,
    paramiko.transport,
):
    vars(_module)["time"] = _NO_WALL_CLOCK


@dataclass(frozen=True)
class CommandResult:
    """What a command printed (UTF-8, other bytes replaced) and its exit status (-1 after a signal).

    What it printed to stdout in gzip's format is unpacked.
    """

    command: str
    status: int
    stdout: str
    stderr: str
    seconds: float


class SshConnection:
    """Runs commands on one host."""

    def __init__(self, access: HostAccess) -> None:
        self._access = access
        self._client: paramiko.SSHClient | None = None
        self._connecting = threading.Lock()
        self._sessions = threading.BoundedSemaphore(_SESSIONS_AT_ONCE)

    def run(
        self, arguments: Sequence[str], *, seconds: float | None = None, most_bytes: int | None = None
    ) -> CommandResult:
        """Run `arguments` (each quoted for the remote shell) and return when both streams ended and the status came.

        Args:
            seconds: deadline for the command, default `access.command_timeout_s`; connecting has its own.
            most_bytes: how much it may print to stdout, default MAX_STDOUT_BYTES.

        Raises:
            ConnectionRefused, Unreachable, HandshakeFailed, AuthenticationFailed, HostKeyUnknown, HostKeyChanged:
                while connecting.
            CommandTimedOut, OutputTooLarge, ConnectionLost: while the command ran.
        """
        allowed = self._access.command_timeout_s if seconds is None else seconds
        command = shlex.join(arguments)
        with self._sessions:
            started = time.monotonic()
            channel = self._open_session(allowed)
            try:
                return self._run_in(channel, command, arguments[0], started, allowed, most_bytes or MAX_STDOUT_BYTES)
            finally:
                channel.close()

    def close(self) -> None:
        """End the connection, before this returns; a later `run` connects again."""
        with self._connecting:
            client, self._client = self._client, None
        if client is None:
            return
        transport = client.get_transport()
        if transport is not None:
            # A socket that paramiko's thread waits on is open until that wakes, whoever has closed it. An error says
            # that the other side is gone already.
            with contextlib.suppress(OSError):
                transport.sock.shutdown(socket.SHUT_RDWR)
        client.close()

    def _open_session(self, allowed: float) -> paramiko.Channel:
        # A connection that died while idle shows only here; nothing ran yet, so one more try is safe.
        for last_try in (False, True):
            transport = self._transport()
            try:
                return transport.open_session(timeout=allowed)
            except (paramiko.SSHException, EOFError, OSError) as failure:
                if transport.is_active() and "imeout" in str(failure):
                    raise CommandTimedOut(self._access, f"no SSH session within {allowed:g} s") from failure
                self._forget(transport)
                if last_try:
                    raise ConnectionLost(self._access, f"no SSH session could be opened: {_text(failure)}") from failure
        raise AssertionError("unreachable")

    def _forget(self, dead: paramiko.Transport) -> None:
        """Drop the connection, unless another thread has made a new one since."""
        with self._connecting:
            if self._client is not None and self._client.get_transport() is dead:
                self._client.close()
                self._client = None

    def _transport(self) -> paramiko.Transport:
        with self._connecting:
            if self._client is not None:
                transport = self._client.get_transport()
                if transport is not None and transport.is_active():
                    return transport
                self._client.close()
            self._client = _connect(self._access)
            transport = self._client.get_transport()
            if transport is None:
                raise ConnectionLost(self._access, "the connection ended right after the login")
            transport.set_keepalive(30)
            return transport

    def _run_in(
        self, channel: paramiko.Channel, command: str, name: str, started: float, allowed: float, most_bytes: int
    ) -> CommandResult:
        deadline = started + allowed
        stderr = _Drain(channel.recv_stderr, MAX_STDERR_BYTES)
        stdout = _Drain(channel.recv, most_bytes)
        try:
            channel.settimeout(max(0.01, deadline - time.monotonic()))
            self._begin(channel, command, name, deadline, allowed)
            # Both at once: a command that fills one stream while nobody reads it would never come to its exit status.
            beside = threading.Thread(target=stderr.until_end, args=(channel, deadline), name="ssh-stderr", daemon=True)
            beside.start()
            stdout.until_end(channel, deadline)
            if stdout.failure is not None:
                channel.close()
            beside.join()
        except TimeoutError as expired:
            raise self._timed_out(name, allowed) from expired
        except (paramiko.SSHException, EOFError, OSError) as failure:
            raise ConnectionLost(self._access, f"{name!r} could not be run: {_text(failure)}") from failure
        for drain, stream in ((stdout, "stdout"), (stderr, "stderr")):
            if isinstance(drain.failure, TimeoutError):
                raise self._timed_out(name, allowed) from drain.failure
            if drain.overflowed:
                raise self._too_large(name, drain.limit, stream)
        if not channel.status_event.wait(max(0.0, deadline - time.monotonic())):
            raise self._timed_out(name, allowed)
        status = channel.recv_exit_status()
        transport = channel.get_transport()
        if status == -1 and (transport is None or not transport.is_active()):
            raise ConnectionLost(self._access, f"the connection ended while {name!r} ran")
        text = self._unpacked(name, stdout)
        return CommandResult(command, status, text, stderr.text(), time.monotonic() - started)

    def _unpacked(self, name: str, stdout: _Drain) -> str:
        if not stdout.data.startswith(_GZIP):
            return stdout.text()
        unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            data = unpacking.decompress(stdout.data, stdout.limit)
        except zlib.error as failure:
            raise ConnectionLost(self._access, f"what {name!r} printed cannot be unpacked: {failure}") from failure
        if unpacking.unconsumed_tail:
            raise self._too_large(name, stdout.limit, "stdout")
        return _text_of(data)

    def _too_large(self, name: str, limit: int, stream: str) -> OutputTooLarge:
        return OutputTooLarge(self._access, f"{name!r} printed more than {limit} bytes to {stream}")

    def _begin(self, channel: paramiko.Channel, command: str, name: str, deadline: float, allowed: float) -> None:
        """Have the server run the command. It may say nothing at all to that, and paramiko waits for ever."""

        def give_up() -> None:
            # Where the connection has ended too, the thread that waits for the command is told.
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                channel.close()

        watch = threading.Timer(max(0.01, deadline - time.monotonic()), give_up)
        watch.daemon = True
        watch.start()
        try:
            channel.exec_command(command)
            channel.shutdown_write()
        except (paramiko.SSHException, EOFError, OSError) as failure:
            if time.monotonic() >= deadline:
                raise self._timed_out(name, allowed) from failure
            raise
        finally:
            watch.cancel()

    def _timed_out(self, name: str, allowed: float) -> CommandTimedOut:
        return CommandTimedOut(
            self._access,
            f"{name!r} did not end within {allowed:g} s (command_timeout_s); is libvirtd hung?",
        )


class _Drain:
    """Reads one stream of a channel to its end, up to `limit` bytes."""

    def __init__(self, receive: Callable[[int], bytes], limit: int) -> None:
        self.limit = limit
        self.failure: BaseException | None = None
        self.overflowed = False
        self._receive = receive
        self._chunks: list[bytes] = []

    def until_end(self, channel: paramiko.Channel, deadline: float) -> None:
        taken = 0
        try:
            while True:
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError("deadline")
                channel.settimeout(remaining)
                chunk = self._receive(_CHUNK)
                if not chunk:
                    return
                taken += len(chunk)
                if taken > self.limit:
                    self.overflowed = True
                    channel.close()
                    return
                self._chunks.append(chunk)
        except OSError as failure:
            self.failure = failure
            channel.close()

    @cached_property
    def data(self) -> bytes:
        """All that was read; to be asked for at the end."""
        return b"".join(self._chunks)

    def text(self) -> str:
        return _text_of(self.data)


def _connect(access: HostAccess) -> paramiko.SSHClient:
    client = paramiko.SSHClient()
    wire: socket.socket | None = None
    client.set_log_channel(_LOG_CHANNEL)
    try:
        apply_rule(client, access)
        key = _private_key(access)
        by_agent = key is None and access.password is None
        wire = socket.create_connection((access.address, access.port), timeout=access.connect_timeout_s)
        # Without it a request that follows another waits 40 ms for the first one's acknowledgement.
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.connect(
            access.address,
            sock=wire,
            port=access.port,
            username=access.user,
            password=access.password,
            pkey=key,
            timeout=access.connect_timeout_s,
            banner_timeout=access.connect_timeout_s,
            auth_timeout=access.connect_timeout_s,
            channel_timeout=access.connect_timeout_s,
            allow_agent=by_agent,
            look_for_keys=by_agent,
        )
    except BaseException as failure:
        client.close()
        if wire is not None:
            wire.close()
        if isinstance(failure, (paramiko.SSHException, EOFError, OSError)):
            _raise_ours(access, failure)
        raise
    return client


def _private_key(access: HostAccess) -> paramiko.PKey | None:
    if access.key_file is None:
        return None
    try:
        return paramiko.PKey.from_path(access.key_file.expanduser())
    except (OSError, ValueError, TypeError, paramiko.SSHException, paramiko.pkey.UnknownKeyType) as failure:
        raise AuthenticationFailed(
            access,
            f"key_file {access.key_file} cannot be used: {_text(failure)}; it must have no passphrase",
        ) from failure


def _raise_ours(access: HostAccess, failure: BaseException) -> NoReturn:
    limit = f"{access.connect_timeout_s:g} s"
    if isinstance(failure, paramiko.BadHostKeyException):
        raise HostKeyChanged(
            access,
            f"its host key is {failure.key.fingerprint}, but known is {failure.expected_key.fingerprint}; "
            f"if the host was reinstalled, remove the old line with `ssh-keygen -R [{access.address}]:{access.port}`",
        ) from failure
    # The second is what paramiko says where it has neither key nor password.
    if isinstance(failure, paramiko.AuthenticationException) or "No authentication methods" in str(failure):
        means = "password" if access.password is not None and access.key_file is None else "key"
        raise AuthenticationFailed(
            access,
            f"user {access.user!r} was not let in by {means} ({_text(failure)}); check user, key_file, password",
        ) from failure
    if isinstance(failure, TimeoutError):
        raise Unreachable(access, f"no answer within {limit} (connect_timeout_s sets the limit)") from failure
    if isinstance(failure, ConnectionRefusedError):
        raise ConnectionRefused(access, _REFUSED) from failure
    if isinstance(failure, OSError):
        raise Unreachable(access, f"cannot be reached: {_text(failure)}") from failure
    raise HandshakeFailed(access, f"SSH handshake failed: {_text(failure)}; is it an SSH port?") from failure


def _text_of(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _text(failure: BaseException) -> str:
    return " ".join(str(failure).split()) or type(failure).__name__
