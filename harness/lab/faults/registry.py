"""The one object that the lab asks whether a fault strikes, and where faults are armed and cleared."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from threading import RLock, Timer
from typing import Protocol

from harness.errors import HarnessError
from harness.lab.faults.armed import ArmedFault
from harness.lab.faults.catalogue import Fault, Point
from harness.lab.faults.order import FaultOrder, FaultRefusedError

_log = logging.getLogger(__name__)

AGENT_COMMANDS = frozenset({"start", "stop", "reboot", "scale", "migrate", "report"})


class HostMeddling(Protocol):
    """What can be done to a host from behind, to make a fault's condition true and to end it."""

    def begin(self, order: FaultOrder) -> bool:
        """Whether it is in force there now, with nobody asking any more whether a call is struck.

        Raises FaultRefusedError where hosts of this kind cannot do it.
        """

    def end(self, order: FaultOrder) -> None: ...


class Faults:
    """All faults of one lab; safe to call from any thread.

    The first armed fault that strikes a call has it; those armed later do not see it.
    """

    def __init__(self) -> None:
        self._guard = RLock()
        # Arming and clearing change hosts, which takes time in which calls go on.
        self._changing = RLock()
        self._armed: tuple[ArmedFault, ...] = ()
        self._numbers = 0
        self._hosts: dict[str, HostMeddling] = {}
        self._timers: dict[int, Timer] = {}
        self._api_commands: frozenset[str] = frozenset()
        self._names_of: Callable[[str], frozenset[str]] = lambda name: frozenset({name})
        self._host_went_down: Callable[[str], None] = lambda name: None  # noqa: ARG005 - nobody wants to know yet

    def attend_host(self, name: str, meddling: HostMeddling) -> None:
        self._hosts[name] = meddling

    def attend_cloud(
        self,
        commands: Iterable[str],
        names_of: Callable[[str], frozenset[str]],
        host_went_down: Callable[[str], None],
    ) -> None:
        """`names_of` tells by an instance's id or domain everything that it is called, and itself otherwise.

        `host_went_down` is told the name of a host that has no power any more.
        """
        self._api_commands = frozenset(commands)
        self._names_of = names_of
        self._host_went_down = host_went_down

    # Asked by the lab

    def may_strike(self, point: Point) -> bool:
        """Cheap; False for almost every call there is."""
        return any(point in armed.order.entry.points for armed in self._armed)

    def strike(
        self,
        point: Point,
        *,
        command: str = "",
        host: str = "",
        instances: Iterable[str] = (),
        key: str | None = None,
        unable: frozenset[Fault] = frozenset(),
    ) -> ArmedFault | None:
        """The fault that strikes here, counted, or None.

        `instances` are the ids or domains that the call is about. What is struck under a `key` once is struck each
        time. Kinds that are `unable` do not see the call.
        """
        if not self._armed:
            return None

        def names() -> frozenset[str]:
            return frozenset().union(*(self._names_of(each) for each in instances))

        with self._guard:
            for armed in self._armed:
                if point not in armed.order.entry.points or armed.kind in unable:
                    continue
                if armed.strikes(command, host, names, key):
                    return armed
        return None

    def is_down(self, host: str) -> bool:
        return any(armed.kind is Fault.HOST_DOWN and armed.order.host == host for armed in self._armed)

    # Asked by tests and the control endpoint

    def arm(self, order: FaultOrder) -> ArmedFault:
        """Raises FaultRefusedError: the order does not fit its kind, or these hosts cannot do it.

        Any HarnessError may come of hosts on which it did not work.
        """
        self._check(order)
        with self._changing:
            begun: list[HostMeddling] = []
            in_force = False
            try:
                for meddling in self._meddled_by(order):
                    in_force |= meddling.begin(order)
                    begun.append(meddling)
            except HarnessError:
                for meddling in begun:
                    meddling.end(order)
                raise
            with self._guard:
                self._numbers += 1
                armed = ArmedFault(self._numbers, order, in_force=in_force)
                self._armed = (*self._armed, armed)
                lasts = order.option("lasts") if "lasts" in order.entry.options else order.lasts
                if lasts is not None:
                    timer = Timer(lasts, self._expire, (armed.number,))
                    timer.daemon = True
                    self._timers[armed.number] = timer
                    timer.start()
        if order.kind is Fault.HOST_DOWN and order.host is not None:
            self._host_went_down(order.host)
        return armed

    def disarm(self, number: int) -> bool:
        """End one fault; False where there is none of this number (any more)."""
        with self._changing:
            with self._guard:
                armed = next((each for each in self._armed if each.number == number), None)
                if armed is None:
                    return False
                self._armed = tuple(each for each in self._armed if each is not armed)
                timer = self._timers.pop(number, None)
            if timer is not None:
                timer.cancel()
            armed.over.set()
            for meddling in self._meddled_by(armed.order):
                meddling.end(armed.order)
        return True

    def clear(self) -> None:
        """End all faults."""
        for armed in self.armed:
            self.disarm(armed.number)

    @property
    def armed(self) -> tuple[ArmedFault, ...]:
        """Those that are armed, in the order of arming; one that has struck its last stays until it is cleared."""
        return self._armed

    def _expire(self, number: int) -> None:
        try:
            self.disarm(number)
        except HarnessError:
            _log.exception("fault %s could not be ended on its host", number)

    def _meddled_by(self, order: FaultOrder) -> list[HostMeddling]:
        if not order.entry.points & {Point.HOST, Point.SSH}:
            return []
        return [meddling for name, meddling in self._hosts.items() if order.host in (None, name)]

    def _check(self, order: FaultOrder) -> None:
        order.check()
        if order.host is not None and order.host not in self._hosts:
            raise FaultRefusedError(
                f"{order.kind}: no host is named {order.host}; there are {', '.join(sorted(self._hosts))}"
            )
        commands = AGENT_COMMANDS if Point.AGENT in order.entry.points else self._api_commands
        if order.command is not None and order.command not in commands:
            raise FaultRefusedError(f"{order.kind}: the lab has no command {order.command} that it could strike")
        if order.entry.is_condition and any(
            each.kind is order.kind and each.order.host == order.host for each in self._armed
        ):
            raise FaultRefusedError(f"{order.kind}: it is armed for {order.host} already; clear it first")
