"""The token that changes at a lab's control endpoint need; only who can read the lab's folder has it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

_FILE = "control_token"


def new_token(folder: Path) -> str:
    """Make one and write it into the lab's folder, readable by its owner only."""
    token = secrets.token_urlsafe(32)
    descriptor = os.open(folder / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(f"{token}\n")
    return token


def read_token(folder: Path) -> str:
    """Raises OSError."""
    return (folder / _FILE).read_text(encoding="ascii").strip()
