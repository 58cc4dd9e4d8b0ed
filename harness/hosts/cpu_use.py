"""Has a guest burn CPU, and reads how much of it the domain's vCPUs got."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from dataclasses import dataclass

from harness.hosts.observation import NotSeen

# In the guest: a loop that yields to everything else there, ended by the guest itself after so many seconds.
BURN_REQUEST = (
    '{"execute":"guest-exec","arguments":{"path":"timeout","arg":["-s","KILL","%d","sh","-c",'
    '"renice -n 19 -p $$ >/dev/null 2>&1; while :; do :; done"],"capture-output":true}}'
)
STATUS_REQUEST = '{"execute":"guest-exec-status","arguments":{"pid":%d}}'


@dataclass(frozen=True)
class CpuUse:
    """What vCPUs have used since the domain began, in CPU seconds by vCPU number; `at_s` is the host's clock.

    It was read at that moment or up to `within_s` seconds later: on a busy host that may be long.
    `throttled` counts by vCPU the periods in which it was held back; None where the transport does not tell.
    """

    at_s: float
    used_s: dict[int, float]
    throttled: dict[int, int] | None
    within_s: float = 0.0


def read_begun(answer: str | NotSeen) -> int | NotSeen:
    """The pid of the loop in the guest, as `guest-exec` tells it."""
    if isinstance(answer, NotSeen):
        return NotSeen(f"the guest runs no program: {answer.reason}")
    try:
        return int(json.loads(answer)["return"]["pid"])
    except (ValueError, TypeError, KeyError, RecursionError) as failure:
        return NotSeen(f"the guest runs no program: answer not understood: {type(failure).__name__} {failure}")


def read_status(answer: str | NotSeen) -> NotSeen | None:
    """None where `guest-exec-status` tells that the loop still runs, else why not."""
    if isinstance(answer, NotSeen):
        return NotSeen(f"the guest does not tell of its program: {answer.reason}")
    try:
        told = json.loads(answer)["return"]
        if told["exited"] is False:
            return None
        said = b64decode(told.get("err-data", "")).decode(errors="replace").strip()
    except (ValueError, TypeError, KeyError, RecursionError) as failure:
        return NotSeen(f"the guest does not tell of its program: {type(failure).__name__} {failure}")
    return NotSeen(f"the guest's program ended by itself{f', saying {said}' if said else ''}")


def read_cpu_use(
    uptime: str | NotSeen, stats: str | NotSeen, throttled: str | NotSeen, uptime_after: str | NotSeen
) -> CpuUse | NotSeen:
    """Of `/proc/uptime`, before and after, `virsh domstats --vcpu` (`vcpu.0.time=<ns>`) and the probe's lines
    `throttled N <count>`."""
    if isinstance(uptime, NotSeen):
        return uptime
    if isinstance(stats, NotSeen):
        return stats
    if isinstance(uptime_after, NotSeen):
        return uptime_after
    times = re.findall(r"^\s*vcpu\.(\d{1,6})\.time=(\d{1,20})\s*$", stats, re.MULTILINE)
    clock, later = (re.match(r"\d{1,15}\.\d{1,9}", told) for told in (uptime, uptime_after))
    if not times or clock is None or later is None:
        return NotSeen(f"virsh domstats tells no time of a vCPU: {' '.join(stats.split())[:200]}")
    counts = None
    if not isinstance(throttled, NotSeen):
        told = re.findall(r"^throttled (\d{1,6}) (\d{1,20})$", throttled, re.MULTILINE)
        counts = {int(vcpu): int(count) for vcpu, count in told}
    used_s = {int(vcpu): int(ns) / 1e9 for vcpu, ns in times}
    return CpuUse(float(clock[0]), used_s, counts or None, float(later[0]) - float(clock[0]))
