"""All configured hosts: each reached at its first look, one connection per host, all closed together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Self

from harness.hosts.access import HostAccess
from harness.hosts.failures import UnknownHost
from harness.hosts.libvirt_transport import LibvirtHostView
from harness.hosts.observation import GuestView, HostFacts, NotSeen, Observation
from harness.hosts.ssh_transport import SshHostView
from harness.hosts.view import HostView

TRANSPORTS: dict[str, Callable[[HostAccess], HostView]] = {"ssh": SshHostView, "libvirt": LibvirtHostView}


class Hosts:
    """Hosts by their CloudStack name. Thread-safe.

    Args:
        accesses: one for each host; names must differ.
        transport: a key of TRANSPORTS.
    """

    def __init__(self, accesses: Iterable[HostAccess], transport: str = "ssh") -> None:
        self._accesses = {access.name: access for access in accesses}
        self._make = TRANSPORTS[transport]
        self._views: dict[str, HostView] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._accesses)

    def on(self, host: str) -> HostView:
        """The view of one host; connects at its first look, not here.

        Raises:
            UnknownHost: no access is configured under this name.
        """
        with self._lock:
            view = self._views.get(host)
            if view is None:
                if host not in self._accesses:
                    raise UnknownHost(host, self.names)
                view = self._views[host] = self._make(self._accesses[host])
            return view

    def observe(self, host: str, instance_name: str) -> Observation:
        """`on(host).observe(instance_name)`."""
        return self.on(host).observe(instance_name)

    def guest(self, host: str, instance_name: str) -> GuestView | NotSeen:
        """`on(host).guest(instance_name)`."""
        return self.on(host).guest(instance_name)

    def facts(self, host: str) -> HostFacts:
        """`on(host).facts()`."""
        return self.on(host).facts()

    def close(self) -> None:
        """Close every connection; safe to call twice. A later look connects again."""
        with self._lock:
            views, self._views = list(self._views.values()), {}
        for view in views:
            view.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
