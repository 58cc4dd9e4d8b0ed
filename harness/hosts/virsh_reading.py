"""Reads what virsh and the cgroup part of the probe print."""

from __future__ import annotations

import re

from harness.hosts.observation import CgroupView, NotSeen, SchedulerView, VcpuBandwidth, VcpuCounts

UNLIMITED = -1
# Those of a 64 bit number.
_MOST_DIGITS = 20


def read_scheduler(text: str | NotSeen) -> SchedulerView | NotSeen:
    """`virsh schedinfo`: lines `name : value`.

    On cgroup v2 libvirt shows an unlimited quota as 17592186044415 (virCgroupV2GetCpuCfsQuota reads `max` as
    VIR_CGROUP_CPU_QUOTA_MAX); it is handed on as shown.
    """
    if isinstance(text, NotSeen):
        return text
    values = _by_colon(text)
    try:
        return SchedulerView(
            shares=int(values["cpu_shares"]),
            period_us=int(values["vcpu_period"]),
            quota_us=int(values["vcpu_quota"]),
        )
    except KeyError as missing:
        return NotSeen(f"virsh schedinfo does not list {missing.args[0]} (no cpu cgroup controller for the domain?)")
    except ValueError as failure:
        return NotSeen(f"virsh schedinfo not understood: {failure}")


def read_vcpu_counts(text: str | NotSeen) -> VcpuCounts | NotSeen:
    """`virsh vcpucount`: lines `maximum live 8`, `current live 2` (and `config` ones for persistent domains)."""
    if isinstance(text, NotSeen):
        return text
    rows = re.findall(r"^(maximum|current)\s+live\s+(\d{1,9})\s*$", text, re.MULTILINE)
    counts = {kind: int(count) for kind, count in rows}
    if counts.keys() != {"maximum", "current"}:
        return NotSeen(f"virsh vcpucount not understood: {_one_line(text)}")
    return VcpuCounts(current=counts["current"], maximum=counts["maximum"])


def read_cgroup(text: str | NotSeen) -> CgroupView | NotSeen:
    """The probe's own lines: `version`, `weight`, `quota N`, `period N` (version 1) or `max N` (version 2).

    A file that could not be read makes the whole part NotSeen: half of it could pass for a domain with fewer vCPUs.
    """
    if isinstance(text, NotSeen):
        return text
    if re.search(rf"\d{{{_MOST_DIGITS + 1}}}", text):
        return NotSeen(f"a number of more than {_MOST_DIGITS} digits in the cgroup's files")
    version, weight = 0, -1
    quotas: dict[int, int] = {}
    periods: dict[int, int] = {}
    for line in text.splitlines():
        match line.split():
            case ["reason", *_]:
                return NotSeen(line.removeprefix("reason "))
            case ["unreadable", *_]:
                return NotSeen(f"cannot read {line.removeprefix('unreadable ')}")
            case ["version", ("1" | "2") as number]:
                version = int(number)
            case ["weight", number] if number.isdecimal():
                weight = int(number)
            case ["quota", vcpu, number] if vcpu.isdecimal() and re.fullmatch(r"-?\d+", number):
                quotas[int(vcpu)] = int(number)
            case ["period", vcpu, number] if vcpu.isdecimal() and number.isdecimal():
                periods[int(vcpu)] = int(number)
            case ["max", vcpu, quota, period] if vcpu.isdecimal() and period.isdecimal() and _is_max(quota):
                quotas[int(vcpu)] = UNLIMITED if quota == "max" else int(quota)
                periods[int(vcpu)] = int(period)
            case _:
                return NotSeen(f"cgroup line not understood: {line[:200]}")
    if not version or weight < 0:
        return NotSeen("the probe did not come to the cgroup's weight")
    if not quotas or quotas.keys() != periods.keys():
        return NotSeen("the domain's cgroup has no group for its vCPUs (cpu controller not handed down?)")
    vcpus = {vcpu: VcpuBandwidth(quotas[vcpu], periods[vcpu]) for vcpu in sorted(quotas)}
    return CgroupView(version=version, weight=weight, vcpus=vcpus)


def read_nodeinfo(text: str) -> tuple[int, int, int] | None:
    """`virsh nodeinfo`: (CPUs, MHz, memory in KiB), or None when it is something else."""
    values = _by_colon(text)
    try:
        cpus = int(values["CPU(s)"])
        speed_mhz = int(values["CPU frequency"].removesuffix(" MHz"))
        memory_kib = int(values["Memory size"].removesuffix(" KiB"))
    except (KeyError, ValueError):
        return None
    return cpus, speed_mhz, memory_kib


def read_versions(text: str) -> tuple[str, str] | None:
    """`virsh version`: (libvirt, QEMU), as "9.0.0" and "7.2.22", or None when it is something else."""
    values = _by_colon(text)
    libvirt = re.fullmatch(r"libvirt (\S+)", values.get("Using library", ""))
    qemu = re.fullmatch(r"QEMU (\S+)", values.get("Running hypervisor", ""))
    return (libvirt[1], qemu[1]) if libvirt and qemu else None


def _is_max(quota: str) -> bool:
    return quota == "max" or quota.isdecimal()


def _by_colon(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, colon, value in pairs if colon}


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
