"""A run whose disk is full brings the cloud back all the same, and says of what it could not run."""

import os
import subprocess
from pathlib import Path

import pytest

from harness.run.record import Outcome, load
from tests.cli.test_cleanup import _CLI, _state
from tests.conftest import SimulatedLab

# $1: where a small disk is put; the rest is what runs there.
_ON_A_SMALL_DISK = (
    'mount -t tmpfs -o size=160k tmpfs "$1"; shift; "$@"; code=$?; cp -r reports/latest/ kept; exit $code'
)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
@pytest.mark.parametrize("workers", [1, 3])
def test_the_cloud_is_brought_back_and_cases_say_that_the_disk_is_full(
    lab: SimulatedLab, tmp_path: Path, workers: int
) -> None:
    before = _state(lab)
    reports = tmp_path / "reports"
    reports.mkdir()
    verify = [*_CLI, "verify", "--cloud", str(lab.cloud_file), "--reports", str(reports), "--workers", str(workers)]
    script = ["unshare", "--mount", "sh", "-c", _ON_A_SMALL_DISK, "sh", str(reports), *verify]
    command = [*script, "--select", "LIM,XML", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert "results.json cannot be written: No space left on device" in done.stdout
    assert "ledger.sqlite: database or disk is full" in done.stdout
    assert Outcome.FAILED not in {case.outcome for case in load(tmp_path / "kept").cases}
    assert _state(lab) == before
