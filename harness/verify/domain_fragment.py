"""The part of a domain's XML that live scaling is about, as `virsh dumpxml` shows it of a running domain."""

from __future__ import annotations

from harness.hosts.observation import DomainView
from harness.reference.domain import MEMORY_SLOTS, Domain


def domain_fragment(domain: Domain) -> str:
    """A well-formed `<domain>` that holds those elements and nothing else."""
    return _fragment(domain, domain.memory_kib, MEMORY_SLOTS)


def seen_fragment(view: DomainView) -> str:
    """The same of a domain that was seen, so that the two can be laid side by side."""
    return _fragment(view, view.current_memory_kib, view.memory_slots)


def _fragment(domain: Domain | DomainView, current_memory_kib: int, slots: int | None) -> str:
    return "\n".join(
        [
            "<domain>",
            *_memory(domain, current_memory_kib, slots),
            f"  <vcpu{_current(domain)}>{domain.max_vcpus}</vcpu>",
            *_cpu_tuning(domain),
            *_cpu(domain),
            *_dimms(domain),
            "</domain>",
        ]
    )


def _memory(domain: Domain | DomainView, current_memory_kib: int, slots: int | None) -> list[str]:
    lines = [
        f"  <memory unit='KiB'>{domain.memory_kib}</memory>",
        f"  <currentMemory unit='KiB'>{current_memory_kib}</currentMemory>",
    ]
    if domain.max_memory_kib is not None:
        # libvirt's order: the ceiling comes first.
        lines.insert(0, f"  <maxMemory slots='{slots}' unit='KiB'>{domain.max_memory_kib}</maxMemory>")
    return lines


def _current(domain: Domain | DomainView) -> str:
    """libvirt leaves the attribute out where all vCPUs are there."""
    return "" if domain.vcpus == domain.max_vcpus else f" current='{domain.vcpus}'"


def _cpu_tuning(domain: Domain | DomainView) -> list[str]:
    values = {"shares": domain.shares, "period": domain.period_us, "quota": domain.quota_us}
    inner = [f"    <{name}>{value}</{name}>" for name, value in values.items() if value is not None]
    return ["  <cputune>", *inner, "  </cputune>"]


def _cpu(domain: Domain | DomainView) -> list[str]:
    lines = []
    if domain.topology is not None:
        shape = domain.topology
        lines.append(f"    <topology sockets='{shape.sockets}' cores='{shape.cores}' threads='{shape.threads}'/>")
    if domain.numa_cpus is not None:
        cell = f"<cell id='0' cpus='{domain.numa_cpus}' memory='{domain.numa_memory_kib}' unit='KiB'/>"
        lines += ["    <numa>", f"      {cell}", "    </numa>"]
    return ["  <cpu>", *lines, "  </cpu>"]


def _dimms(domain: Domain | DomainView) -> list[str]:
    if not domain.dimms_kib:
        return []
    lines = []
    for size_kib in domain.dimms_kib:
        target = f"<target><size unit='KiB'>{size_kib}</size><node>0</node></target>"
        lines += ["    <memory model='dimm'>", f"      {target}", "    </memory>"]
    return ["  <devices>", *lines, "  </devices>"]
