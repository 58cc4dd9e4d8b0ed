"""Scales that are asked for together: of one instance all but the first wait for its work and do none (DEF-01), and
those of several instances do not see what the others take of their host (DEF-06)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from threading import Lock

from harness.lab.management.errors import ApiError
from harness.reference.capacity import Host
from harness.reference.offering import Size
from harness.reference.scaling import Instance, World

# As long as a real server takes for a scale at the most (seen: 0.5 to 1.6 s), which the lab's hosts do at once. This is
# a client's time, so the machine's on a virtual clock too.
_LONGEST_SECONDS = 1.6


class Work:
    """What the first scale of a wave does on the host. `world` and `known` are as they were before it."""

    def __init__(self, world: World, known: Instance) -> None:
        self.world = world
        self.known = known
        self.failure: ApiError | None = None

    def settle(self) -> None:
        """End as the work ended. Raises its ApiError."""
        if self.failure is not None:
            raise self.failure


class Wave:
    """Scales of one instance whose jobs run one after the other. `work` is there once one has begun with it.

    No lock: jobs of one instance never run side by side.
    """

    def __init__(self) -> None:
        self.work: Work | None = None
        self.at_work = False

    @contextmanager
    def working(self, world: World, known: Instance) -> Iterator[None]:
        """Do the wave's work; a failure is kept for those that wait for it."""
        self.work = Work(world, known)
        self.at_work = True
        try:
            yield
        except ApiError as failure:
            self.work.failure = failure
            raise
        finally:
            self.at_work = False


class ScaleWaves:
    """The waves by instance id; guards itself.

    A request joins the wave before it while nobody has been told that a job of that wave has ended, and a real server
    would still be at work. So what comes together for a client is together, however quick the lab's hosts are.

    Source: VirtualMachineManagerImpl.reConfigureVmThroughJobQueue takes up a pending work job in place of its own.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._guard = Lock()
        self._waves: dict[str, tuple[Wave, float]] = {}

    def join(self, instance_id: str) -> Wave:
        """The wave of a request that has just come in."""
        now = self._monotonic()
        with self._guard:
            wave, begun = self._waves.get(instance_id, (None, now))
            if wave is None or (now - begun > _LONGEST_SECONDS and not wave.at_work):
                wave = Wave()
                self._waves[instance_id] = (wave, now)
            return wave

    def end_was_told(self, instance_id: str) -> None:
        """A job of this instance is known to have ended: the next scale comes after it."""
        with self._guard:
            self._waves.pop(instance_id, None)


@dataclass
class _Taken:
    """What one scale took of its host, when, and when somebody was told that it had ended."""

    instance_id: str
    host_id: str
    old: Size
    new: Size
    at: float
    told_at: float | None = None


class UntoldGrowth:
    """What scales took of their hosts while nobody had been told that they ended; guards itself.

    A real server would still be at work, so a request that came meanwhile is decided as if they had taken nothing.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._guard = Lock()
        self._taken: list[_Taken] = []

    def now(self) -> float:
        """When a request came in, for `without`."""
        return self._monotonic()

    def took(self, instance_id: str, host_id: str, old: Size, new: Size) -> None:
        """An instance has grown on this host."""
        with self._guard:
            self._taken = [*self._recent(), _Taken(instance_id, host_id, old, new, self._monotonic())]

    def end_was_told(self, instance_id: str) -> None:
        """What it took is taken for everybody who asks from now on."""
        with self._guard:
            for taken in self._taken:
                if taken.instance_id == instance_id and taken.told_at is None:
                    taken.told_at = self._monotonic()

    def without(self, hosts: tuple[Host, ...], asked_at: float) -> tuple[Host, ...]:
        """The hosts as they were before, for a request that came in then: its own job may begin much later."""
        with self._guard:
            untold = [each for each in self._recent() if each.told_at is None or each.told_at > asked_at]
        for taken in untold:
            hosts = tuple(_before(host, taken.old, taken.new) if host.id == taken.host_id else host for host in hosts)
        return hosts

    def _recent(self) -> list[_Taken]:
        since = self._monotonic() - _LONGEST_SECONDS
        return [taken for taken in self._taken if taken.at >= since]


def _before(host: Host, old: Size, new: Size) -> Host:
    return replace(
        host,
        used_cpu_mhz=host.used_cpu_mhz - new.cpu_mhz + old.cpu_mhz,
        used_memory_bytes=host.used_memory_bytes - new.memory_bytes + old.memory_bytes,
    )
