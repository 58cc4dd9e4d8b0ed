"""Runs of the matrix in a process of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from harness.console_run import RunOptions


def run_there(options: RunOptions) -> Path:
    """The folder of a run that came to its end, whatever its cases came to."""
    command = [sys.executable, "-c", "from harness.cli import main; main()", "verify", *options.arguments()]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=550)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return (options.reports / "latest").resolve()
