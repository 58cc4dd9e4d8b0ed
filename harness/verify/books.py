"""Holds the capacity that hosts count as used against what a scale must leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.reference.capacity import Host
from harness.reference.rule import Rule
from harness.verify.checks import Checks
from harness.verify.finding import Comparison, Layer

_MIB = 1 << 20


def compare_books(expected: Sequence[Sequence[Host]], seen: Iterable[Host], rule: Rule) -> Comparison:
    """What `listHosts` tells of hosts against the ways in which they may count; a host in none of them is left out.

    There is more than one way where a recalculation may or may not have come in between. The first says what is
    reported.
    """
    checks = Checks(Layer.API, "listHosts")
    by_id = {host.id: host for host in seen}
    ways = [[(host, by_id[host.id]) for host in way if host.id in by_id] for way in expected]
    if any(all(_used(host) == _used(there) for host, there in way) for way in ways):
        return checks.done()
    for host, there in ways[0]:
        checks.equal(f"allocated MHz of {host.name}", host.used_cpu_mhz, there.used_cpu_mhz, rule)
        checks.equal(
            f"allocated MiB of {host.name}", host.used_memory_bytes / _MIB, there.used_memory_bytes / _MIB, rule
        )
    return checks.done()


def _used(host: Host) -> tuple[int, int]:
    return host.used_cpu_mhz, host.used_memory_bytes
