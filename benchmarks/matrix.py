"""How long the whole matrix takes, what it waits for, and how much memory it takes."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring import Figure, print_figures

from harness.lab.control import embedded_lab
from harness.lab.options import DEFAULT_RELEASE, LabOptions
from harness.lab.topology import DEFAULT_LAB, HostSpec, LabSpec
from harness.run.holds import ALONE_IN_THE_ZONE
from harness.run.record import CaseRecord, RunRecord
from harness.run.steps import WaitsFor

_CLI = [sys.executable, "-c", "from harness.cli import main; main()"]
_LOOK_SECONDS = 0.5
# Where cases that share a cluster have room while others hold the two of the usual lab.
_THIRD_CLUSTER = tuple(HostSpec(f"kvm{number}", "cluster-c", 32, 2500, 16384) for number in (4, 5))


@dataclass(frozen=True)
class Measured:
    """A run from outside: `seconds` from start to end, `memory_mib` at its most, without the guests."""

    record: RunRecord
    seconds: float
    memory_mib: float


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="cs-harness-matrix-") as folder, _lab(arguments, Path(folder)) as lab:
        workers = [] if arguments.workers is None else [f"--workers={arguments.workers}"]
        run = _run(Path(folder), [f"--select={arguments.select}", *workers, *lab])
    cases = run.record.cases
    what = f"{len(cases)} cases, {run.record.workers} workers"
    figure = Figure(what, run.seconds, longest_chain(cases), arguments.goal)
    print_figures("the longest chain of cases that cannot overlap", [figure])
    spent = {whose: sum(case.waited[whose] for case in cases) for whose in WaitsFor}
    total = sum(spent.values())
    print("waited for " + ", ".join(f"{whose.value} {seconds / total:.1%}" for whose, seconds in spent.items()))
    for chain in {case.chain: None for case in sorted(cases, key=lambda case: case.began)}:
        of_it = [case for case in cases if case.chain == chain]
        begin, end = min(case.began for case in of_it), max(case.began + case.seconds for case in of_it)
        whose = f"the chain {chain}" if chain else "no chain"
        print(f"{len(of_it)} cases of {whose}: from {begin:.0f} to {end:.0f} s")
    print(f"memory without the guests at its most: {run.memory_mib:.0f} MiB")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", choices=["kvm", "simulated"], default="simulated")
    parser.add_argument("--select", default="full")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--latency", default="instant")
    parser.add_argument("--third-cluster", action="store_true", help="a lab with one more cluster, of two large hosts")
    parser.add_argument("--goal", type=float, help="seconds")
    return parser.parse_args()


def longest_chain(cases: list[CaseRecord]) -> float:
    """Seconds of the cases that hold the zone alone, and of the longer chain of those that hold a cluster."""
    chains: dict[str, float] = {}
    for case in cases:
        if case.chain is not None:
            chains[case.chain] = chains.get(case.chain, 0.0) + case.seconds - case.waited[WaitsFor.OTHERS]
    return chains.pop(ALONE_IN_THE_ZONE, 0.0) + max(chains.values(), default=0.0)


@contextmanager
def _lab(arguments: argparse.Namespace, folder: Path) -> Iterator[list[str]]:
    """What `verify` is told of the lab: it brings up the usual one itself."""
    if not arguments.third_cluster:
        yield [f"--hosts={arguments.hosts}", f"--latency={arguments.latency}"]
        return
    topology = folder / "topology.json"
    topology.write_text(LabSpec(hosts=DEFAULT_LAB.hosts + _THIRD_CLUSTER).as_json())
    options = LabOptions(latency=arguments.latency, topology=topology)
    with embedded_lab(folder / "lab", arguments.hosts, DEFAULT_RELEASE, options) as cloud:
        yield [f"--cloud={cloud}"]


def _run(folder: Path, options: list[str]) -> Measured:
    command = [*_CLI, "verify", "--json", "--state", f"{folder}/own", "--reports", f"{folder}/reports", *options]
    most, begin = 0.0, time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        output = folder / "output"
        with output.open("w") as file:
            reader = subprocess.Popen(["cat"], stdin=process.stdout, stdout=file)
        while True:
            try:
                process.wait(_LOOK_SECONDS)
                break
            except subprocess.TimeoutExpired:
                # A lab of ours is a child of this process.
                most = max(most, memory_mib(os.getpid()))
        seconds = time.perf_counter() - begin
        reader.wait()
    return Measured(RunRecord.model_validate(json.loads(output.read_text())), seconds, most)


def memory_mib(root: int) -> float:
    """What a process and all that descend from it take, shared pages counted once, but for the guests."""
    parents = {pid: int(stat[1]) for pid, stat in _stats()}
    total = 0.0
    for pid, stat in _stats():
        ancestor = pid
        while ancestor not in (0, root):
            ancestor = parents.get(ancestor, 0)
        if ancestor == root and not stat[0].startswith("qemu-system"):
            total += _pss_kib(pid) / 1024
    return total


def _stats() -> Iterator[tuple[int, tuple[str, str]]]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = Path("/proc", name, "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            comm = text[text.index("(") + 1 : text.rindex(")")]
            yield int(name), (comm, text[text.rindex(")") + 2 :].split()[1])


def _pss_kib(pid: int) -> int:
    try:
        lines = Path("/proc", str(pid), "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
