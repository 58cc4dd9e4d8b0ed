"""Writes the /proc and /sys files that make a host's declared capacity the one that libvirt and every tool read."""

from __future__ import annotations

import re
from pathlib import Path

from harness.lab.topology import HostSpec


def write_capacity(folder: Path, spec: HostSpec) -> None:
    """Fill `folder` with `cpu/`, `node/`, `meminfo` and `cpuinfo`, to be mounted over the machine's own."""
    _write_cpus(folder / "cpu", spec.cpus)
    _write_node(folder / "node", spec)
    machine_meminfo = Path("/proc/meminfo").read_text(encoding="ascii")
    _write(folder / "meminfo", declare_memory(machine_meminfo, spec.memory_mib * 1024))
    machine_cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    _write(folder / "cpuinfo", declare_cpus(machine_cpuinfo, spec.cpus, spec.speed_mhz))


def declare_memory(meminfo: str, memory_kib: int) -> str:
    """A meminfo text with another total, all of it free and none of it huge pages or swap."""
    declared = {"MemTotal": memory_kib, "MemFree": memory_kib, "MemAvailable": memory_kib}
    declared |= {"Buffers": 0, "Cached": 0, "SwapCached": 0, "SwapTotal": 0, "SwapFree": 0, "SReclaimable": 0}
    for field, value in declared.items():
        meminfo = re.sub(rf"^((?:Node 0 )?{field}:)\s*\d+ kB$", rf"\g<1> {value:>14} kB", meminfo, flags=re.MULTILINE)
    return meminfo


def declare_cpus(cpuinfo: str, cpus: int, speed_mhz: int) -> str:
    """A cpuinfo text with as many CPUs like the machine's first one, in one socket, at another speed."""
    first = cpuinfo.strip().split("\n\n")[0]
    blocks: list[str] = []
    for number in range(cpus):
        declared = {"processor": number, "core id": number, "apicid": number, "initial apicid": number}
        declared |= {"physical id": 0, "siblings": cpus, "cpu cores": cpus}
        block = first
        for field, value in declared.items():
            block = re.sub(rf"^({field}\s*:).*$", rf"\g<1> {value}", block, flags=re.MULTILINE)
        blocks.append(re.sub(r"^(cpu MHz\s*:).*$", rf"\g<1> {speed_mhz}.000", block, flags=re.MULTILINE))
    return "\n\n".join(blocks) + "\n\n"


def _write_cpus(folder: Path, cpus: int) -> None:
    for name in ("online", "present", "possible"):
        _write(folder / name, f"0-{cpus - 1}\n")
    _write(folder / "offline", "\n")
    _write(folder / "kernel_max", "8191\n")
    for number in range(cpus):
        topology = folder / f"cpu{number}" / "topology"
        _write(topology / "physical_package_id", "0\n")
        _write(topology / "die_id", "0\n")
        _write(topology / "core_id", f"{number}\n")
        for name in ("thread_siblings_list", "core_cpus_list"):
            _write(topology / name, f"{number}\n")
        for name in ("thread_siblings", "core_cpus"):
            _write(topology / name, f"{_mask(1 << number)}\n")
        if number:
            # The first CPU cannot be switched off, which the kernel says by not having this file.
            _write(folder / f"cpu{number}" / "online", "1\n")


def _write_node(folder: Path, spec: HostSpec) -> None:
    node = folder / "node0"
    _write(node / "cpulist", f"0-{spec.cpus - 1}\n")
    _write(node / "cpumap", f"{_mask((1 << spec.cpus) - 1)}\n")
    _write(node / "distance", "10\n")
    memory_kib = spec.memory_mib * 1024
    _write(
        node / "meminfo", f"Node 0 MemTotal: {memory_kib} kB\nNode 0 MemFree: {memory_kib} kB\nNode 0 MemUsed: 0 kB\n"
    )
    for number in range(spec.cpus):
        (node / f"cpu{number}").symlink_to(f"../../cpu/cpu{number}")
    for name in ("online", "possible", "has_memory", "has_normal_memory", "has_cpu"):
        _write(folder / name, "0\n")


def _mask(bits: int) -> str:
    """A CPU mask as the kernel prints it: hexadecimal words of 32 bits, the highest first, split by commas."""
    words: list[str] = []
    while bits >> 32:
        words.insert(0, f"{bits & 0xFFFFFFFF:08x}")
        bits >>= 32
    return ",".join([f"{bits:x}", *words])


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
