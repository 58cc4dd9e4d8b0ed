"""Modules reach the guest without the signatures that it would take long to check."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.lab.kvm.guest_kernel import without_signature

_MARK = b"~Module signature appended~\n"


def _signed(module: bytes, signature: bytes) -> bytes:
    # As scripts/sign-file.c does it: algorithm, hash, kind, two lengths that are 0 in PKCS #7, padding.
    return module + signature + bytes([0, 0, 2, 0, 0, 0, 0, 0]) + len(signature).to_bytes(4, "big") + _MARK


@given(st.binary(), st.binary(min_size=1, max_size=700))
def test_what_signing_added_is_taken_away_and_nothing_else(module: bytes, signature: bytes) -> None:
    assert without_signature(_signed(module, signature)) == module


def test_a_module_without_a_signature_stays_as_it_is() -> None:
    assert without_signature(b"\x7fELF" + _MARK + b"more") == b"\x7fELF" + _MARK + b"more"
