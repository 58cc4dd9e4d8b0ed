"""The HTTP server: threads, HTTP/1.1 with connections kept alive, and an end that joins everything."""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from harness.lab.api.application import PATH

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
# How long the end of serving may go unnoticed.
_POLL_SECONDS = 0.05


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body of an answer go out in two writes; without this the second waits for an acknowledgement.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: ARG002 - werkzeug's signature
        _log.debug(message, *args)

    def connection_dropped(self, error: BaseException, environ: WSGIEnvironment | None = None) -> None:  # noqa: ARG002
        self.close_connection = True


class _Server(ThreadedWSGIServer):
    """Remembers open connections, because idle ones that are kept alive would hold up the end for good."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, application: WSGIApplication, port: int) -> None:
        self._connections: set[socket.socket] = set()
        self._guard = Lock()
        super().__init__(_LOOPBACK, port, application, handler=_Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
        if _is_to_be_reset(request):
            # No orderly end before it.
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def hang_up(self) -> None:
        """End all connections, so that their threads come to an end."""
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            # A connection that its client closed at this moment is as good as hung up.
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class ApiServer:
    """Serves an application on a free port of the loopback address from the moment it is made."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._over = Event()
        self._closing = Lock()
        self._closed_for_a_while: Thread | None = None
        self._serve(0)
        self.port = self._server.port

    @property
    def address(self) -> str:
        return f"http://{_LOOPBACK}:{self.port}"

    @property
    def endpoint(self) -> str:
        return f"{self.address}{PATH}"

    def close_for(self, seconds: float) -> None:
        """Refuse connections for a while, then serve on the same port again; returns at once.

        Answers that are on their way still arrive. While the port is closed, this does nothing.
        """
        with self._closing:
            if self._over.is_set() or (self._closed_for_a_while is not None and self._closed_for_a_while.is_alive()):
                return
            self._closed_for_a_while = Thread(target=self._pause, args=(seconds,), name="lab-api-closed", daemon=True)
            self._closed_for_a_while.start()

    def close(self) -> None:
        """Stop answering, end all connections, join all threads; safe to call twice."""
        with self._closing:
            self._over.set()
        if self._closed_for_a_while is not None:
            self._closed_for_a_while.join()
        self._end()

    def _serve(self, port: int) -> None:
        self._server = _Server(self._application, port)
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _POLL_SECONDS}, name="lab-api", daemon=True
        )
        self._thread.start()

    def _end(self) -> None:
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()

    def _pause(self, seconds: float) -> None:
        self._end()
        # Bound but not listening it refuses, and nobody else gets the port.
        with socket.socket() as placeholder:
            placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            placeholder.bind((_LOOPBACK, self.port))
            if not self._over.wait(seconds):
                self._serve(self.port)


def _is_to_be_reset(connection: socket.socket) -> bool:
    """Whether someone has said that there is nothing to linger for."""
    return struct.unpack("ii", connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)) == (1, 0)
