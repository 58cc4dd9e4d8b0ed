"""Root disks of instances: small qcow2 files in a directory that all hosts of the lab see."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.errors import HarnessError

_SIZE = "16M"
_SECONDS = 60


class DiskError(HarnessError):
    """A root disk could not be made or removed."""


class Disks:
    """The files of one lab. Without a directory (simulated hosts) there are only paths, and no file is touched.

    Holds no state but the directory, so calls may come from any thread.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory

    def path(self, volume_uuid: str) -> str:
        """Where the disk of a volume is, as the domain XML names it."""
        return str((self._directory or Path("/srv/primary")) / volume_uuid)

    def create(self, volume_uuid: str) -> None:
        """Make the disk where it does not exist yet.

        Raises:
            DiskError: qemu-img is missing or failed.
        """
        if self._directory is None:
            return
        path = self._directory / volume_uuid
        if path.exists():
            return
        command = ["qemu-img", "create", "-q", "-f", "qcow2", str(path), _SIZE]
        try:
            made = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as failure:
            raise DiskError(f"cannot make the disk {path}: {failure}; is qemu-img installed?") from failure
        if made.returncode != 0:
            raise DiskError(f"qemu-img could not make {path}: {made.stderr.strip()}")

    def remove(self, volume_uuid: str) -> None:
        """Remove the disk; one that is already gone is fine."""
        if self._directory is None:
            return
        path = self._directory / volume_uuid
        try:
            path.unlink(missing_ok=True)
        except OSError as failure:
            raise DiskError(f"cannot remove the disk {path}: {failure.strerror}") from failure
