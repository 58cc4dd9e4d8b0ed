"""Defects below libvirt: cgroups that are not as libvirt says, and guests that do not take what they are given."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.lab.defects.defect import Defect, Part, Sign, domain, guest, scheduler
from harness.lab.defects.hypervisors import Wrapper, starting
from harness.lab.seams import Seams

if TYPE_CHECKING:
    from harness.lab.simulated.domain import SimulatedDomain

Look = Callable[["SimulatedDomain", dict[str, str]], None]
_VCPU = re.compile(r"/vcpu(\d+)/")


def _below(
    name: str,
    says: str,
    part: Part,
    sections: str,
    story: str,
    sign: Sign,
    look: Look,
    real: Wrapper | None = None,
) -> Defect:
    """`look` is how a simulated host shows it; `real` makes real hosts have it, where they can be made to."""
    seams = Seams(look=look) if real is None else Seams(look=look, hypervisor=real)
    return Defect(name, says, part, sections, story, sign, seams, on_kvm=real is not None)


def _booting(option: str) -> Wrapper:
    """The guest's kernel gets one more option; the last one of a name counts."""
    return starting(lambda xml: xml.replace("</cmdline>", f" {option}</cmdline>"))


def _answer(name: str, shorten: Callable[[SimulatedDomain], int | None]) -> Look:
    """The guest agent's list under this command has so many entries."""

    def look(seen: SimulatedDomain, files: dict[str, str]) -> None:
        path = f"virsh/{seen.name}/{name}"
        count = shorten(seen)
        if count is not None and path in files:
            entries = json.loads(files[path])["return"][:count]
            files[path] = json.dumps({"return": entries}) + "\n"

    return look


def _boot_blocks(seen: SimulatedDomain) -> int:
    return -(-seen.definition.memory_kib // (128 * 1024))


def _silent_after_hotplug(seen: SimulatedDomain, files: dict[str, str]) -> None:
    if seen.dimms or seen.vcpus > seen.definition.vcpus:
        for path in [path for path in files if "/guest-" in path]:
            del files[path]


def _group(name: str, text: str, when: Callable[[SimulatedDomain, int], bool]) -> Look:
    """A file of those vCPU cgroups for which `when` holds."""

    def look(seen: SimulatedDomain, files: dict[str, str]) -> None:
        for path in files:
            found = _VCPU.search(path)
            if found and path.endswith(name) and when(seen, int(found[1])):
                files[path] = text

    return look


def _stale_weight(seen: SimulatedDomain, files: dict[str, str]) -> None:
    for path in files:
        if path.endswith("/cpu.shares") and seen.definition.shares is not None:
            files[path] = f"{seen.definition.shares}\n"


def _stale_xml(seen: SimulatedDomain, files: dict[str, str]) -> None:
    path = f"virsh/{seen.name}/dumpxml"
    files[path] = re.sub(r"\s*<(quota|period)>\d+</\1>", "", files[path])


def _counted(seen: SimulatedDomain, files: dict[str, str]) -> None:
    path = f"virsh/{seen.name}/vcpucount"
    booted = seen.definition.vcpus
    files[path] = re.sub(r"(current\s+live\s+)\d+", rf"\g<1>{booted}", files[path])


def _current_memory(seen: SimulatedDomain, files: dict[str, str]) -> None:
    path = f"virsh/{seen.name}/dumpxml"
    booted = seen.definition.memory_kib
    files[path] = re.sub(r"(<currentMemory[^>]*>)\d+", rf"\g<1>{booted}", files[path])


LOOKS = (
    _below(
        "guest-cpus-offline",
        "The guest brings no hot-plugged CPU online.",
        Part.GUEST,
        "LS",
        "A kernel without the udev rule, or without ACPI CPU hot-plug.",
        guest("online CPUs"),
        _answer("guest-get-vcpus", lambda seen: seen.definition.vcpus),
    ),
    _below(
        "guest-memory-offline",
        "The guest brings no hot-plugged memory online.",
        Part.GUEST,
        "LS",
        "memhp_default_state=offline and no udev rule.",
        guest("online memory in MiB"),
        _answer("guest-get-memory-blocks", _boot_blocks),
        _booting("memhp_default_state=offline"),
    ),
    _below(
        "guest-cpus-lost-by-migration",
        "After a migration the guest has only the CPUs it booted with.",
        Part.GUEST,
        "MIG",
        "The destination's QEMU presents hot-plugged CPUs as unplugged.",
        guest("online CPUs"),
        _answer("guest-get-vcpus", lambda seen: seen.definition.vcpus if seen.took_over else None),
    ),
    _below(
        "guest-agent-dies",
        "The guest agent falls silent once something is hot-plugged.",
        Part.GUEST,
        "LS",
        "The guest's kernel panics on the new CPU.",
        guest("guest agent"),
        _silent_after_hotplug,
    ),
    _below(
        "cgroup-hotplugged-unlimited",
        "A hot-plugged vCPU's cgroup has no quota.",
        Part.LIBVIRT,
        "CAP,LS",
        "libvirt sets up the new thread's group without the domain's bandwidth.",
        scheduler("quota of vCPU"),
        _group("cpu.cfs_quota_us", "-1\n", lambda seen, number: number >= seen.definition.vcpus),
    ),
    _below(
        "cgroup-quota-stale",
        "The vCPUs' cgroups keep the quota of the start.",
        Part.KERNEL,
        "CAP",
        "The write fails with EINVAL and is not noticed.",
        scheduler("quota of vCPU"),
        lambda seen, files: _group("cpu.cfs_quota_us", f"{seen.definition.quota_us or -1}\n", lambda *_: True)(
            seen, files
        ),
    ),
    _below(
        "cgroup-weight-stale",
        "The domain's cgroup keeps the shares of the start.",
        Part.KERNEL,
        "LS",
        "systemd resets the slice's value after libvirt's write.",
        scheduler("weight"),
        _stale_weight,
    ),
    _below(
        "xml-bandwidth-stale",
        "The live XML does not show quota and period.",
        Part.LIBVIRT,
        "CAP",
        "Only the cgroup is written, and not the domain's definition.",
        domain("quota in us"),
        _stale_xml,
    ),
    _below(
        "vcpucount-stale",
        "virsh vcpucount shows the vCPUs of the start.",
        Part.LIBVIRT,
        "LS",
        "The hot-plugged vCPU's thread is not recorded.",
        domain("live vCPUs"),
        _counted,
    ),
    _below(
        "current-memory-stale",
        "currentMemory stays at that of the start: the balloon keeps what was plugged in.",
        Part.LIBVIRT,
        "LS",
        "The balloon's target is not raised with the DIMM.",
        domain("currentMemory in KiB"),
        _current_memory,
    ),
)
