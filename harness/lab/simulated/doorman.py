"""One thread that takes the connections of many listening sockets, so that a host nobody visits costs only its port."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Callable

Visit = Callable[[socket.socket], None]


class Doorman:
    """Watches listeners until it is closed; safe to call from any thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._selector.register(self._bell, selectors.EVENT_READ)
        self._visits: dict[socket.socket, Visit] = {}
        self._thread = threading.Thread(target=self._run, name="ssh-door", daemon=True)
        self._thread.start()

    def watch(self, listener: socket.socket, visit: Visit) -> None:
        """Give each connection that comes to `visit`, which must not wait."""
        listener.setblocking(False)
        with self._guard:
            self._visits[listener] = visit
            self._selector.register(listener, selectors.EVENT_READ)

    def dismiss(self, listener: socket.socket) -> None:
        """Close the listener; none of its visits begins or goes on when this returns. Safe to call twice."""
        with self._guard:
            if self._visits.pop(listener, None) is not None:
                self._selector.unregister(listener)
                listener.close()

    def close(self) -> None:
        """Dismiss all and end the thread."""
        for listener in list(self._visits):
            self.dismiss(listener)
        self._rope.send(b".")
        self._thread.join()
        self._selector.close()
        self._bell.close()
        self._rope.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._bell:
                    return
                if isinstance(key.fileobj, socket.socket):
                    with self._guard:
                        self._let_in(key.fileobj)

    def _let_in(self, listener: socket.socket) -> None:
        visit = self._visits.get(listener)
        if visit is None:
            return
        try:
            connection, _address = listener.accept()
        except OSError:
            # Its client did not wait, or there are too many connections: the others are served all the same.
            return
        try:
            connection.setblocking(True)
            visit(connection)
        except OSError:
            # Its client is gone again.
            connection.close()
