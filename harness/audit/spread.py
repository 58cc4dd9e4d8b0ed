"""Looks at hosts from the workers of an engine, each part of the fleet from those nearest to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.audit.looking import Looked, Task, look_at
from harness.engine.parts import Part, PartsEngine

_HOSTS_IN_A_PART = 8


@dataclass(frozen=True)
class _Portion:
    """Hosts of one cluster, and how many of them at once."""

    tasks: tuple[Task, ...]
    at_once: int


@dataclass(frozen=True)
class Spread:
    """An Engine of the audit. `nearest` has the beginning of workers' names by the cluster that they are near to.

    All workers together look at no more than `max_ssh` hosts at once.
    """

    parts_engine: PartsEngine
    max_ssh: int
    nearest: Mapping[str, str] = field(default_factory=dict)

    def look(self, tasks: Sequence[Task]) -> Iterator[Looked]:
        # As many workers as there are now: others may come while this goes on.
        workers = min(self.parts_engine.width, self.max_ssh)
        at_once = self.max_ssh // workers
        portions = {str(number): part for number, part in enumerate(_portions(tasks, at_once))}
        parts = [Part(key, portion, self.nearest.get(portion.tasks[0].cluster)) for key, portion in portions.items()]
        for done in self.parts_engine.carry_out(_carry_out, parts, workers):
            if done.result is not None:
                yield from done.result
            else:
                for task in portions[done.key].tasks:
                    yield Looked(task.host_id, None, done.failure or "nothing came back", 0.0)


def _portions(tasks: Sequence[Task], at_once: int) -> Iterator[_Portion]:
    by_cluster: dict[str, list[Task]] = {}
    for task in tasks:
        by_cluster.setdefault(task.cluster, []).append(task)
    for theirs in by_cluster.values():
        for begin in range(0, len(theirs), _HOSTS_IN_A_PART):
            yield _Portion(tuple(theirs[begin : begin + _HOSTS_IN_A_PART]), at_once)


def _carry_out(portion: _Portion) -> list[Looked]:
    return look_at(portion.tasks, portion.at_once)
