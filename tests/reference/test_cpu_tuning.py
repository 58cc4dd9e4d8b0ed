"""CPU shares, quota and period against CloudStack's own numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference.cpu_tuning import Bandwidth, bandwidth, cpu_shares, quota_percentage

SPEEDS = st.integers(min_value=0, max_value=10_000)


@pytest.mark.parametrize(
    ("instance_mhz", "host_mhz", "percentage", "quota_us", "period_us"),
    [
        (500, 2000, 0.25, 2500, 10000),
        (700, 2000, 0.35, 3500, 10000),
        (2000, 3000, 0.67, 6700, 10000),
        (250, 2000, 0.12, 1200, 10000),
        (1500, 2400, 0.62, 6200, 10000),
        (2600, 2400, 1.0, 10000, 10000),
        (60, 2000, 0.03, 1000, 33333),
        (1, 2000, 0.0, 1000, 1000000),
        (100, 2000, 0.05, 1000, 20000),
        (150, 2000, 0.07, 1000, 14285),
        (199, 2000, 0.1, 1000, 10000),
        (1140, 2000, 0.57, 5699, 10000),
        (1380, 2000, 0.69, 6899, 10000),
        (425, 2500, 0.17, 1700, 10000),
    ],
)
def test_quota_and_period_are_those_seen_on_a_real_host(
    instance_mhz: int, host_mhz: int, percentage: float, quota_us: int, period_us: int
) -> None:
    assert quota_percentage(instance_mhz, host_mhz) == percentage
    assert bandwidth(percentage) == Bandwidth(quota_us, period_us)


@pytest.mark.parametrize(("instance_mhz", "percentage"), [(250, 0.12), (750, 0.37), (1250, 0.62), (1750, 0.87)])
def test_a_share_halfway_between_two_hundredths_goes_toward_zero(instance_mhz: int, percentage: float) -> None:
    assert quota_percentage(instance_mhz, 2000) == percentage


def test_a_host_of_unknown_speed_gives_no_percentage() -> None:
    assert quota_percentage(500, 0) is None


@given(instance_mhz=SPEEDS, host_mhz=st.integers(min_value=1, max_value=10_000))
def test_quota_and_period_stay_within_what_libvirt_accepts(instance_mhz: int, host_mhz: int) -> None:
    percentage = quota_percentage(instance_mhz, host_mhz)
    assert percentage is not None
    limit = bandwidth(percentage)
    assert 1000 <= limit.quota_us <= 10000
    assert 1000 <= limit.period_us <= 1000000


@given(lower=SPEEDS, higher=SPEEDS, host_mhz=st.integers(min_value=1, max_value=10_000))
def test_more_speed_never_means_a_smaller_part_of_the_time(lower: int, higher: int, host_mhz: int) -> None:
    lower, higher = sorted((lower, higher))
    small, large = quota_percentage(lower, host_mhz), quota_percentage(higher, host_mhz)
    assert small is not None
    assert large is not None
    first, second = bandwidth(small), bandwidth(large)
    # A percentage is a hundredth at least; truncation costs less than one of them.
    assert first.quota_us / first.period_us <= second.quota_us / second.period_us + 1e-4


@pytest.mark.parametrize(
    ("cpus", "speed_mhz", "version", "host_mhz", "shares"),
    [
        (2, 500, 1, 16000, 1000),
        (0, 500, 1, 16000, 2),
        (100, 5000, 1, 16000, 262144),
        (2, 500, 2, 16000, 625),
        (1, 1, 2, 160000, 2),
        (16, 2500, 2, 40000, 10000),
    ],
)
def test_shares_follow_the_cgroup_version(cpus: int, speed_mhz: int, version: int, host_mhz: int, shares: int) -> None:
    assert cpu_shares(cpus, speed_mhz, cgroup_version=version, host_cpu_mhz=host_mhz) == shares


def test_the_product_on_cgroup_v2_overflows_as_a_java_int_does() -> None:
    assert cpu_shares(100, 2148, cgroup_version=2, host_cpu_mhz=300_000) == 2
