"""What is asked of the guest agent, and how its answers are read."""

from __future__ import annotations

import json
from typing import Any

from harness.hosts.observation import GuestView, NotSeen

CPUS = "guest-get-vcpus"
BLOCKS = "guest-get-memory-blocks"
BLOCK_INFO = "guest-get-memory-block-info"


def read_guest(cpus: str | NotSeen, blocks: str | NotSeen, block_size: str | NotSeen) -> GuestView | NotSeen:
    """Make the guest's view of three agent answers (JSON texts as `virsh qemu-agent-command` prints them).

    Shapes by the agent's schema (qga/qapi-schema.json): `GuestLogicalProcessor` {logical-id, online},
    `GuestMemoryBlock` {phys-index, online}, `GuestMemoryBlockInfo` {size, bytes}. A guest answer is not to be trusted:
    whatever is not of these shapes is NotSeen.
    """
    # The three come in this order and the later ones are not asked for when an earlier one failed.
    for answer in (cpus, blocks, block_size):
        if isinstance(answer, NotSeen):
            return NotSeen(f"guest agent: {answer.reason}")
    try:
        online = _online(_returned(cpus), "logical-id")
        block_count = _online(_returned(blocks), "phys-index")
        size = _returned(block_size)["size"]
    except (ValueError, TypeError, KeyError, RecursionError) as failure:
        return NotSeen(f"guest agent: answer not understood: {type(failure).__name__} {failure}")
    if not isinstance(size, int) or isinstance(size, bool) or size <= 0:
        return NotSeen(f"guest agent: block size {size!r}")
    return GuestView(online_cpus=online, online_memory_mib=block_count * size // (1024 * 1024))


def _returned(answer: str | NotSeen) -> Any:
    return json.loads(str(answer))["return"]


def _online(entries: Any, number: str) -> int:
    if not isinstance(entries, list):
        raise TypeError(f"expected a list, got {type(entries).__name__}")
    numbers = {entry[number] for entry in entries if entry["online"] is True}
    return len(numbers)
