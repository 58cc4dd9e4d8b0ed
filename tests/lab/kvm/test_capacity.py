"""The declared capacity as the kernel would print it."""

from __future__ import annotations

from pathlib import Path

from harness.lab.kvm.capacity import declare_cpus, declare_memory, write_capacity
from harness.lab.topology import HostSpec

MEMINFO = (
    "MemTotal:       24683540 kB\nMemFree:        24001000 kB\nSwapTotal:       1000000 kB\nVmallocUsed:   12 kB\n"
)
CPUINFO = (
    "processor\t: 0\ncpu MHz\t\t: 2899.998\nsiblings\t: 2\ncore id\t\t: 0\n\nprocessor\t: 1\ncpu MHz\t\t: 2899.998\n\n"
)


def test_memory_is_all_free_and_without_swap() -> None:
    declared = {line.split()[0]: line.split()[1] for line in declare_memory(MEMINFO, 4096).splitlines()}
    assert declared == {"MemTotal:": "4096", "MemFree:": "4096", "SwapTotal:": "0", "VmallocUsed:": "12"}


def test_every_cpu_is_like_the_first_but_for_number_and_speed() -> None:
    first, second, third = declare_cpus(CPUINFO, 3, 1500).strip().split("\n\n")
    assert first == "processor\t: 0\ncpu MHz\t\t: 1500.000\nsiblings\t: 3\ncore id\t\t: 0"
    assert third.startswith("processor\t: 2\n")
    assert "core id\t\t: 1" in second


def test_masks_beyond_32_cpus_are_written_in_words(tmp_path: Path) -> None:
    write_capacity(tmp_path, HostSpec("kvm1", "cluster-a", cpus=33, speed_mhz=2000, memory_mib=1024))
    assert (tmp_path / "node/node0/cpumap").read_text() == "1,ffffffff\n"
    assert (tmp_path / "cpu/cpu32/topology/thread_siblings").read_text() == "1,00000000\n"
    assert (tmp_path / "node/node0/cpu32").resolve() == tmp_path / "cpu/cpu32"
