"""A saved domain's file keeps its guest and gets another definition; what is no such file is refused."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.lab.kvm.save_image import SaveImageError, guest_offset, write_as

# As libvirt 9.0 writes it: magic, version, length, was running, compression, cookie, fourteen unused numbers.
HEAD = "=16s5I14I"


def image(
    guest: bytes, *, length: int = 100, magic: bytes = b"LibvirtQemudSave", version: int = 2, compression: int = 0
) -> bytes:
    head = struct.pack(HEAD, magic, version, length, 1, compression, 60, *[0] * 14)
    return head + b"<domain/>".ljust(length, b"\0") + guest


@given(guest=st.binary(max_size=5000), length=st.integers(9, 3000), xml=st.text(st.characters(codec="utf-8")))
def test_the_guest_stays_as_it_is_behind_any_other_definition(guest: bytes, length: int, xml: str) -> None:
    with TemporaryDirectory() as folder:
        saved, other = Path(folder, "saved"), Path(folder, "other")
        saved.write_bytes(image(guest, length=length))
        write_as(saved, xml, other)
        written = other.read_bytes()
        offset = guest_offset(other)
    magic, version, _, runs, compression, cookie, *unused = struct.unpack_from(HEAD, written)
    assert (magic, version, runs, compression, cookie, set(unused)) == (b"LibvirtQemudSave", 2, 1, 0, 0, {0})
    assert written[struct.calcsize(HEAD) : offset] == xml.encode() + b"\0"
    assert written[offset:] == guest


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "0 bytes are no saved domain"),
        (image(b"guest")[:80], "80 bytes are no saved domain"),
        (image(b"guest", magic=b"LibvirtQemudPart"), "begins with b'LibvirtQemudPart'"),
        (image(b"guest", version=3), "version 3"),
        (image(b"guest", compression=4), "compression 4"),
    ],
)
def test_what_is_no_saved_domain_of_the_known_kind_is_refused(content: bytes, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(SaveImageError, match=complaint):
        guest_offset(file)
    with pytest.raises(SaveImageError, match=complaint):
        write_as(file, "<domain/>", tmp_path / "other")
    assert not (tmp_path / "other").exists()
