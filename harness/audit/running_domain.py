"""A domain that was seen, in the reference's values, so that the reference can be asked what would become of it."""

from __future__ import annotations

from harness.hosts.observation import DomainView, SchedulerView
from harness.reference import oddities, rules
from harness.reference.cpu_tuning import UNSET_QUOTA_US
from harness.reference.domain import MEMORY_SLOTS, Domain, Topology

# What the reference says of a domain names rules; these are of one whose history nobody knows.
_BECAUSE = {
    "memory_kib": rules.BOOT_MEMORY,
    "max_memory_kib": oddities.CEILINGS_OF_THE_START,
    "numa_cpus": rules.MAX_MEMORY,
    "vcpus": rules.VCPUS,
    "max_vcpus": oddities.CEILINGS_OF_THE_START,
    "topology": rules.TOPOLOGY,
    "shares": rules.SHARES,
    "quota_us": rules.QUOTA,
    "period_us": rules.QUOTA,
    "dimms_kib": rules.DIMM,
    "guest_cpus": rules.VCPUS,
    "guest_memory_mib": rules.BOOT_MEMORY,
}


def is_prepared(domain: DomainView, memory_mib: int) -> bool:
    """Whether a domain of an instance of this memory can grow at all, or has grown already.

    With memory overcommit a domain that is not prepared has a ceiling too: the instance's own memory.
    """
    ceiling = domain.max_memory_kib or 0
    grows = domain.memory_slots == MEMORY_SLOTS and ceiling > memory_mib * 1024
    return grows or domain.max_vcpus > domain.vcpus or bool(domain.dimms_kib)


def as_reference(domain: DomainView, scheduler: SchedulerView, *, prepared: bool) -> Domain:
    """Quota and period are the kernel's: an agent that changes them sees those."""
    shape = domain.topology
    unset = scheduler.quota_us == UNSET_QUOTA_US and domain.quota_us is None
    return Domain(
        prepared=prepared,
        boot_memory_kib=domain.memory_kib - sum(domain.dimms_kib),
        max_memory_kib=domain.max_memory_kib,
        vcpus=domain.vcpus,
        max_vcpus=domain.max_vcpus,
        topology=Topology(shape.sockets, shape.cores, shape.threads) if shape else Topology(domain.max_vcpus, 1, 1),
        shares=scheduler.shares,
        quota_us=None if unset else scheduler.quota_us,
        period_us=None if unset else scheduler.period_us,
        dimms_kib=domain.dimms_kib,
        because=_BECAUSE,
    )
