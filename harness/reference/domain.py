"""The libvirt domain of an instance: what it is at its start, after a live scale and after a live migration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from harness.reference import oddities, refusals, rules
from harness.reference import settings as names
from harness.reference.capacity import Host
from harness.reference.cpu_tuning import (
    QUOTA_REMOVED_US,
    UNSET_PERIOD_US,
    UNSET_QUOTA_US,
    bandwidth,
    cpu_shares,
    quota_percentage,
)
from harness.reference.java_float import float32
from harness.reference.offering import Offering, OfferingClass, Size
from harness.reference.release import Release
from harness.reference.rule import Rule
from harness.reference.settings import Settings

MEMORY_SLOTS = 16
# Without a host nothing bounds a prepared domain (KVMGuru.getHostMaxMemoryAndCpuCores).
UNBOUNDED_MEMORY_BYTES = 2**63 - 1
UNBOUNDED_VCPUS = 2**31 - 1
# x86 Linux brings memory online in blocks of this size.
GUEST_MEMORY_BLOCK_MIB = 128


@dataclass(frozen=True)
class Topology:
    sockets: int
    cores: int
    threads: int


@dataclass(frozen=True)
class Ceilings:
    """Upper limits written to a domain."""

    memory_bytes: int
    vcpus: int


@dataclass(frozen=True)
class Domain:
    """The parts of a domain that live scaling is about; None means that the element is not there.

    `memory_kib` includes hot-plugged DIMMs, `boot_memory_kib` does not. `because` names the rule behind each field.
    """

    prepared: bool
    boot_memory_kib: int
    max_memory_kib: int | None
    vcpus: int
    max_vcpus: int
    topology: Topology
    shares: int
    quota_us: int | None
    period_us: int | None
    dimms_kib: tuple[int, ...] = ()
    because: Mapping[str, Rule] = field(default_factory=dict, compare=False)

    @property
    def memory_kib(self) -> int:
        return self.boot_memory_kib + sum(self.dimms_kib)

    @property
    def numa_cpus(self) -> str | None:
        """The `cpus` attribute of the one NUMA cell; there only together with maxMemory."""
        return None if self.max_memory_kib is None else _cpu_range(self.max_vcpus)

    @property
    def numa_memory_kib(self) -> int | None:
        """Memory of the NUMA cell, which DIMMs do not change."""
        return None if self.max_memory_kib is None else self.boot_memory_kib

    @property
    def scheduler_quota_us(self) -> int:
        """What schedinfo and the vCPU cgroups show; -1 where no quota was ever set."""
        return UNSET_QUOTA_US if self.quota_us is None else self.quota_us

    @property
    def scheduler_period_us(self) -> int:
        return UNSET_PERIOD_US if self.period_us is None else self.period_us

    @property
    def guest_memory_mib(self) -> int:
        """Memory that a Linux guest brings online: boot memory and each DIMM that begins and ends at a block.

        DIMMs follow one another without gaps, so one of another size spoils those behind it as well (DEF-05). Source:
        seen; Linux's check_hotplug_memory_range, QEMU's memory_device_get_free_addr.
        """
        block_kib = GUEST_MEMORY_BLOCK_MIB * 1024
        online_kib = -(-self.boot_memory_kib // block_kib) * block_kib
        begin_kib = 0
        for dimm_kib in self.dimms_kib:
            if begin_kib % block_kib == 0 and dimm_kib % block_kib == 0:
                online_kib += dimm_kib
            begin_kib += dimm_kib
        return online_kib // 1024


def _cpu_range(cpus: int) -> str:
    return "0" if cpus == 1 else f"0-{cpus - 1}"


def topology(vcpus: int, cores_per_socket: int | None = None, threads_per_core: int | None = None) -> Topology:
    """Sockets, cores and threads over all possible vCPUs.

    The instance's details `cpu.corespersocket` and `cpu.threadspercore` count where their product divides the number.
    Source: LibvirtComputingResource.setCpuTopology.
    """
    threads = threads_per_core or 1
    if cores_per_socket is not None and cores_per_socket > 0 and vcpus % (cores_per_socket * threads) == 0:
        return Topology(vcpus // (cores_per_socket * threads), cores_per_socket, threads)
    cores = 6 if vcpus % 6 == 0 else 4 if vcpus % 4 == 0 else 1
    return Topology(sockets=vcpus // cores, cores=cores, threads=1)


def ceilings(
    release: Release,
    settings: Settings,
    offering: Offering,
    *,
    host: Host | None,
    last_host: Host | None = None,
) -> Ceilings:
    """Ceilings of a prepared domain that starts on `host`.

    Where the host is unknown, the totals are the last host's and the settings' values the global ones.
    Source: KVMGuru.getVmMaxMemory, getVmMaxCpuCores, getHostMaxMemoryAndCpuCores.
    """
    totals = host or last_host
    memory_bytes = totals.memory_bytes if totals else UNBOUNDED_MEMORY_BYTES
    vcpus = totals.cpus if totals else UNBOUNDED_VCPUS
    if release.scales_fixed_offerings:
        cluster_id = host.cluster_id if host else None
        memory_mib = settings.integer(names.MEMORY_CEILING, cluster_id)
        cpus = settings.integer(names.CPU_CEILING, cluster_id)
    elif offering.offering_class is OfferingClass.CONSTRAINED:
        memory_mib = offering.max_memory_mib or 0
        cpus = offering.max_cpus or 0
    else:
        memory_mib = settings.integer(names.MAX_OFFERING_MEMORY)
        cpus = settings.integer(names.MAX_OFFERING_CPUS)
    return Ceilings(
        memory_bytes=memory_mib * 1048576 if memory_mib > 0 else memory_bytes,
        vcpus=cpus if cpus > 0 else vcpus,
    )


def min_speed_mhz(settings: Settings, cluster_id: str, speed_mhz: int) -> int:
    """Guaranteed speed: divided by the CPU overcommit. Source: HypervisorGuruBase.toVirtualMachineTO."""
    if not settings.flag(names.DIVIDE_SPEED, cluster_id):
        return speed_mhz
    return _divide_as_float32(speed_mhz, settings.number(names.CPU_OVERCOMMIT, cluster_id))


def boot_memory_mib(settings: Settings, cluster_id: str, memory_mib: int) -> int:
    """Memory at start: divided by the memory overcommit. Source: HypervisorGuruBase.toVirtualMachineTO."""
    if not settings.flag(names.DIVIDE_MEMORY, cluster_id):
        return memory_mib
    return _divide_as_float32(memory_mib, settings.number(names.MEMORY_OVERCOMMIT, cluster_id))


def _divide_as_float32(number: int, divisor: float) -> int:
    return int(float32(float32(number) / float32(divisor)))


def domain_at_start(
    release: Release,
    settings: Settings,
    host: Host,
    offering: Offering,
    size: Size,
    *,
    cpu_cap: bool,
    prepared: bool,
    ballooning: bool = True,
) -> Domain:
    """The domain of an instance that starts on `host` now.

    `ballooning` is False where the agent has it disabled, and for system VMs: those start with the memory asked for
    (up to 4.22 with their ceiling), whatever the overcommit. Source: LibvirtComputingResource.createGuestResourceDef.
    """
    if prepared:
        limits = ceilings(release, settings, offering, host=host)
        limit_rule = rules.CEILINGS if release.scales_fixed_offerings else rules.CEILINGS_BEFORE
    else:
        limits = Ceilings(size.memory_bytes, size.cpus)
        limit_rule = rules.NO_CEILINGS
    max_kib = limits.memory_bytes // 1024
    if ballooning:
        boot_kib = boot_memory_mib(settings, host.cluster_id, size.memory_mib) * 1024
    else:
        boot_kib = size.memory_mib * 1024 if release.scales_fixed_offerings else max_kib
    percentage = quota_percentage(size.speed_mhz, host.speed_mhz) if cpu_cap else None
    limit = None if percentage is None else bandwidth(percentage)
    min_speed = min_speed_mhz(settings, host.cluster_id, size.speed_mhz)
    quota_rule = rules.NO_QUOTA if limit is None else rules.QUOTA
    return Domain(
        prepared=prepared,
        boot_memory_kib=boot_kib,
        max_memory_kib=max_kib if max_kib > boot_kib else None,
        vcpus=size.cpus,
        max_vcpus=limits.vcpus,
        topology=topology(limits.vcpus),
        shares=cpu_shares(size.cpus, min_speed, cgroup_version=host.cgroup_version, host_cpu_mhz=host.cpu_mhz),
        quota_us=limit.quota_us if limit else None,
        period_us=limit.period_us if limit else None,
        because={
            "memory_kib": rules.BOOT_MEMORY,
            "max_memory_kib": oddities.CEILING_BELOW_SIZE if limits.memory_bytes < size.memory_bytes else limit_rule,
            "numa_cpus": rules.MAX_MEMORY,
            "vcpus": rules.VCPUS,
            "max_vcpus": oddities.CEILING_BELOW_SIZE if limits.vcpus < size.cpus else limit_rule,
            "topology": rules.TOPOLOGY,
            "shares": rules.SHARES,
            "quota_us": quota_rule,
            "period_us": quota_rule,
            "dimms_kib": rules.DIMM,
            "guest_cpus": rules.VCPUS,
            "guest_memory_mib": rules.BOOT_MEMORY,
        },
    )


def missing_memory_kib(domain: Domain, memory_mib: int) -> int:
    """Memory that a live scale to `memory_mib` attaches; 0 or less where the domain has that much."""
    return memory_mib * 1024 - domain.memory_kib


def is_beyond_ceilings(domain: Domain, size: Size) -> bool:
    """Whether the domain cannot grow to this size before it is started anew."""
    grows = missing_memory_kib(domain, size.memory_mib) > 0
    return size.cpus > domain.max_vcpus or (grows and size.memory_mib * 1024 > (domain.max_memory_kib or 0))


@dataclass(frozen=True)
class ScaleCommand:
    """What the management server sends to the agent. `quota_percentage` is None unless the new offering caps CPU.

    Source: VirtualMachineManagerImpl.orchestrateReConfigureVm.
    """

    cpus: int
    min_speed_mhz: int
    memory_mib: int
    cpu_cap: bool
    cap_changed: bool
    quota_percentage: float | None


def scale_command(
    release: Release, settings: Settings, host: Host, new: Size, *, cpu_cap: bool, was_capped: bool
) -> ScaleCommand:
    """The command for an instance that is scaled on `host`.

    The percentage is by the minimum speed, as at a start by the whole one where that defect is mended.
    """
    min_speed = min_speed_mhz(settings, host.cluster_id, new.speed_mhz)
    capped = cpu_cap and release.scales_fixed_offerings
    capped_speed = min_speed if oddities.HALVED_QUOTA in release.defects else new.speed_mhz
    return ScaleCommand(
        cpus=new.cpus,
        min_speed_mhz=min_speed,
        memory_mib=new.memory_mib,
        cpu_cap=cpu_cap,
        cap_changed=cpu_cap != was_capped,
        quota_percentage=quota_percentage(capped_speed, host.speed_mhz) if capped else None,
    )


def domain_after_scale(
    release: Release, domain: Domain, command: ScaleCommand, host: Host
) -> tuple[Domain, Rule | None]:
    """What the agent makes of the command: memory, vCPUs, shares, then quota and period; the first failure stops it.

    Returns the domain with all that was applied, and the rule of the failure or None.
    Source: LibvirtScaleVmCommandWrapper.execute.
    """
    because: dict[str, Rule] = {}
    dimms_kib, vcpus = domain.dimms_kib, domain.vcpus
    missing_kib = missing_memory_kib(domain, command.memory_mib)
    if missing_kib > 0:
        if domain.max_memory_kib is None:
            return domain, refusals.NOT_PREPARED_MEMORY
        too_large = domain.memory_kib + missing_kib > domain.max_memory_kib
        # QEMU refuses a backend that is no multiple of 2 MiB (seen; DEF-05).
        if too_large or len(dimms_kib) >= MEMORY_SLOTS or missing_kib % 2048 != 0:
            return domain, rules.DIMM
        dimms_kib = (*dimms_kib, missing_kib)
        because |= {"memory_kib": rules.DIMM, "guest_memory_mib": rules.GUEST_MEMORY}
    if command.cpus > vcpus:
        if command.cpus > domain.max_vcpus:
            return replace(domain, dimms_kib=dimms_kib, because={**domain.because, **because}), rules.HOTPLUG
        vcpus = command.cpus
        because |= {"vcpus": rules.HOTPLUG, "guest_cpus": rules.HOTPLUG}
    shares = cpu_shares(
        command.cpus, command.min_speed_mhz, cgroup_version=host.cgroup_version, host_cpu_mhz=host.cpu_mhz
    )
    quota_us, period_us, quota_rule, failure = _quota_after_scale(release, domain, command)
    because |= {"shares": rules.SHARES_RAISED, "quota_us": quota_rule, "period_us": quota_rule}
    scaled = replace(
        domain,
        dimms_kib=dimms_kib,
        vcpus=vcpus,
        shares=max(shares, domain.shares),
        quota_us=quota_us,
        period_us=period_us,
        because={**domain.because, **because},
    )
    return scaled, failure


def _quota_after_scale(
    release: Release, domain: Domain, command: ScaleCommand
) -> tuple[int | None, int | None, Rule, Rule | None]:
    """Quota, period, the rule for both and that of a failure.

    Source: LibvirtComputingResource.updateCpuQuotaAndPeriod.
    """
    if not release.scales_fixed_offerings:
        return domain.quota_us, domain.period_us, rules.QUOTA_STALE, None
    if command.cpu_cap:
        if command.quota_percentage is None:
            return (
                domain.quota_us,
                domain.period_us,
                domain.because.get("quota_us", rules.NO_QUOTA),
                oddities.UNKNOWN_HOST_SPEED,
            )
        limit = bandwidth(command.quota_percentage)
        return limit.quota_us, limit.period_us, rules.QUOTA_UPDATED, None
    if command.cap_changed:
        return QUOTA_REMOVED_US, domain.period_us, rules.QUOTA_REMOVED, None
    return domain.quota_us, domain.period_us, domain.because.get("quota_us", rules.NO_QUOTA), None


def domain_after_migration(settings: Settings, domain: Domain, size: Size, destination: Host) -> Domain:
    """A live migration keeps all but the shares, which the destination computes anew.

    Source: LibvirtPrepareForMigrationCommandWrapper, LibvirtMigrateCommandWrapper.updateVmSharesIfNeeded.
    """
    min_speed = min_speed_mhz(settings, destination.cluster_id, size.speed_mhz)
    shares = cpu_shares(
        size.cpus, min_speed, cgroup_version=destination.cgroup_version, host_cpu_mhz=destination.cpu_mhz
    )
    return replace(domain, shares=shares, because={**domain.because, "shares": rules.MIGRATION_KEEPS})
