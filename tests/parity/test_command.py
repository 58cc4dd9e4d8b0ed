"""`cs-harness lab parity` from end to end, with a lab of our own in the place of the real one."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from harness.parity.cases import load_cases
from tests.conftest import SimulatedLab

CORPUS = Path(__file__).parents[1] / "data" / "lab" / "exchanges.json"
CASES = "XML-01,LS-01"


@pytest.fixture(scope="module")
def cloud_file(lab: SimulatedLab) -> Path:
    """As `lab up --cloudstack` writes it."""
    file = lab.cloud_file.with_name("real.toml")
    text = lab.cloud_file.read_text(encoding="utf-8")
    assert 'hosts = "simulated"' in text
    file.write_text(text.replace('hosts = "simulated"', 'hosts = "cloudstack"'), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parity")


@pytest.fixture(scope="module")
def first(cloud_file: Path, folder: Path) -> Result:
    return parity(cloud_file, folder, f"--cases={CASES}", f"--record-cases={folder / 'cases.json'}")


def parity(cloud_file: Path, folder: Path, *arguments: str) -> Result:
    where = [f"--real={cloud_file}", f"--corpus={CORPUS}", f"--state={folder / 'state'}", "--hosts=simulated"]
    return CliRunner().invoke(main, ["lab", "parity", *where, f"--reports={folder / 'reports'}", *arguments])


def test_two_clouds_that_behave_alike_have_no_difference_in_requests_and_cases(first: Result) -> None:
    assert first.exit_code == 0, first.output
    assert (
        " exchanges and 2 cases with CloudStack 4.23.0.0 (behaves like 4.23): 0 differences, 0 accepted" in first.output
    )


def test_what_the_real_ones_cases_saw_is_kept(first: Result, folder: Path) -> None:
    assert first.exit_code == 0
    kept = load_cases(folder / "cases.json")
    assert sorted(kept.cases) == sorted(CASES.split(","))
    assert kept.version == "4.23.0.0"
    assert kept.cases["LS-01"]["scales"][0]["succeeded"] is True


def test_a_run_on_the_real_one_that_is_stopped_is_not_compared(cloud_file: Path, tmp_path: Path) -> None:
    where = [f"--real={cloud_file}", f"--corpus={CORPUS}", f"--state={tmp_path / 'state'}", "--hosts=simulated"]
    command = [sys.executable, "-c", "from harness.cli import main; main()", "lab", "parity", *where, "--cases=full"]
    with subprocess.Popen(
        [*command, f"--reports={tmp_path}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as asked:
        assert asked.stdout is not None
        # The first case has ended.
        assert asked.stdout.readline()
        asked.send_signal(signal.SIGTERM)
        _, said = asked.communicate(timeout=120)
    assert asked.returncode == 2
    assert "the cases on the real one did not run to their end: it was interrupted; --real-run " in said


def test_another_value_of_the_scheduler_there_is_printed_and_may_be_accepted(
    first: Result, cloud_file: Path, folder: Path, tmp_path: Path
) -> None:
    assert first.exit_code == 0
    runs = [each for each in sorted((folder / "reports").iterdir()) if each.is_dir() and not each.is_symlink()]
    record = json.loads((runs[0] / "results.json").read_text(encoding="utf-8"))
    case = next(each for each in record["cases"] if each["id"] == "LS-01")
    case["scales"][0]["quota_us"] = 4711
    changed = tmp_path / "changed"
    changed.mkdir()
    (changed / "results.json").write_text(json.dumps(record), encoding="utf-8")
    done = parity(cloud_file, folder, f"--real-run={changed}")
    assert done.exit_code == 1
    assert "LS-01: case.scales.0.quota_us: real 4711, ours null\n" in done.output
    accepted = tmp_path / "accepted.toml"
    accepted.write_text(
        '[[accepted]]\nexchange = "LS-01"\npath = "case.scales.*.quota_us"\nreason = "tried in a test"\n',
        encoding="utf-8",
    )
    done = parity(cloud_file, folder, f"--real-run={changed}", f"--accepted={accepted}")
    assert done.exit_code == 0
    assert "0 differences, 1 accepted" in done.output


def test_a_run_without_a_case_that_came_to_a_verdict_compares_nothing(
    first: Result, cloud_file: Path, folder: Path, tmp_path: Path
) -> None:
    assert first.exit_code == 0
    record = json.loads((folder / "reports" / "latest" / "results.json").read_text(encoding="utf-8"))
    (tmp_path / "results.json").write_text(json.dumps(record | {"cases": []}), encoding="utf-8")
    done = parity(cloud_file, folder, f"--real-run={tmp_path}")
    assert done.exit_code == 2
    assert "no case came to a verdict there" in done.output
