"""Makes the guest of an instance busy and measures what its vCPUs get."""

from __future__ import annotations

from harness.hosts.cpu_use import CpuUse
from harness.hosts.observation import NotSeen
from harness.hosts.view import HostView
from harness.verify.cpu_time import CpuShare, share_between
from harness.verify.domain import NotVerifiedError
from harness.waiting import DeadlineExpired, wait_until

# The guest ends the loop itself, whatever becomes of the run.
_BURNS_SECONDS = 12
_MEASURED_SECONDS = 1.0
_BEGINS_WITHIN_SECONDS = 6.0
_AT_WORK_SECONDS = 0.03


def measure(view: HostView, instance_name: str) -> CpuShare:
    """What the busiest vCPU gets within a second of a busy guest.

    Raises:
        NotVerifiedError: the guest does not run the loop, or the host does not tell CPU times.
        HostFailure: the host cannot be looked into.
    """
    idle = _use(view, instance_name)
    begun = view.burn_cpu(instance_name, _BURNS_SECONDS)
    if isinstance(begun, NotSeen):
        raise NotVerifiedError(f"CPU time of {instance_name}: {begun.reason}")
    try:
        first = _wait(view, instance_name, idle, "to be busy", used_s=_AT_WORK_SECONDS)
        second = _wait(view, instance_name, first, "for a while", passed_s=_MEASURED_SECONDS)
    except DeadlineExpired as expired:
        raise NotVerifiedError(f"CPU time of {instance_name}: {expired}") from None
    # An idle guest is never held back; without this it could pass for one without cap.
    ended = view.not_burning(instance_name, begun)
    if ended is not None:
        raise NotVerifiedError(f"CPU time of {instance_name}: {ended.reason}")
    return share_between(first, second)


def _wait(
    view: HostView, instance_name: str, since: CpuUse, what: str, *, used_s: float = 0.0, passed_s: float = 0.0
) -> CpuUse:
    def enough(now: CpuUse) -> bool:
        used = sum(now.used_s.values()) - sum(since.used_s.values())
        return used >= used_s and now.at_s - since.at_s >= passed_s

    return wait_until(
        f"guest {instance_name} {what}",
        lambda: _use(view, instance_name),
        enough,
        _BEGINS_WITHIN_SECONDS,
        longest_pause_s=0.2,
    )


def _use(view: HostView, instance_name: str) -> CpuUse:
    seen = view.cpu_use(instance_name)
    if isinstance(seen, NotSeen):
        raise NotVerifiedError(f"CPU time of {instance_name}: {seen.reason}")
    return seen
