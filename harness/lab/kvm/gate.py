"""Starts a process that does nothing until it is let go, so that it can be written down before it lives."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.remains import Remains
from harness.waiting import wait_until

# If the lab dies before letting go, the read meets the end of the pipe and nothing was ever started.
_GATE = 'read -r _ && exec "$@"'

# Tells whoever looks at a process of a lab whose it is.
LAB_VARIABLE = "CS_HARNESS_LAB"

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}


class GatedProcess:
    """A process in its own session; each `let_go` answers one `read` on its standard input."""

    def __init__(self, arguments: Sequence[str], log: Path, remains: Remains, environment: dict[str, str]) -> None:
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["sh", "-c", _GATE, "gate", *arguments],
                stdin=subprocess.PIPE,
                bufsize=0,
                stdout=output,
                stderr=output,
                env=_ENVIRONMENT | environment,
                cwd="/",
                start_new_session=True,
            )
        self.pid = self._process.pid
        self._log = log
        remains.process(self.pid)

    def let_go(self) -> None:
        self.tell("go")

    def tell(self, line: str) -> None:
        """Write a line to its standard input."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(f"{line}\n".encode())
            stdin.flush()
        except BrokenPipeError as error:
            raise self.failure("ended at once") from error

    def wait_for_own_network(self, seconds: float) -> None:
        """Return once the process has left our network namespace."""
        ours = os.readlink("/proc/self/ns/net")

        def look() -> bool:
            self.require_running()
            return os.readlink(f"/proc/{self.pid}/ns/net") != ours

        # A process that ends between the two looks has no namespace any more; the next look says why it ended.
        gone = (FileNotFoundError,)
        wait_until(
            "a network namespace", look, bool, seconds, first_pause_s=0.002, longest_pause_s=0.02, transient=gone
        )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def require_running(self) -> None:
        if self.has_ended:
            raise self.failure(f"ended with status {self._process.returncode}")

    def failure(self, what: str) -> HarnessError:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return HarnessError(f"{self._log.parent.name}: the lab host {what}: {' / '.join(lines[-3:]) or 'no output'}")

    def wait_for_end(self, seconds: float) -> int:
        """Its status, once the process has ended by itself. Raises subprocess.TimeoutExpired."""
        status = self._process.wait(timeout=seconds)
        self.reap()
        return status

    def reap(self) -> None:
        """Collect a process that has been killed."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
