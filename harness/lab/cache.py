"""Where labs keep what is dear to make and the same for all: the guest image and what was found out of this machine."""

from __future__ import annotations

import os
from pathlib import Path


def cache_dir() -> Path:
    """`$XDG_CACHE_HOME/cs-harness`, or `~/.cache/cs-harness`; made where it is missing."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "cs-harness"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
