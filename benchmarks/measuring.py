"""Takes times and prints figures: medians, each beside its ratio to a reference workload of the same run."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.report.text_table import table_lines


@dataclass(frozen=True)
class Figure:
    """A median in seconds, the reference workload's in the same run, and the goal where there is one."""

    what: str
    seconds: float
    reference_seconds: float
    goal_seconds: float | None = None

    @property
    def verdict(self) -> str:
        if self.goal_seconds is None:
            return ""
        return f"{'kept' if self.seconds <= self.goal_seconds else 'missed'} ({readable(self.goal_seconds)})"


def median_of_calls(call: Callable[[], object], number: int) -> float:
    """Each call is timed by itself: a median does not mind those that the machine interrupts."""
    for _ in range(min(number, 100)):
        call()
    clock = time.perf_counter_ns
    times = []
    for _ in range(number):
        begin = clock()
        call()
        times.append(clock() - begin)
    return statistics.median(times) / 1e9


def median_of_processes(command: Sequence[str], rounds: int) -> float:
    """From start to end of a process. Raises CalledProcessError where one fails."""
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def bare_interpreter(rounds: int) -> float:
    """The reference workload for whole processes."""
    return median_of_processes([sys.executable, "-I", "-S", "-c", "pass"], rounds)


def readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def print_figures(reference: str, figures: Sequence[Figure]) -> None:
    load = os.getloadavg()[0]
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, load {load:.1f}; ratio to {reference}")
    rows = [("what", "median", "reference", "ratio", "goal")]
    for figure in figures:
        ratio = f"{figure.seconds / figure.reference_seconds:.2f}"
        rows.append((figure.what, readable(figure.seconds), readable(figure.reference_seconds), ratio, figure.verdict))
    print("\n".join(table_lines(rows, right=frozenset({1, 2, 3}))))
