"""The simulated Linux guest: which CPUs and memory blocks it has online, and what its agent answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

# /sys/devices/system/memory/block_size_bytes on x86-64 with less than 64 GiB.
BLOCK_BYTES = 128 * 1024 * 1024
BLOCK_KIB = BLOCK_BYTES // 1024


@dataclass(frozen=True)
class Dimm:
    """A hot-plugged DIMM where QEMU put it."""

    slot: int
    base: int
    size_kib: int

    @property
    def taken_by_guest(self) -> bool:
        """Linux refuses a range that does not start and end at a block (check_hotplug_memory_range)."""
        return self.base % BLOCK_BYTES == 0 and self.size_kib % BLOCK_KIB == 0


def memory_blocks(boot_kib: int, dimms: Sequence[Dimm]) -> list[int]:
    """Indexes of online blocks. Boot memory that ends inside a block still makes that block."""
    blocks = list(range(-(-boot_kib // BLOCK_KIB)))
    for dimm in dimms:
        if dimm.taken_by_guest:
            first = dimm.base // BLOCK_BYTES
            blocks.extend(range(first, first + dimm.size_kib // BLOCK_KIB))
    return blocks


def agent_answers(online_cpus: int, boot_kib: int, dimms: Sequence[Dimm]) -> dict[str, str]:
    """qemu-guest-agent's answers by command, as JSON on one line."""
    cpus = [{"online": True, "can-offline": number > 0, "logical-id": number} for number in range(online_cpus)]
    blocks = [{"online": True, "can-offline": True, "phys-index": index} for index in memory_blocks(boot_kib, dimms)]
    return {
        "guest-get-vcpus": json.dumps({"return": cpus}),
        "guest-get-memory-blocks": json.dumps({"return": blocks}),
        "guest-get-memory-block-info": json.dumps({"return": {"size": BLOCK_BYTES}}),
        "guest-ping": json.dumps({"return": {}}),
    }
