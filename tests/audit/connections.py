"""How many SSH connections to a lab's hosts there are at once, as the kernel knows them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.audit.clouds import AuditedCloud

_ESTABLISHED = "01"
_EVERY_S = 0.005


class Connections:
    """`most` is the largest number seen in two looks running.

    The kernel tells a long table in parts: one that has ended meanwhile and the next one may both be in it.
    """

    def __init__(self, ports: set[int]) -> None:
        self.most = 0
        self._ports = ports
        self._before: set[tuple[str, str]] = set()

    def look(self) -> None:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        # Only the side that has connected: the port of the server is the remote one there.
        there = {
            (local, remote)
            for _, local, remote, state, *_ in lines
            if state == _ESTABLISHED and int(remote[-4:], 16) in self._ports
        }
        self.most = max(self.most, len(there & self._before))
        self._before = there


@contextmanager
def watched_connections(cloud: AuditedCloud) -> Iterator[Connections]:
    """Looked at all the time, until the end of the block."""
    seen = Connections({cloud.fleet.ssh_server(name).port for name in cloud.hypervisors})
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_EVERY_S):
            seen.look()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()
