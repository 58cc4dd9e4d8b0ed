"""SSH as Marvin's tests use it: a list of lines for a command, or its status with both streams."""

from __future__ import annotations

import logging
from typing import Any

import paramiko

from harness.waiting import DeadlineExpired, wait_until

from .cloudstackException import internalError
from .codes import FAILED, SUCCESS


class SshClient:
    """Connects within `retries` times `delay` seconds, and looks again each second."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        passwd: str | None,
        retries: int = 60,
        delay: float = 10,
        log_lvl: int = logging.DEBUG,
        keyPairFiles: str | None = None,
        timeout: float = 10.0,
    ) -> None:
        self.ssh = paramiko.SSHClient()
        # Guests of tests are new each time; there is no key of theirs that could be known.
        self.ssh.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        self._timeout = timeout

        def connect() -> bool:
            self.ssh.connect(
                host,
                port,
                user,
                passwd,
                key_filename=keyPairFiles,
                timeout=timeout,
                allow_agent=False,
                look_for_keys=False,
            )
            return True

        try:
            wait_until(f"SSH to {host}", connect, bool, retries * delay, transient=(OSError, paramiko.SSHException))
        except DeadlineExpired as expired:
            raise internalError(f"SSH Connection Failed: {expired}") from None

    def execute(self, command: str) -> list[str]:
        """The lines of standard output, or those of standard error where there are none."""
        _, output, errors = self.ssh.exec_command(command)
        return [line.rstrip() for line in output.readlines() or errors.readlines()]

    def runCommand(self, command: str) -> dict[str, Any]:
        _, output, errors = self.ssh.exec_command(command, timeout=self._timeout)
        lines, complaints = output.readlines(), errors.readlines()
        status = SUCCESS if output.channel.recv_exit_status() == 0 else FAILED
        return {"status": status, "stdin": None, "stdout": lines, "stderr": complaints}

    def close(self) -> None:
        self.ssh.close()
