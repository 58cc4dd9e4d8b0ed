"""Runs the matrix again and again on one lab and in one process: do descriptors, threads and memory stay flat?"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import sys
import tempfile
import threading
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from cloud_state import lab_up

from harness.console_run import RunOptions, run_cases
from harness.lab.control import kept_lab
from harness.report.text_table import table_lines
from harness.run.record import LOOKED, RunRecord, load

# Allocators and caches need a few runs to come to rest.
_SETTLES = 5
# More than an allocator's noise, less than any leak of a few KiB a case adds up to.
_MOST_MIB_A_RUN = 1.0


@dataclass(frozen=True)
class Taken:
    """What a process has open and takes at a moment."""

    descriptors: int
    threads: int
    memory_mib: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--select", default="full")
    arguments = parser.parse_args()
    rows: list[tuple[str, ...]] = [("run", "exit", "descriptors", "threads", "MiB", "lab's", "threads", "MiB")]
    ours: list[Taken] = []
    labs: list[Taken] = []
    with lab_up("simulated") as cloud, tempfile.TemporaryDirectory() as reports:
        lab = kept_lab(cloud.parent.parent)
        lab_pid = 0 if lab is None else lab.pid
        for number in range(arguments.rounds):
            exit_code = _run(RunOptions(cloud=cloud, reports=Path(reports), select=arguments.select))
            gc.collect()
            ours.append(taken(os.getpid()))
            labs.append(taken(lab_pid))
            rows.append((str(number + 1), str(exit_code), *_cells(ours[-1]), *_cells(labs[-1])))
            print(rows[-1], flush=True)
            if exit_code != 0:
                sys.exit(f"run {number + 1} ended with {exit_code}: {_why(load(Path(reports, 'latest')))}")
    print("\n".join(table_lines(rows, right=frozenset(range(len(rows[0]))))))
    print(f"threads here at the end: {', '.join(sorted(thread.name for thread in threading.enumerate()))}")
    if arguments.rounds <= 2 * _SETTLES:
        print(f"growing: not told by so few runs; it takes {2 * _SETTLES + 1}")
        return
    growing = [f"{whose}: {what}" for whose, seen in (("the run", ours), ("the lab", labs)) for what in rising(seen)]
    print(f"growing: {'; '.join(growing) or 'nothing'}")
    sys.exit(1 if growing else 0)


def _why(record: RunRecord) -> str:
    others = [case for case in record.cases if case.outcome not in LOOKED]
    told = [f"{case.id} {case.outcome}: {[*case.findings, case.reason][0]}" for case in others]
    return "; ".join(filter(None, [*told, *record.leftovers, record.could_not_run]))


def rising(seen: list[Taken]) -> list[str]:
    """What of it rises once it has settled: by the medians of the first and the last third after that."""
    rest = seen[_SETTLES:]
    third = max(1, len(rest) // 3)
    begin, end = rest[:third], rest[-third:]
    apart = max(1, len(rest) - third)

    def grown(name: str) -> float:
        return statistics.median(getattr(t, name) for t in end) - statistics.median(getattr(t, name) for t in begin)

    told = [f"{grown(name):g} more {name}" for name in ("descriptors", "threads") if grown(name) > 0]
    a_run = grown("memory_mib") / apart
    return told + ([f"{a_run:.2f} MiB a run"] if a_run > _MOST_MIB_A_RUN else [])


def taken(pid: int) -> Taken:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    return Taken(descriptors, int(status["Threads"]), int(status["VmRSS"].split()[0]) / 1024)


def _cells(seen: Taken) -> tuple[str, str, str]:
    return str(seen.descriptors), str(seen.threads), f"{seen.memory_mib:.1f}"


def _run(options: RunOptions) -> int:
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        return run_cases(options, workers=1, as_json=False)


if __name__ == "__main__":
    main()
