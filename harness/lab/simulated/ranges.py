"""The ranges libvirt keeps scheduler values in, with its refusals (texts of libvirt 9.0)."""

from __future__ import annotations

from harness.lab.hypervisor import HypervisorError

PERIOD_US = (1_000, 1_000_000)
QUOTA_US = (1_000, 17_592_186_044_415)

# What a domain without <cputune> gets from the kernel.
DEFAULT_PERIOD_US = 100_000
UNLIMITED = -1


def shares(cgroup_version: int) -> tuple[int, int]:
    """cpu.shares on version 1; libvirt puts the same number into cpu.weight on version 2 (vircgroupv2.c)."""
    return (1, 10_000) if cgroup_version == 2 else (2, 262_144)


def default_shares(cgroup_version: int) -> int:
    """The kernel's own default weight."""
    return 100 if cgroup_version == 2 else 1024


def check_cputune(element: str, value: int | None, allowed: tuple[int, int]) -> None:
    """The check at start; negative quotas mean "unlimited" and 0 "not set" (virDomainDefCheckUnsignedSetting).

    Raises:
        HypervisorError: outside the range.
    """
    if value is None or (element == "quota" and value <= 0):
        return
    if not allowed[0] <= value <= allowed[1]:
        raise HypervisorError(
            f"unsupported configuration: Value of cputune '{element}' must be in range [{allowed[0]}, {allowed[1]}]"
        )


def check_parameter(name: str, value: int, cgroup_version: int) -> None:
    """The check of virDomainSetSchedulerParameters on a running domain.

    Raises:
        HypervisorError: outside the range, or no such parameter.
    """
    if name == "cpu_shares":
        low, high = shares(cgroup_version)
        if not low <= value <= high:
            raise HypervisorError(f"invalid argument: shares '{value}' must be in range [{low}, {high}]")
        return
    if name.endswith("_quota"):
        low, high = QUOTA_US
        unset = value <= 0
    elif name.endswith("_period"):
        low, high = PERIOD_US
        unset = value == 0
    else:
        raise HypervisorError(f"invalid argument: parameter '{name}' not supported")
    if not unset and not low <= value <= high:
        raise HypervisorError(f"invalid argument: value of '{name}' is out of range [{low}, {high}]")
