"""CPU shares, quota and period, to the last digit as the JVM computes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_DOWN, Decimal

DEFAULT_PERIOD_US = 10_000
MAX_PERIOD_US = 1_000_000
MIN_QUOTA_US = 1_000
QUOTA_REMOVED_US = 2**44 - 1
MIN_SHARES = 2
MAX_SHARES_V1 = 262_144
MAX_SHARES_V2 = 10_000
# Beyond it the 32-bit product of the v2 formula wraps.
LARGEST_SHARES_PRODUCT_MHZ = (2**31 - 1) // MAX_SHARES_V2
# What libvirt reports for a domain whose bandwidth was never set.
UNSET_QUOTA_US = -1
UNSET_PERIOD_US = 100_000


@dataclass(frozen=True)
class Bandwidth:
    """Of each vCPU: it may run `quota_us` in every `period_us`."""

    quota_us: int
    period_us: int


def quota_percentage(instance_speed_mhz: int, host_speed_mhz: int) -> float | None:
    """Share of a host CPU that one vCPU may use: two decimals, ties toward zero, at most 1; None for an unknown host.

    The tie is judged on the exact expansion of the binary double. Source: KVMGuru.getCpuQuotaPercentage.
    """
    if host_speed_mhz == 0:
        return None
    ratio = Decimal(instance_speed_mhz / host_speed_mhz)
    return min(float(ratio.quantize(Decimal("0.01"), ROUND_HALF_DOWN)), 1.0)


def bandwidth(percentage: float) -> Bandwidth:
    """Quota and period for a percentage from 0 to 1. Source: LibvirtComputingResource.getPeriodAndQuota."""
    quota_us = int(DEFAULT_PERIOD_US * percentage)
    if quota_us >= MIN_QUOTA_US:
        return Bandwidth(quota_us, DEFAULT_PERIOD_US)
    period_us = MAX_PERIOD_US if percentage == 0 else int(min(MIN_QUOTA_US / percentage, MAX_PERIOD_US))
    return Bandwidth(MIN_QUOTA_US, period_us)


def cpu_shares(cpus: int, min_speed_mhz: int, *, cgroup_version: int, host_cpu_mhz: int) -> int:
    """Shares (v1) or weight (v2) of a domain; `host_cpu_mhz` is the host's CPUs times its speed.

    The product of the v2 formula is a 32-bit int in CloudStack and wraps above 214748 MHz. A v2 host of unknown
    capacity is taken for a v1 host.
    Source: LibvirtComputingResource.calculateCpuShares.
    """
    requested = cpus * min_speed_mhz
    if cgroup_version == 1 or host_cpu_mhz == 0:
        return max(MIN_SHARES, min(requested, MAX_SHARES_V1))
    product = (requested * MAX_SHARES_V2 + 2**31) % 2**32 - 2**31
    return max(MIN_SHARES, min(math.ceil(product / host_cpu_mhz), MAX_SHARES_V2))
