"""Kills runs at random moments with SIGKILL and cleans up after them: does anything differ from before?"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cloud_state import CLI, cloud_state, differences, lab_up

from harness.run.ledger import LEDGER_FILE, Ledger


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", choices=["kvm", "simulated"], default="simulated")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--longest", type=float, default=12.0, help="seconds after which a run is killed at the latest")
    parser.add_argument("--select", default="full")
    parser.add_argument("--latency", default="real-cloud/10")
    arguments = parser.parse_args()
    chance = random.Random(arguments.seed)  # noqa: S311
    differing, left, ended = 0, 0, 0
    with lab_up(arguments.hosts, f"--latency={arguments.latency}") as cloud, tempfile.TemporaryDirectory() as folder:
        before = cloud_state(cloud)
        for number in range(arguments.rounds):
            reports, seconds = Path(folder, str(number)), chance.uniform(0.3, arguments.longest)
            workers = chance.choice([1, 3])
            options = [f"--shuffle={arguments.seed + number}", f"--select={arguments.select}", f"--workers={workers}"]
            killed, lines = _killed(cloud, reports, seconds, options)
            ended += not killed
            left += lines
            done = subprocess.run(
                [*CLI, "cleanup", f"--reports={reports}"], capture_output=True, text=True, check=False
            )
            there = differences(before, cloud_state(cloud))
            if there or done.returncode != 0:
                differing += 1
                print(f"round {number}, {workers} workers, killed after {seconds:.2f} s: cleanup said")
                print("\n".join([done.stdout, done.stderr, *there]), flush=True)
    print(f"{arguments.rounds} runs on {arguments.hosts} hosts, {ended} of which had ended by themselves")
    print(f"{left} lines of their ledgers were unsettled when they were killed")
    print(f"after cleanup {differing} of the clouds differed from before")
    sys.exit(1 if differing else 0)


def _killed(cloud: Path, reports: Path, seconds: float, options: list[str]) -> tuple[bool, int]:
    """Whether it still ran when it was killed, and how much its ledger then had to take back."""
    command = [*CLI, "verify", f"--cloud={cloud}", f"--reports={reports}", *options]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
        time.sleep(seconds)
        killed = run.poll() is None
        if killed:
            os.kill(run.pid, signal.SIGKILL)
    ledger = reports / "latest" / LEDGER_FILE
    return killed, len(Ledger(ledger).unsettled()) if ledger.exists() else 0


if __name__ == "__main__":
    main()
