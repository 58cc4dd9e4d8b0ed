"""A lab of a real CloudStack, where CLOUDSTACK_TREE names a built tree; it takes minutes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.lab.cloudstack.preflight import missing
from harness.lab.config_files import CLOUD_FILE
from harness.lab.control import end_kept_lab, kept_lab, lab_path, start_cloudstack
from harness.lab.folder import LabDescription
from harness.lab.remains import process_stat, recorded

TREE = os.environ.get("CLOUDSTACK_TREE")
BEGUN = time.time()
pytestmark = [
    pytest.mark.kvm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(TREE is None, reason="not verified: CLOUDSTACK_TREE names no built CloudStack tree"),
]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    lacking = missing()
    if lacking:
        pytest.skip(f"not verified: {'; '.join(lacking)}")
    state = tmp_path_factory.mktemp("real") / "state"
    yield state
    end_kept_lab(state)


@pytest.fixture(scope="module")
def real(state: Path) -> LabDescription:
    return start_cloudstack(state, str(TREE), print)


def cs_harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from harness.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def test_server_and_agents_answer_and_the_tree_is_as_it_was(real: LabDescription, state: Path) -> None:
    assert real.cloudstack is not None
    said = cs_harness("lab", "status", f"--state={state}").stdout
    assert "management server: process" in said
    assert said.count("agent Up, Enabled") == 3
    files = (file for file in Path(str(TREE)).rglob("*") if not file.is_symlink())
    assert [file for file in files if file.stat().st_mtime > BEGUN] == []


def test_a_case_passes_there(real: LabDescription, state: Path, tmp_path: Path) -> None:
    assert real.cloudstack is not None
    cloud_file = lab_path(state) / CLOUD_FILE
    done = cs_harness("verify", f"--cloud={cloud_file}", "--select=XML-01", f"--reports={tmp_path}", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_deviations_are_in_the_record(real: LabDescription, state: Path, tmp_path: Path) -> None:
    assert real.cloudstack is not None
    cs_harness("verify", f"--cloud={lab_path(state) / CLOUD_FILE}", "--select=XML-01", f"--reports={tmp_path}")
    environment = json.loads((tmp_path / "latest" / "results.json").read_text(encoding="utf-8"))["environment"]
    assert environment["hosts_kind"] == "cloudstack"
    assert environment["deviations"] == list(real.cloudstack.deviations)


def test_nothing_is_left_of_a_lab_that_was_killed(real: LabDescription, state: Path) -> None:
    processes = [thing for thing in recorded(lab_path(state) / "remains.jsonl") if thing.kind == "process"]
    os.kill(real.pid, signal.SIGKILL)
    assert end_kept_lab(state)
    assert kept_lab(state) is None
    for process in processes:
        stat = process_stat(int(process.name))
        # What is dead stays in the list of processes until its new parent has heard of it.
        assert stat is None or stat.state in "ZX" or stat.started != process.started
    assert not state.exists()
