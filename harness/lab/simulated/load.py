"""What busy programs of a simulated guest use of its vCPUs, and how often the CPU cap holds these back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

_UPTIME = Path("/proc/uptime")


def uptime() -> float:
    """Seconds since the machine began, as commands on a simulated host read them too."""
    return float(_UPTIME.read_text(encoding="ascii").split()[0])


@dataclass(frozen=True)
class Cap:
    """Of each vCPU: the part of a CPU that it may use, and the length of a period; 1 is no cap."""

    part: float
    period_s: float


@dataclass
class GuestLoad:
    """Loops that each keep one vCPU busy, spread over the vCPUs. Times are seconds of the host's uptime."""

    _ends: list[float] = field(default_factory=list)
    _since: float = 0.0
    _used_s: dict[int, float] = field(default_factory=dict)
    _throttled: dict[int, float] = field(default_factory=dict)

    def begin(self, now: float, seconds: float, vcpus: int, cap: Cap) -> None:
        """One more loop, from now on."""
        self.account(now, vcpus, cap)
        self._ends.append(now + seconds)

    def account(self, now: float, vcpus: int, cap: Cap) -> None:
        """Count what was used up to now; to be called before vCPUs or cap change."""
        for vcpu in range(min(vcpus, len(self._ends))):
            # The loops that last longest keep the first vCPUs busy.
            end = sorted(self._ends, reverse=True)[vcpu]
            busy_s = max(0.0, min(now, end) - self._since)
            self._used_s[vcpu] = self._used_s.get(vcpu, 0.0) + busy_s * cap.part
            if cap.part < 1:
                self._throttled[vcpu] = self._throttled.get(vcpu, 0.0) + busy_s / cap.period_s
        self._since = now
        self._ends = [end for end in self._ends if end > now]

    @property
    def was_ever_busy(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._ends or self._used_s)

    def used_ns(self, vcpu: int) -> int:
        """CPU time of a vCPU."""
        return int(self._used_s.get(vcpu, 0.0) * 1e9)

    def throttled(self, vcpu: int) -> int:
        """Periods in which it was held back."""
        return int(self._throttled.get(vcpu, 0.0))
