"""Fresh SSH keys for simulated hosts and for whoever logs in to them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def new_key(file: Path | None = None) -> paramiko.PKey:
    """A fresh ed25519 key; with `file` also written there in OpenSSH's format, readable by its owner only."""
    text = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    if file is not None:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(text)
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text.decode("ascii")))
