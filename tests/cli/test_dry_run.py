"""A dry run tells what a run would change, in order, and changes nothing."""

import re
import subprocess
import sys
from pathlib import Path

from harness.cloud.client import CloudApi
from tests.cli.test_cleanup import _state
from tests.conftest import SimulatedLab

_VERIFY = [sys.executable, "-c", "from harness.cli import main; main()", "verify"]


def _dry(lab: SimulatedLab, reports: Path, select: str) -> subprocess.CompletedProcess[str]:
    command = [*_VERIFY, "--cloud", str(lab.cloud_file), "--reports", str(reports), "--dry-run", "--select", select]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_nothing_is_changed_and_each_change_is_told_in_order(lab: SimulatedLab, tmp_path: Path) -> None:
    before = _state(lab)
    events = len(_events(lab))
    done = _dry(lab, tmp_path / "reports", "LIM-01,NEG-01,LIM-03,TAG-01,DEF-01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _state(lab) == before
    assert len(_events(lab)) == events
    assert not (tmp_path / "reports").exists()
    lines = done.stdout.splitlines()
    assert lines[0].startswith("createTags: the lock of zone lab-zone")
    assert lines[1].startswith("createAccount name=csh-")
    assert lines[2].startswith("updateConfiguration name=enable.dynamic.scale.vm value=true zoneid=")
    assert lines[-1].startswith("nothing was changed; ")
    assert re.search(r"(?s)LIM-01 .*createServiceOffering .*deployVirtualMachine .*depends on the outcome", done.stdout)
    # What a case sets is told to be put back at its end.
    assert done.stdout.count("updateConfiguration") > 1
    assert "resetConfiguration" in done.stdout


def test_a_cloud_that_does_not_answer_is_told_in_one_line(tmp_path: Path, lab: SimulatedLab) -> None:
    text = lab.cloud_file.read_text().replace(lab.endpoint, "http://127.0.0.1:1/client/api")
    file = lab.cloud_file.with_name("nowhere.toml")
    file.write_text(text)
    command = [*_VERIFY, "--cloud", str(file), "--dry-run", "--reports", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "nothing was changed" not in done.stdout


def _events(lab: SimulatedLab) -> list[dict[str, object]]:
    """Whatever changes something leaves one."""
    return CloudApi(lab.endpoint, lab.api_key, lab.secret_key).list("listEvents", "event", listall=True)
