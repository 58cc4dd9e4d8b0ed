"""Benchmarks still run. How quick things are is no test: figures are for people."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"


def _output(script: str, *arguments: str) -> list[str]:
    command = [sys.executable, "-W", "error", str(FOLDER / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_predictions_are_measured_beside_a_reference_workload() -> None:
    lines = _output("predict.py", "--number=5", "--rounds=1")
    assert lines[1].split() == ["what", "median", "reference", "ratio", "goal"]
    assert lines[2].startswith("prediction, in place ")
    assert lines[3].startswith("prediction, migrated ")
    assert lines[-1].startswith("import of harness.reference ")


def test_a_simulated_lab_is_measured() -> None:
    lines = _output("lab.py", "--rounds=1", "--hosts=simulated", "--no-warm-up")
    assert [line.split(",")[0] for line in lines[2:]] == ["lab up", "lab down"]


def test_what_a_lab_bears_is_measured() -> None:
    lines = _output("load.py", "--clusters=1", "--hosts-per-cluster=3", "--instances=6", "--calls=3", "--jobs=4")
    figures = [line.split("  ")[0] for line in lines]
    assert {"3 hosts, 6 instances up", "a signed list call", "4 scales at once", "reset"} <= set(figures)
    assert lines[-1].startswith("memory of the lab's process at its most: ")


def test_the_noticing_of_a_jobs_end_is_measured() -> None:
    lines = _output("waiting.py", "--seconds=0.1", "--rounds=1")
    assert lines[0].split("  ")[0] == "a job of"
    assert lines[1].strip().startswith("100 ms")


@pytest.mark.parametrize("lab", [[], ["--third-cluster"]])
def test_a_run_of_the_matrix_is_measured(lab: list[str]) -> None:
    lines = _output("matrix.py", "--select=LIM-03,LIM-04", "--workers=1", *lab)
    assert lines[2].startswith("2 cases, 1 workers ")
    assert lines[3].startswith("waited for cloud ")
    assert lines[4].startswith("2 cases of the chain cluster of 1: from ")
    assert lines[5].startswith("memory without the guests at its most: ")


def test_reports_are_measured() -> None:
    lines = _output("reports.py", "--cases", "3", "--rounds=1")
    assert [line.split("  ")[0] for line in lines[2:4]] == ["all forms of 3 cases", "compare of two runs of 3 cases"]
    assert [line.split(": ")[0] for line in lines[-2:]] == ["3 cases"] * 2


def test_a_run_that_is_killed_leaves_nothing_after_cleanup() -> None:
    lines = _output("kills.py", "--rounds=1", "--longest=4", "--select=LIM", "--latency=instant")
    assert lines[0].startswith("1 runs on simulated hosts")
    assert lines[-1] == "after cleanup 0 of the clouds differed from before"


def test_a_fault_gives_no_wrong_verdict() -> None:
    lines = _output("faults.py", "--kinds=server-error", "--commands=scaleVirtualMachine")
    assert "1 of 1 pairs of fault and call were struck in 2 runs" in lines
    assert lines[-1].startswith("wrong verdicts 0, hangs 0, left without a word 0, ")


def test_hostile_documents_are_refused_in_a_line() -> None:
    lines = _output("hostile.py", "--number=150")
    assert lines[0].startswith("150 documents, ")
    assert lines[-1] == "0 tracebacks"


def test_what_run_after_run_takes_is_measured() -> None:
    lines = _output("soak.py", "--rounds=2", "--select=LIM-03")
    assert [line.split()[:2] for line in lines[-4:-2]] == [["1", "0"], ["2", "0"]]
    assert lines[-1] == "growing: not told by so few runs; it takes 11"


def test_what_grows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    soak = importlib.import_module("soak")
    seen = [soak.Taken(descriptors=6 + n // 5, threads=1, memory_mib=80 + 2.0 * n) for n in range(20)]
    assert soak.rising(seen) == ["2 more descriptors", "2.00 MiB a run"]
    assert soak.rising([soak.Taken(6, 1, 80.0)] * 20) == []


def test_an_audit_is_measured() -> None:
    lines = _output("audit.py", "--hosts=8", "--instances=16", "--limit=2")
    assert lines[2].startswith("audit of 16 instances on 8 hosts ")
    assert [line.split(":")[0] for line in lines[-4:-1]] == ["speed", "growth", "memory at its most"]


_SHARED = ("measuring.py", "cloud_state.py")


@pytest.mark.parametrize("script", sorted(file.name for file in FOLDER.glob("*.py") if file.name not in _SHARED))
def test_every_benchmark_is_explained(script: str) -> None:
    assert f"`{script}`" in (FOLDER / "README.md").read_text(encoding="utf-8")
