"""The HTTP server: threads, HTTP/1.1 with connections kept alive, and an end that joins everything."""

from __future__ import annotations

import logging
import socket
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from cheroot.wsgi import Gateway_10, Server

from harness.lab.api.application import PATH
from harness.lab.faults.wire import CONNECTION

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from cheroot.server import HTTPRequest

_log = logging.getLogger(__name__)
_LOOPBACK = "127.0.0.1"
# How long the end of serving may go unnoticed.
_POLL_SECONDS = 0.05
# Some calls wait: a slow answer, a host that is locked.
_AT_ONCE = 48
_WAITING = 128
# A client that asks again on a connection just closed for being idle could not tell whether it was heard.
_IDLE_SECONDS = 600


class _Gateway(Gateway_10):
    """Tells the application its connection: a fault may tear it."""

    def __init__(self, req: HTTPRequest) -> None:
        super().__init__(req)
        self.env[CONNECTION] = req.conn


class _Server(Server):
    """Writes to the lab's log, notices soon that it is to end, and tells its own port."""

    expiration_interval = _POLL_SECONDS

    def __init__(self, application: WSGIApplication, port: int) -> None:
        super().__init__(
            (_LOOPBACK, port),
            application,
            numthreads=_AT_ONCE,
            server_name=_LOOPBACK,
            request_queue_size=_WAITING,
            timeout=_IDLE_SECONDS,
        )
        self.gateway = _Gateway
        self.prepare()
        # cheroot leaves it out where the system chose the port; without it nobody could bind that again for a minute.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    def error_log(self, msg: str = "", level: int = logging.INFO, traceback: bool = False) -> None:
        # An error in the application is told by the application; what a client does is nothing to warn of.
        _log.log(level if level >= logging.ERROR else logging.DEBUG, msg, exc_info=traceback)


class ApiServer:
    """Serves an application on a free port of the loopback address from the moment it is made."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._over = Event()
        self._closing = Lock()
        self._closed_for_a_while: Thread | None = None
        self._serve(0)
        self.port: int = self._server.bind_addr[1]

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
        self._thread = Thread(target=self._server.serve, name="lab-api", daemon=True)
        self._thread.start()

    def _end(self) -> None:
        self._server.stop()
        self._thread.join()

    def _pause(self, seconds: float) -> None:
        self._end()
        # Bound but not listening it refuses, and nobody else gets the port.
        with socket.socket() as placeholder:
            placeholder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            placeholder.bind((_LOOPBACK, self.port))
            if not self._over.wait(seconds):
                self._serve(self.port)
