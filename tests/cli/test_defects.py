"""`cs-harness defects`: what it keeps, and that an interrupted or killed one leaves no process and no lab."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.defects import defects
from harness.lab.defects import best
from harness.waiting import wait_until

_DEFECTS = [sys.executable, "-c", "from harness.cli import main; main()", "defects", "--hosts", "simulated"]


def _started_by(process: int) -> set[int]:
    """The processes that a process has started, and those that they have."""
    children = {int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split()}
    return children.union(*map(_started_by, children))


def _alive(processes: set[int]) -> set[int]:
    def state(process: int) -> str:
        try:
            return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return "gone"

    return {each for each in processes if state(each) not in ("gone", "Z")}


def _in_the_middle(state: Path) -> subprocess.Popen[str]:
    """One whose cases are running."""
    run = subprocess.Popen(
        [*_DEFECTS, "--only", "vcpus-not-set", "--workers", "1", "--state", str(state)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until("cases that run", lambda: list(state.glob("csh-*/reports/*/ledger.sqlite")), bool, 120)
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_alone_interrupted_takes_its_labs_down(tmp_path: Path, number: signal.Signals) -> None:
    run = _in_the_middle(tmp_path)
    started = _started_by(run.pid)
    assert len(started) >= 2
    run.send_signal(number)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 2, err
    assert "Traceback" not in err
    # Python's tracker of what processes share ends by itself once nobody holds its pipe.
    wait_until("what it started to end", lambda: _alive(started), lambda left: not left, 10)
    assert list(tmp_path.iterdir()) == []


def test_killed_it_leaves_no_process(tmp_path: Path) -> None:
    run = _in_the_middle(tmp_path)
    started = _started_by(run.pid)
    run.kill()
    run.communicate(timeout=60)
    wait_until("what it started to end", lambda: _alive(started), lambda left: not left, 60)


def test_a_quick_run_keeps_no_best_cases(tmp_path: Path) -> None:
    run = subprocess.run(
        [*_DEFECTS, "--quick", "--keep-best", "--state", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "--keep-best needs a run against all cases that should see a defect" in run.stderr


def test_the_best_cases_of_what_was_tried_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = best.BEST_CASES_FILE.read_text(encoding="utf-8")
    file = tmp_path / "best_cases.toml"
    file.write_text(before.replace('prepared-by-template = ["XML-22"]', "prepared-by-template = []"), encoding="utf-8")
    monkeypatch.setattr(best, "BEST_CASES_FILE", file)
    best.best_cases.cache_clear()
    only = ["--only", "prepared-by-template", "--clean-runs", "0", "--keep-best", "--state", str(tmp_path / "state")]
    done = CliRunner().invoke(defects, ["--hosts", "simulated", *only])
    monkeypatch.undo()
    best.best_cases.cache_clear()
    assert done.exit_code == 0, done.output
    assert file.read_text(encoding="utf-8") == before
