"""Interrupted once a run cleans up and reports; interrupted twice it leaves at once, and its ledger knows the rest."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.interrupts import two_of_them
from harness.console_run import ConsolePlugin
from harness.lab.faults.order import FaultOrder
from harness.report.console import Progress
from harness.run.ledger import LEDGER_FILE, Ledger
from harness.run.record import load
from harness.waiting import wait_until
from tests.cli.test_cleanup import _cleanup, _state
from tests.conftest import SimulatedLab

_INTERRUPTED_AT_ONCE = """
import click, signal
from harness.cli import main
main.add_command(click.command("x")(lambda: signal.raise_signal(signal.SIGTERM)))
main(["x"])
"""
_TWO_SIGNALS_OF_ONE_SENDER = """
import signal
from contextlib import suppress
from harness.cli.interrupts import two_of_them
with two_of_them() as seen:
    for _ in range(2):
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
    print(seen.asked)
"""
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


def _press_until_it_leaves(run: subprocess.Popen[bytes]) -> None:
    """What comes a moment after the first counts as the first."""

    def press() -> int | None:
        run.send_signal(signal.SIGTERM)
        return run.poll()

    wait_until("it to leave", press, lambda ended: ended is not None, 10, longest_pause_s=0.1)


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_once_it_cleans_up_and_reports(lab: SimulatedLab, tmp_path: Path, workers: int, number: signal.Signals) -> None:
    before = _state(lab)
    run = _begun(lab, tmp_path, workers)
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 2, err
    assert b"stopping and cleaning up; once more leaves at once" in err
    # What was left is taken back one after the other, which takes its time on a real cloud.
    assert re.search(rb"^taking back \S.*, \d+ more after it$", out, re.MULTILINE), out
    assert b"report: " in out
    record = load(tmp_path / "latest")
    assert record.finished is not None
    assert (record.leftovers, record.could_not_run) == ([], "it was interrupted")
    assert Ledger(tmp_path / "latest" / LEDGER_FILE).unsettled() == []
    assert _state(lab) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_at_its_end_it_takes_back_and_reports_all_the_same(
    lab: SimulatedLab, tmp_path: Path, number: signal.Signals
) -> None:
    before = _state(lab)
    command = [*_VERIFY, "--cloud", str(lab.cloud_file), "--reports", str(tmp_path), "--workers", "1"]
    run = subprocess.Popen([*command, "--select", "LIM-03"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None
    for line in iter(run.stdout.readline, b""):
        if line.startswith(b"taking back "):
            run.send_signal(number)
            break
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert b"report: " in out
    record = load(tmp_path / "latest")
    assert (record.leftovers, record.could_not_run, len(record.cases)) == ([], None, 1)
    assert _state(lab) == before


def test_an_interruption_that_was_lost_in_a_destructor_is_heeded_at_the_next_case() -> None:
    with two_of_them() as seen:
        seen.heed()
        # As in a destructor, where nobody hears of what is raised.
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            ConsolePlugin(Progress(Console()), seen).pytest_harness_running("LS-01")
        seen.end()
        seen.heed()


def test_before_it_has_begun_it_could_not_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED_AT_ONCE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (2, "cs-harness: interrupted\n")


def test_a_signal_that_comes_to_the_command_and_to_its_group_is_one() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TWO_SIGNALS_OF_ONE_SENDER], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "1\n")
    assert done.stderr == "\ncs-harness: stopping and cleaning up; once more leaves at once\n"


@pytest.mark.parametrize("workers", [1, 3])
def test_twice_it_leaves_at_once_and_cleanup_does_the_rest(lab: SimulatedLab, tmp_path: Path, workers: int) -> None:
    before = _state(lab)
    run = _begun(lab, tmp_path, workers)
    # A cloud that takes its time, so that the run is still cleaning up.
    for command in ("deleteServiceOffering", "deleteAccount"):
        lab.faults.arm(FaultOrder.model_validate({"kind": "slow-answer", "command": command}))
    run.send_signal(signal.SIGINT)
    said = run.stderr.readline() + run.stderr.readline() if run.stderr else b""
    assert b"once more leaves at once" in said
    _press_until_it_leaves(run)
    _, err = run.communicate(timeout=20)
    lab.faults.clear()
    assert run.returncode == 130
    assert b"`cs-harness cleanup` takes back what the run made" in err
    load(tmp_path / "latest")
    assert Ledger(tmp_path / "latest" / LEDGER_FILE).unsettled()
    done = _cleanup("--reports", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert _state(lab) == before
