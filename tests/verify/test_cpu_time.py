"""A busy vCPU gets no more than its cap, is not held back without one, and a busy host proves nothing."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.hosts.cpu_use import CpuUse
from harness.reference.cpu_tuning import QUOTA_REMOVED_US
from harness.reference.domain import Domain
from harness.verify.cpu_time import CpuShare, compare_cpu_share, exceeds, most_of, share_between
from harness.verify.finding import Layer
from tests.reference.worlds import fixed, running, world

FREE: Domain = running(world(), fixed(1, 500, 256)).domain
CAPPED = replace(FREE, quota_us=1000, period_us=10000)


def _findings(domain: Domain, share: CpuShare, above: float | None = None) -> list[str]:
    return [finding.what for finding in compare_cpu_share(domain, share, "here", above=above).findings]


def test_the_busiest_vcpu_counts() -> None:
    first = CpuUse(10.0, {0: 1.0, 1: 5.0}, {0: 3, 1: 8})
    second = CpuUse(12.0, {0: 1.5, 1: 5.1, 2: 0.2}, {0: 13, 1: 8, 2: 0})
    assert share_between(first, second) == CpuShare(0.25, 10, 0.25)
    assert share_between(replace(first, throttled=None), second) == CpuShare(0.25, None, 0.25)


def test_what_a_busy_host_tells_late_is_neither_too_much_nor_too_little() -> None:
    first, second = CpuUse(10.0, {0: 1.0}, {0: 0}, within_s=0.5), CpuUse(11.0, {0: 1.3}, {0: 9}, within_s=0.5)
    share = share_between(first, second)
    assert (share.part, share.at_most) == (pytest.approx(0.2), pytest.approx(0.6))
    assert share_between(replace(first, within_s=2.0), second).at_most == 1
    quarter = replace(CAPPED, quota_us=2500)
    assert _findings(quarter, share) == []
    comparison = compare_cpu_share(quarter, share, "here", above=0.25)
    assert comparison.findings == ()
    assert "the host is too busy" in comparison.not_verified[Layer.GUEST]


def test_a_cap_is_a_part_of_a_cpu_and_a_removed_one_is_none() -> None:
    assert most_of(CAPPED) == 0.1
    assert most_of(FREE) is None
    assert most_of(replace(CAPPED, quota_us=QUOTA_REMOVED_US)) is None


@given(part=st.floats(0, 1), cap=st.floats(0, 1))
def test_no_more_than_a_cap_never_exceeds_it(part: float, cap: float) -> None:
    assert not (exceeds(CpuShare(part, None), cap) and part <= cap)


@pytest.mark.parametrize(
    ("domain", "share", "above"),
    [
        (CAPPED, CpuShare(0.1, 90), None),
        (CAPPED, CpuShare(0.02, 0), None),
        (FREE, CpuShare(0.9, 0), None),
        (FREE, CpuShare(0.9, None), 0.1),
        (FREE, CpuShare(0.05, 0), 0.1),
        (replace(CAPPED, quota_us=5000), CpuShare(0.5, 80), 0.1),
    ],
)
def test_what_agrees_is_no_finding(domain: Domain, share: CpuShare, above: float | None) -> None:
    comparison = compare_cpu_share(domain, share, "here", above=above)
    assert comparison.findings == ()
    assert comparison.seen == {Layer.GUEST}


@pytest.mark.parametrize(
    ("domain", "share", "above", "what"),
    [
        (CAPPED, CpuShare(0.3, 0), None, "part of a CPU that a busy vCPU gets"),
        (FREE, CpuShare(0.9, 1), None, "periods in which a vCPU is held back"),
        (replace(CAPPED, quota_us=5000), CpuShare(0.1, 90, 0.1), 0.1, "part of a CPU that a busy vCPU gets"),
    ],
)
def test_what_differs_is_a_finding(domain: Domain, share: CpuShare, above: float | None, what: str) -> None:
    assert _findings(domain, share, above) == [what]


@pytest.mark.parametrize("throttled", [0, None])
def test_a_host_that_is_too_busy_proves_nothing(throttled: int | None) -> None:
    raised = replace(CAPPED, quota_us=5000)
    comparison = compare_cpu_share(raised, CpuShare(0.1, throttled), "here", above=0.1)
    assert comparison.findings == ()
    assert "the host is too busy" in comparison.not_verified[Layer.GUEST]
