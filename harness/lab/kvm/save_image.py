"""Takes apart libvirt's file of a saved domain: its definition in front, and behind that what QEMU wrote of the guest.

Source: libvirt, src/qemu/qemu_saveimage.h (virQEMUSaveHeader, virQEMUSaveData). libvirt has no call by which the guest
of one domain is started as another: a definition that is put in place of the saved one must keep name and UUID.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

from harness.errors import HarnessError

_MAGIC = b"LibvirtQemudSave"
_VERSION = 2
# Magic, version, length of what follows up to QEMU's part, whether the guest ran, compression, where a cookie begins;
# 14 more numbers are kept for later.
_HEAD = struct.Struct("=16s5I56x")
_RUNNING, _RAW, _NO_COOKIE = 1, 0, 0


class SaveImageError(HarnessError):
    """The file is none that libvirt saved, or is packed."""


def guest_offset(image: Path) -> int:
    """Where QEMU's part begins, in bytes.

    Raises:
        SaveImageError: this is no uncompressed image of the version that is known here.
    """
    with image.open("rb") as file:
        head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        raise SaveImageError(f"{image}: {len(head)} bytes are no saved domain")
    magic, version, length, _, compression, _ = _HEAD.unpack(head)
    if (magic, version, compression) != (_MAGIC, _VERSION, _RAW):
        raise SaveImageError(
            f"{image}: no saved domain of version {_VERSION}, uncompressed: begins with {magic!r}, version {version}, "
            f"compression {compression}"
        )
    return int(_HEAD.size + length)


def write_as(image: Path, domain_xml: str, target: Path) -> None:
    """Write an image by which libvirt starts the guest of `image` as the domain that `domain_xml` defines.

    Raises:
        SaveImageError: as `guest_offset`.
        OSError: the file could not be written.
    """
    definition = domain_xml.encode() + b"\0"
    offset = guest_offset(image)
    with image.open("rb") as source, target.open("wb") as copy:
        copy.write(_HEAD.pack(_MAGIC, _VERSION, len(definition), _RUNNING, _RAW, _NO_COOKIE) + definition)
        copy.flush()
        while sent := os.sendfile(copy.fileno(), source.fileno(), offset, 2**30):
            offset += sent
