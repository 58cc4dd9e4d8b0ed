"""Holds the CPU time that a busy guest got against its CPU cap."""

from __future__ import annotations

from dataclasses import dataclass

from harness.hosts.cpu_use import CpuUse
from harness.reference.cpu_tuning import QUOTA_REMOVED_US
from harness.reference.domain import Domain
from harness.verify.checks import Checks, not_verified
from harness.verify.finding import Comparison, Layer

# A vCPU thread never gets more than its quota; what is added covers clocks that tick 100 times a second.
_TOLERANCE = 1.05
_TICKS = 0.02


@dataclass(frozen=True)
class CpuShare:
    """What the busiest vCPU got while its guest was busy, as a part of one CPU: at least `part`, at most `at_most`.

    `throttled` are the periods in which it was held back; None where the transport does not tell.
    """

    part: float
    throttled: int | None
    at_most: float = 1.0


def share_between(first: CpuUse, second: CpuUse) -> CpuShare:
    """Of two looks at one domain, some time apart."""
    got = {vcpu: used - first.used_s.get(vcpu, 0.0) for vcpu, used in second.used_s.items()}
    busiest = max(got, key=lambda vcpu: got[vcpu])
    throttled = None
    if first.throttled is not None and second.throttled is not None:
        throttled = second.throttled.get(busiest, 0) - first.throttled.get(busiest, 0)
    longest_s = second.at_s + second.within_s - first.at_s
    shortest_s = second.at_s - first.at_s - first.within_s
    at_most = got[busiest] / shortest_s if shortest_s > 0 else 1.0
    return CpuShare(got[busiest] / longest_s, throttled, min(1.0, at_most))


def most_of(domain: Domain) -> float | None:
    """The part of a CPU that each vCPU may use, None without cap."""
    if domain.quota_us is None or domain.quota_us == QUOTA_REMOVED_US or domain.period_us is None:
        return None
    return domain.quota_us / domain.period_us


def exceeds(share: CpuShare, part: float) -> bool:
    """Whether it is certainly more than this part of a CPU."""
    return share.part > part * _TOLERANCE + _TICKS


def compare_cpu_share(domain: Domain, share: CpuShare, read_from: str, *, above: float | None = None) -> Comparison:
    """A capped vCPU gets no more than its cap, and is held back there; one without cap is never held back.

    `above` is a former cap that must no longer hold. A host that is too busy to show that proves nothing.
    """
    checks = Checks(Layer.GUEST, read_from)
    because = domain.because["quota_us"]
    most = most_of(domain)
    if most is None:
        if share.throttled:
            checks.differs("periods in which a vCPU is held back", "0", str(share.throttled), because)
    elif exceeds(share, most):
        checks.differs("part of a CPU that a busy vCPU gets", f"at most {most:.2f}", f"{share.part:.2f}", because)
    if above is None or exceeds(share, above):
        return checks.done()
    unhindered = share.throttled == 0
    if most is None and unhindered:
        return checks.done()
    if unhindered or share.throttled is None or share.at_most > above * _TOLERANCE + _TICKS:
        return not_verified(
            Layer.GUEST, f"the host is too busy: a vCPU that may use more got {share.part:.2f} of a CPU"
        )
    checks.differs("part of a CPU that a busy vCPU gets", f"more than {above:.2f}", f"{share.part:.2f}", because)
    return checks.done()
