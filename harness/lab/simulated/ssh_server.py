"""A real SSH server on loopback for one simulated host: it lets the lab's key in and runs commands with /bin/sh."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping
from typing import IO

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from harness.lab.faults.armed import ArmedFault
from harness.lab.faults.catalogue import Fault, Point
from harness.lab.faults.registry import Faults
from harness.lab.simulated.doorman import Doorman

_CHUNK = 65536
# How long it may go unnoticed that the lab has had enough of a command that hangs.
_HANGING_SECONDS = 0.05
_LOG_CHANNEL = "harness.lab.simulated.paramiko"
_log = logging.getLogger(_LOG_CHANNEL)
_log.addHandler(logging.NullHandler())
_log.propagate = False


class SshServer:
    """Listens from `start` to `stop`, and after another `start` once more on the same port.

    Args:
        host_key: what the server shows; may be replaced to play a reinstalled host.
        allowed_key: the one key that is let in, for any user name.
        doorman: takes the connections.
        environment: asked for before each command; whatever it renders is there when the command starts.
        faults: asked whether one strikes a command.
    """

    def __init__(
        self,
        name: str,
        host_key: paramiko.PKey,
        allowed_key: paramiko.PKey,
        doorman: Doorman,
        environment: Callable[[], Mapping[str, str]],
        faults: Faults | None = None,
    ) -> None:
        self.name = name
        self.host_key = host_key
        self.port = 0
        self._allowed_key = allowed_key
        self._doorman = doorman
        self._environment = environment
        self._faults = faults or Faults()
        self._listener: socket.socket | None = None
        self._lock = threading.Lock()
        self._stopping = False
        self._transports: set[paramiko.Transport] = set()
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._threads: set[threading.Thread] = set()

    def start(self) -> None:
        """Listen on a free port of 127.0.0.1 and return when connections are taken."""
        self._stopping = False
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._doorman.watch(self._listener, self._visit)

    def stop(self) -> None:
        """End connections, commands and threads; safe to call twice."""
        with self._lock:
            self._stopping = True
            transports, processes = list(self._transports), list(self._processes)
        if self._listener is not None:
            self._doorman.dismiss(self._listener)
        for process in processes:
            _end(process)
        for transport in transports:
            transport.close()
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join()
        for transport in transports:
            transport.join()

    def hang_up(self) -> None:
        """End all connections that are up now."""
        for transport in self.live_connections:
            transport.close()

    @property
    def live_connections(self) -> tuple[paramiko.Transport, ...]:
        """Connections that are up now."""
        with self._lock:
            return tuple(transport for transport in self._transports if transport.is_active())

    def _visit(self, connection: socket.socket) -> None:
        # Without it each answer waits 40 ms for the acknowledgement of the one before.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # The handshake is done on the transport's own thread; failures end there.
        transport = paramiko.Transport(connection)
        transport.set_log_channel(_LOG_CHANNEL)
        transport.add_server_key(self.host_key)
        with self._lock:
            if self._stopping:
                connection.close()
                return
            transport.start_server(event=threading.Event(), server=_Session(self))
            self._transports = {one for one in self._transports if one.is_alive()} | {transport}

    def is_allowed(self, key: paramiko.PKey) -> bool:
        return key == self._allowed_key

    def run(self, channel: paramiko.Channel, command: str) -> None:
        """Run `command` on a thread of its own and send what it prints.

        When a fault lets it hang, so does its whole connection, as it does when sshd is stopped.
        """
        struck = self._faults.strike(Point.SSH, host=self.name)
        if struck is not None and struck.kind is Fault.SSH_HANGING:
            self._hang(struck)
        left = int(struck.order.option("size")) if struck is not None and struck.kind is Fault.SSH_CUT else None
        thread = threading.Thread(target=self._run, args=(channel, command, left), name=f"run-{self.name}", daemon=True)
        with self._lock:
            if self._stopping:
                return
            self._threads = {one for one in self._threads if one.is_alive()} | {thread}
            thread.start()

    def _run(self, channel: paramiko.Channel, command: str, left: int | None) -> None:
        with self._lock:
            if self._stopping:
                return
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self._environment()},
                # A process group of its own, so that all that the command started can be ended with it.
                start_new_session=True,
            )
            self._processes.add(process)
        try:
            with process:
                if process.stdout is None or process.stderr is None:
                    raise AssertionError("both streams are pipes")
                beside = threading.Thread(
                    target=_pump,
                    args=(process, process.stderr, channel.sendall_stderr),
                    name=f"err-{self.name}",
                    daemon=True,
                )
                beside.start()
                _pump(process, process.stdout, channel.sendall, left)
                if left is not None:
                    channel.get_transport().close()
                beside.join()
                status = process.wait()
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                channel.send_exit_status(status if status >= 0 else 128 - status)
        finally:
            # The client may hang up as soon as it has what it came for, in the middle of our own goodbye.
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                channel.close()
            with self._lock:
                self._processes.discard(process)

    def _hang(self, struck: ArmedFault) -> None:
        while not (self._stopping or struck.over.wait(_HANGING_SECONDS)):
            pass


class _Session(paramiko.ServerInterface):
    """What one connection may do: log in with the allowed key, open sessions, exec."""

    def __init__(self, server: SshServer) -> None:
        self._server = server

    def get_allowed_auths(self, username: str) -> str:  # noqa: ARG002
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:  # noqa: ARG002
        return AUTH_SUCCESSFUL if self._server.is_allowed(key) else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:  # noqa: ARG002
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self._server.run(channel, command.decode("utf-8", errors="surrogateescape"))
        return True


def _pump(
    process: subprocess.Popen[bytes], stream: IO[bytes], send: Callable[[bytes], None], left: int | None = None
) -> None:
    """Send the stream to its end; when the client closes first, the command is ended, as by a broken pipe.

    With `left` only so many bytes are sent, and the command is ended then.
    """
    while chunk := os.read(stream.fileno(), _CHUNK):
        if left is not None:
            chunk, left = chunk[:left], left - len(chunk)
        try:
            send(chunk)
        except (paramiko.SSHException, EOFError, OSError):
            _end(process)
            return
        if left is not None and left <= 0:
            _end(process)
            return


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
