"""Makes SSH keys with ssh-keygen."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.errors import HarnessError


def make_ssh_key(file: Path) -> None:
    """With ssh-keygen; its public half gets the suffix .pub. Raises HarnessError."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HarnessError(f"{file}: ssh-keygen refused: {done.stderr.strip()}")
