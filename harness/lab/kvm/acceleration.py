"""Finds out whether hardware virtualization really runs a guest here, by running one for a moment."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Literal

from harness.errors import HarnessError
from harness.lab.remains import boot_id

DomainType = Literal["kvm", "qemu"]

VARIABLE = "CS_HARNESS_ACCEL"
TRIAL_SECONDS = 3.0

# A boot sector: mov al, 0x21; out 0xf4, al; hlt. QEMU's debug device turns the byte into exit status 2 * 0x21 + 1.
_SECTOR = bytes([0xB0, 0x21, 0xE6, 0xF4, 0xF4]).ljust(510, b"\0") + b"\x55\xaa"
_STATUS = 2 * 0x21 + 1


class AccelerationError(HarnessError):
    """What was asked for is unknown or does not run here."""


def domain_type(cache_dir: Path, wanted: str | None = None) -> DomainType:
    """The libvirt domain type that runs here: `kvm`, or `qemu` for emulation.

    `wanted` (else the environment's CS_HARNESS_ACCEL, else `auto`) is `auto`, `kvm` or `tcg`. The answer of a trial is
    kept in `cache_dir` until the next boot.
    """
    choice = wanted or os.environ.get(VARIABLE) or "auto"
    if choice == "tcg":
        return "qemu"
    if choice not in ("auto", "kvm"):
        raise AccelerationError(f"{VARIABLE}={choice}: must be auto, kvm or tcg")
    works = _kept_or_tried(cache_dir)
    if choice == "kvm" and not works:
        raise AccelerationError(f"{VARIABLE}=kvm: /dev/kvm does not run a guest here; use auto or tcg")
    return "kvm" if works else "qemu"


def runs_a_guest(accelerator: Literal["kvm", "tcg"], folder: Path, seconds: float = TRIAL_SECONDS) -> bool:
    """Whether QEMU runs a one-sector guest to its end; a virtual CPU that never starts counts as no."""
    sector = folder / "trial-sector.img"
    sector.write_bytes(_SECTOR)
    command = [
        *("setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", accelerator, "-machine", "pc", "-m", "16"),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=1"),
        *("-drive", f"file={sector},format=raw,if=floppy,readonly=on"),
    ]
    try:
        done = subprocess.run(command, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == _STATUS


def _kept_or_tried(cache_dir: Path) -> bool:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    kept = cache_dir / f"kvm-works-{boot_id()}"
    if not kept.exists():
        cache_dir.mkdir(parents=True, exist_ok=True)
        for outdated in cache_dir.glob("kvm-works-*"):
            outdated.unlink(missing_ok=True)
        answer = cache_dir / f"trial-{os.getpid()}"
        answer.write_text("yes" if runs_a_guest("kvm", cache_dir) else "no", encoding="ascii")
        answer.replace(kept)
    return kept.read_text(encoding="ascii") == "yes"
