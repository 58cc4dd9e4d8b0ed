"""How long a lab takes to come up and to go down."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import Figure, bare_interpreter, print_figures

from harness.lab.kvm.preflight import missing

COMMAND = str(Path(sys.executable).with_name("cs-harness"))


def timed(*arguments: str) -> float:
    begin = time.perf_counter()
    done = subprocess.run([COMMAND, "lab", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(done.stderr.strip())
    return time.perf_counter() - begin


def lab_figures(kind: str, rounds: int, warm_up: bool) -> list[Figure]:
    reference = bare_interpreter(max(rounds, 5))
    ups, downs = [], []
    with tempfile.TemporaryDirectory(prefix="csh-") as state:
        # The first lab of a machine makes the guest image; that is no part of the figure.
        for number in range(rounds + warm_up):
            try:
                up = timed("up", "--hosts", kind, "--state", state)
            finally:
                down = timed("down", "--state", state)
            if number >= warm_up:
                ups.append(up)
                downs.append(down)
    return [
        Figure(f"lab up, {kind} hosts", statistics.median(ups), reference),
        Figure(f"lab down, {kind} hosts", statistics.median(downs), reference),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--hosts", choices=["simulated", "kvm", "all"], default="all")
    parser.add_argument("--no-warm-up", action="store_true", help="measure the first lab too")
    arguments = parser.parse_args()
    kinds = ["simulated", "kvm"] if arguments.hosts == "all" else [arguments.hosts]
    lacking = missing()
    if lacking and "kvm" in kinds:
        kinds.remove("kvm")
        print(f"kvm hosts are not measured: {'; '.join(lacking)}", file=sys.stderr)
    figures = [figure for kind in kinds for figure in lab_figures(kind, arguments.rounds, not arguments.no_warm_up)]
    print_figures("starting a bare Python", figures)


if __name__ == "__main__":
    main()
