"""The HTTP server: threads, HTTP/1.1 with connections kept alive, and an end that joins everything."""

from __future__ import annotations

import contextlib
import logging
import socket
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from harness.lab.api.application import PATH

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

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


class _Server(ThreadedWSGIServer):
    """Remembers open connections, because idle ones that are kept alive would hold up the end for good."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, application: WSGIApplication) -> None:
        self._connections: set[socket.socket] = set()
        self._guard = Lock()
        super().__init__(_LOOPBACK, 0, application, handler=_Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._connections.discard(request)
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
    """Serves the API on a free port of the loopback address from the moment it is made."""

    def __init__(self, application: WSGIApplication) -> None:
        self._server = _Server(application)
        self._thread = Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _POLL_SECONDS}, name="lab-api", daemon=True
        )
        self._thread.start()

    @property
    def endpoint(self) -> str:
        return f"http://{_LOOPBACK}:{self._server.port}{PATH}"

    def close(self) -> None:
        """Stop answering, end all connections, join all threads; safe to call twice."""
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join()
