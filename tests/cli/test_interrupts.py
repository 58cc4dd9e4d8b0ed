"""Interrupted once a run cleans up and reports; interrupted twice it leaves at once, and its ledger knows the rest."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.run.ledger import LEDGER_FILE, Ledger
from harness.run.record import load
from harness.waiting import wait_until
from tests.cli.test_cleanup import _cleanup, _state
from tests.conftest import SimulatedLab

_VERIFY = [sys.executable, "-c", "from harness.cli import main; main()", "verify"]


def _begun(lab: SimulatedLab, reports: Path, workers: int) -> subprocess.Popen[bytes]:
    """A run that is in the middle of its cases."""
    command = [*_VERIFY, "--cloud", str(lab.cloud_file), "--reports", str(reports), "--workers", str(workers)]
    run = subprocess.Popen([*command, "--select", "CAP,LIM,NEG,XML"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    latest = reports / "latest" / LEDGER_FILE
    wait_until("the run's ledger", latest.exists, bool, 60)
    ledger = Ledger(latest)
    wait_until("lines in it", ledger.unsettled, lambda lines: len(lines) >= 6, 60, longest_pause_s=0.05)
    return run


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_it_cleans_up_and_reports(lab: SimulatedLab, tmp_path: Path, workers: int, number: signal.Signals) -> None:
    before = _state(lab)
    run = _begun(lab, tmp_path, workers)
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 2, err
    assert b"stopping and cleaning up; once more leaves at once" in err
    assert b"report: " in out
    record = load(tmp_path / "latest")
    assert record.finished is not None
    assert record.leftovers == []
    assert Ledger(tmp_path / "latest" / LEDGER_FILE).unsettled() == []
    assert _state(lab) == before


@pytest.mark.parametrize("workers", [1, 3])
def test_twice_it_leaves_at_once_and_cleanup_does_the_rest(lab: SimulatedLab, tmp_path: Path, workers: int) -> None:
    before = _state(lab)
    run = _begun(lab, tmp_path, workers)
    run.send_signal(signal.SIGINT)
    said = run.stderr.readline() + run.stderr.readline() if run.stderr else b""
    assert b"once more leaves at once" in said
    run.send_signal(signal.SIGTERM)
    _, err = run.communicate(timeout=20)
    assert run.returncode == 130
    assert b"`cs-harness cleanup` takes back what the run made" in err
    load(tmp_path / "latest")
    assert Ledger(tmp_path / "latest" / LEDGER_FILE).unsettled()
    done = _cleanup("--reports", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert _state(lab) == before
