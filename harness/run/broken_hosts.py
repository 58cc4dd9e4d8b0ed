"""Hosts that broke in a case of this run: later cases go round them, or say at once what they lack."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from harness.cloud.entities import HostRecord
from harness.errors import HarnessError

# A host that hangs costs a whole time limit to look at, so not every case does.
_LOOKED_AT_AGAIN_S = 60.0


class HostBrokenError(HarnessError):
    """A case needs a host that broke earlier in this run; the text says in which case and of what."""


class BrokenHosts:
    """What is known of broken hosts, in files of the run's folder: cases run in several processes."""

    def __init__(self, run_folder: Path) -> None:
        self._folder = run_folder / ".broken-hosts"

    def add(self, when: str, host_name: str, reason: str) -> None:
        """Remember it unless it is known; `when` is the case, or what else. Raises OSError: nothing can be written."""
        file = self._folder / quote(host_name, safe="")
        if not file.exists():
            self._folder.mkdir(exist_ok=True)
            file.write_text(json.dumps([host_name, f"in {when}: {reason}"]), encoding="utf-8")

    def still(self, look: Callable[[str], object]) -> dict[str, str]:
        """By name of what each broke. `look` looks into a host, and raises HarnessError where that is still broken."""
        return dict(self._still(look))

    def _still(self, look: Callable[[str], object]) -> Iterator[tuple[str, str]]:
        files = self._folder.iterdir() if self._folder.is_dir() else ()
        for file in sorted(files):
            name, told = json.loads(file.read_text(encoding="utf-8"))
            # A clock that jumped back says so too.
            if abs(time.time() - file.stat().st_mtime) > _LOOKED_AT_AGAIN_S:
                try:
                    look(name)
                except HarnessError:
                    file.touch()
                else:
                    file.unlink(missing_ok=True)
                    continue
            yield name, told


def without(broken: dict[str, str], hosts: Sequence[HostRecord]) -> list[HostRecord]:
    return [host for host in hosts if host.name not in broken]


def broken_text(broken: dict[str, str]) -> str:
    return "; ".join(f"host {name} broke {told}" for name, told in broken.items())
