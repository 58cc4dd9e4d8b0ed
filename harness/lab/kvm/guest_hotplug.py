"""Finds out whether the lab's guest can take CPUs that come later, by booting it once."""

from __future__ import annotations

import re
import subprocess

from harness.errors import HarnessError
from harness.lab.kvm.acceleration import DomainType
from harness.lab.kvm.guest_image import GuestImage

_BOOT_SECONDS = 60.0
_UP = re.compile(r"lab guest up after \S+ s, possible CPUs (\S+)")


class GuestTrialError(HarnessError):
    """The guest did not come up."""


def plugs_cpus(image: GuestImage, domain_type: DomainType) -> bool:
    """Whether the guest's kernel reckons with more CPUs than it starts with; the answer is kept beside the image.

    Linux 6.12 counts hot-pluggable CPUs only where it knows the hypervisor, and it does not know QEMU's emulation
    (seen; 6.1 does not ask). Such a guest never sees a CPU that libvirt plugs in, which says nothing of CloudStack.

    Raises:
        GuestTrialError: it does not boot at all.
    """
    kept = image.kernel.with_name(f"possible-cpus-{domain_type}")
    if not kept.exists():
        answer = kept.with_suffix(".new")
        answer.write_text(_possible_cpus(image, domain_type), encoding="ascii")
        answer.replace(kept)
    return kept.read_text(encoding="ascii") != "0"


def _possible_cpus(image: GuestImage, domain_type: DomainType) -> str:
    command = [
        *("timeout", f"{_BOOT_SECONDS:g}", "setpriv", "--pdeathsig", "KILL"),
        *("qemu-system-x86_64", "-accel", "kvm" if domain_type == "kvm" else "tcg", "-machine", "pc", "-m", "256"),
        *("-smp", "1,maxcpus=2,sockets=2", "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio"),
        *("-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", image.command_line),
    ]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace"
    ) as qemu:
        assert qemu.stdout is not None
        try:
            for line in qemu.stdout:
                if found := _UP.search(line):
                    return found[1]
        finally:
            qemu.terminate()
    raise GuestTrialError(f"the lab's guest {image.kernel.parent} did not come up under {domain_type}")
