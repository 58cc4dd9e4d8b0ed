"""Defects of a start: the ceilings, memory, topology and CPU tuning that a domain is built with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from harness.lab.defects.defect import Defect, Part, Sign, api, domain
from harness.lab.seams import Seams
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.cpu_tuning import Bandwidth, bandwidth, cpu_shares
from harness.reference.domain import Domain, Topology, domain_at_start, topology
from harness.reference.offering import Offering, Size
from harness.reference.release import Release
from harness.reference.settings import Settings

_MAX_MEMORY = domain("maxMemory in KiB", "maximum memory in KiB")
_MAX_VCPUS = domain("maximum vCPUs")
_SHARES = domain("shares")
_QUOTA = domain("quota in us")


@dataclass(frozen=True)
class Start:
    """What a start is computed from."""

    settings: Settings
    host: Host
    offering: Offering
    size: Size
    cpu_cap: bool
    prepared: bool


def _seams(change: Callable[[Domain, Start], Domain]) -> Seams:
    def start(
        release: Release,
        settings: Settings,
        host: Host,
        offering: Offering,
        size: Size,
        *,
        cpu_cap: bool,
        prepared: bool,
    ) -> Domain:
        built = domain_at_start(release, settings, host, offering, size, cpu_cap=cpu_cap, prepared=prepared)
        return change(built, Start(settings, host, offering, size, cpu_cap, prepared))

    return Seams(domain_at_start=start)


def _start(
    name: str, says: str, story: str, sign: Sign, change: Callable[[Domain, Start], Domain], sections: str = "XML"
) -> Defect:
    return Defect(f"start-{name}", says, Part.GURU, sections, story, sign, _seams(change))


def _prepared(change: Callable[[Domain, Start], Domain]) -> Callable[[Domain, Start], Domain]:
    return lambda built, start: change(built, start) if start.prepared else built


def _memory_ceiling(kib: Callable[[Domain, Start], int | None]) -> Callable[[Domain, Start], Domain]:
    def change(built: Domain, start: Start) -> Domain:
        ceiling = kib(built, start)
        fits = ceiling is not None and ceiling > built.boot_memory_kib
        return replace(built, max_memory_kib=ceiling if fits else None)

    return _prepared(change)


def _vcpu_ceiling(vcpus: Callable[[Domain, Start], int]) -> Callable[[Domain, Start], Domain]:
    def change(built: Domain, start: Start) -> Domain:
        ceiling = max(built.vcpus, vcpus(built, start))
        return replace(built, max_vcpus=ceiling, topology=topology(ceiling))

    return _prepared(change)


def _shares(shares: Callable[[Domain, Start], int]) -> Callable[[Domain, Start], Domain]:
    return lambda built, start: replace(built, shares=max(2, shares(built, start)))


def _capped(limit: Callable[[Start], Bandwidth | None]) -> Callable[[Domain, Start], Domain]:
    def change(built: Domain, start: Start) -> Domain:
        if not start.cpu_cap:
            return built
        new = limit(start)
        return replace(built, quota_us=new.quota_us if new else None, period_us=new.period_us if new else None)

    return change


def _ratio(start: Start, factor: float = 1.0) -> float:
    return min(1.0, factor * start.size.speed_mhz / start.host.speed_mhz)


def _uncapped_limit(built: Domain, start: Start) -> Domain:
    if start.cpu_cap:
        return built
    limit = bandwidth(round(_ratio(start), 2))
    return replace(built, quota_us=limit.quota_us, period_us=limit.period_us)


def _small_quota(start: Start) -> Bandwidth:
    return Bandwidth(int(10_000 * round(_ratio(start), 2)), 10_000)


def _rounded(percentage: float) -> Bandwidth:
    quota_us = round(10_000 * percentage)
    return Bandwidth(quota_us, 10_000) if quota_us >= 1000 else Bandwidth(1000, round(1000 / percentage))


def _own_ceiling(name: str, start: Start) -> int:
    return start.settings.integer(name, start.host.cluster_id)


def _literal_vcpus(built: Domain, start: Start) -> int:
    return built.vcpus if _own_ceiling(names.CPU_CEILING, start) < 0 else built.max_vcpus


def _literal_memory(built: Domain, start: Start) -> int | None:
    return None if _own_ceiling(names.MEMORY_CEILING, start) < 0 else built.max_memory_kib


def _offering_memory(built: Domain, start: Start) -> int | None:
    mib = start.offering.max_memory_mib or start.settings.integer(names.MAX_OFFERING_MEMORY)
    return mib * 1024 if mib > 0 else built.boot_memory_kib * 2


STARTS = (
    _start(
        "no-max-memory",
        "A prepared domain has no maxMemory.",
        "KVMGuru asks for the offering's maximum, which a fixed offering does not have.",
        _MAX_MEMORY,
        _memory_ceiling(lambda _built, _start: None),
    ),
    _start(
        "max-memory-in-bytes",
        "maxMemory has the number of bytes where KiB are meant.",
        "The division by 1024 was moved out of LibvirtVMDef, and one caller was forgotten.",
        _MAX_MEMORY,
        _memory_ceiling(lambda built, _start: (built.max_memory_kib or 0) * 1024),
    ),
    _start(
        "max-memory-decimal",
        "maxMemory is reckoned with 1000 in place of 1024.",
        "A unit helper for storage is used for memory.",
        _MAX_MEMORY,
        _memory_ceiling(lambda built, _start: (built.max_memory_kib or 0) * 1000 // 1024),
    ),
    _start(
        "max-memory-of-the-offering",
        "The memory ceiling is the offering's maximum, as before the pull request.",
        "The old branch of KVMGuru.getVmMaxMemory survives a merge.",
        _MAX_MEMORY,
        _memory_ceiling(_offering_memory),
    ),
    _start(
        "max-memory-free",
        "The memory ceiling is what is free on the host, not its total.",
        "The host's free memory stands beside its total in HostVO.",
        _MAX_MEMORY,
        _memory_ceiling(
            lambda _built, start: (
                (start.host.memory_bytes - start.host.used_memory_bytes - start.size.memory_bytes) // 1024
            )
        ),
    ),
    _start(
        "max-memory-of-cluster-ignored",
        "The cluster's kvm.memory.dynamic.scaling.capacity has no effect.",
        "The setting is read without the cluster's id, by another key.",
        _MAX_MEMORY,
        _memory_ceiling(lambda _built, start: start.host.memory_bytes // 1024),
        "LIM",
    ),
    _start(
        "max-memory-setting-in-gib",
        "kvm.memory.dynamic.scaling.capacity is read as GiB.",
        "Other capacity settings of CloudStack are in GiB.",
        _MAX_MEMORY,
        _memory_ceiling(
            lambda built, start: (
                (built.max_memory_kib or 0) * (1024 if _own_ceiling(names.MEMORY_CEILING, start) > 0 else 1)
            )
        ),
        "LIM",
    ),
    _start(
        "negative-memory-literal",
        "A negative memory ceiling is taken literally, so that nothing can grow.",
        "The check is for 0 in place of 0 and below.",
        _MAX_MEMORY,
        _memory_ceiling(_literal_memory),
        "LIM",
    ),
    _start(
        "vcpu-ceiling-ignored",
        "A prepared domain has no vCPUs to spare.",
        "The maximum is set before the ceiling is known, and not set again.",
        _MAX_VCPUS,
        _vcpu_ceiling(lambda built, _start: built.vcpus),
    ),
    _start(
        "vcpu-ceiling-doubled",
        "The vCPU ceiling is twice the host's CPUs.",
        "Threads are multiplied in although the host's number has them.",
        _MAX_VCPUS,
        _vcpu_ceiling(lambda built, _start: built.max_vcpus * 2),
    ),
    _start(
        "vcpu-ceiling-one-less",
        "The vCPU ceiling is one below the host's CPUs.",
        "A CPU is left for the host, or an index is taken for a count.",
        _MAX_VCPUS,
        _vcpu_ceiling(lambda built, _start: built.max_vcpus - 1),
    ),
    _start(
        "vcpu-ceiling-of-cluster-ignored",
        "The cluster's kvm.cpu.dynamic.scaling.capacity has no effect.",
        "The setting is read without the cluster's id, by another key.",
        _MAX_VCPUS,
        _vcpu_ceiling(lambda _built, start: start.host.cpus),
        "LIM",
    ),
    _start(
        "negative-vcpus-literal",
        "A negative vCPU ceiling is taken literally, so that nothing can grow.",
        "The check is for 0 in place of 0 and below.",
        _MAX_VCPUS,
        _vcpu_ceiling(_literal_vcpus),
        "LIM",
    ),
    _start(
        "all-vcpus-plugged",
        "A prepared domain starts with all vCPUs of its ceiling.",
        "The current attribute of the vcpu element is left out.",
        domain("current vCPUs"),
        _prepared(lambda built, _start: replace(built, vcpus=built.max_vcpus)),
    ),
    _start(
        "threads",
        "The topology has two threads a core.",
        "The host's own topology is copied.",
        domain("sockets x cores x threads"),
        lambda built, _start: (
            replace(built, topology=Topology(1, built.max_vcpus // 2, 2)) if built.max_vcpus % 2 == 0 else built
        ),
    ),
    _start(
        "boot-memory-doubled",
        "A domain boots with twice its memory.",
        "The ceiling's helper is used for the boot memory.",
        domain("memory in KiB"),
        lambda built, _start: (
            replace(built, boot_memory_kib=built.boot_memory_kib * 2)
            if (built.max_memory_kib or 0) > built.boot_memory_kib * 2
            else built
        ),
    ),
    _start(
        "memory-overcommit-ignored",
        "A domain boots with its whole memory in a cluster with memory overcommit.",
        "The minimum memory is no longer handed to the agent.",
        domain("memory in KiB"),
        lambda built, start: replace(built, boot_memory_kib=start.size.memory_mib * 1024),
    ),
    _start(
        "shares-of-one-vcpu",
        "Shares are those of one vCPU.",
        "The factor is lost where the computation moved to calculateCpuShares.",
        _SHARES,
        _shares(lambda built, _start: built.shares // built.vcpus),
        "XML,LS",
    ),
    _start(
        "shares-of-the-ceiling",
        "Shares are those of all vCPUs of the ceiling.",
        "The maximum stands where the current number is meant.",
        _SHARES,
        _shares(lambda built, _start: built.shares // built.vcpus * built.max_vcpus),
    ),
    _start(
        "shares-of-v2",
        "Shares are computed by the rule of cgroup version 2 on a host of version 1.",
        "The version is asked of the management server's machine.",
        _SHARES,
        _shares(
            lambda built, start: cpu_shares(
                built.vcpus, start.size.speed_mhz, cgroup_version=2, host_cpu_mhz=start.host.cpu_mhz
            )
        ),
    ),
    _start(
        "shares-default",
        "Shares are the kernel's 1024, whatever the offering.",
        "The cputune element is written without shares.",
        _SHARES,
        _shares(lambda _built, _start: 1024),
    ),
    _start(
        "no-quota",
        "A capped instance starts without a quota.",
        "limitCpuUse is read from the offering's details, where it is not.",
        _QUOTA,
        _capped(lambda _start: None),
        "XML,CAP",
    ),
    _start(
        "quota-without-cap",
        "An instance without CPU cap gets a quota.",
        "The condition on limitCpuUse is lost.",
        _QUOTA,
        _uncapped_limit,
    ),
    _start(
        "quota-of-the-turbo-speed",
        "The quota at the start is reckoned with a speed half as much again as the host's.",
        "The host's speed is read from cpuinfo_max_freq, which is that of one core in boost.",
        domain("quota in us", "period in us"),
        _capped(lambda start: bandwidth(round(start.size.speed_mhz / (1.5 * start.host.speed_mhz), 2))),
        "XML,CAP",
    ),
    _start(
        "quota-rounded",
        "Quota and period at the start are rounded in place of cut.",
        "Math.round() in place of a cast to int.",
        domain("quota in us", "period in us"),
        _capped(lambda start: _rounded(round(_ratio(start), 2))),
        "CAP",
    ),
    _start(
        "quota-of-all-vcpus",
        "The quota at the start is that of all vCPUs together.",
        "Quota is taken for a limit of the domain in place of each vCPU.",
        _QUOTA,
        _capped(lambda start: bandwidth(round(_ratio(start, start.size.cpus), 2))),
        "XML,CAP",
    ),
    _start(
        "period-of-libvirt",
        "The period of a capped instance is libvirt's 100000 us, the quota ten times as large.",
        "The kernel's default period is taken for CloudStack's.",
        _QUOTA,
        _capped(lambda start: Bandwidth(int(100_000 * round(_ratio(start), 2)), 100_000)),
        "XML,CAP",
    ),
    _start(
        "quota-below-minimum",
        "A quota below 1000 us is set as it is computed, with the period of 10000 us.",
        "The minimum of libvirt is forgotten.",
        api("job"),
        _capped(_small_quota),
        "CAP,XML",
    ),
)
