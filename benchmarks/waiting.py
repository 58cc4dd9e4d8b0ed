"""How late the end of a job is noticed, and how often it is asked for."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import readable

from harness.cloud.client import CloudApi
from harness.cloud.jobs import run_job
from harness.report.text_table import table_lines
from harness.run.environment import load

_CLI = [sys.executable, "-c", "from harness.cli import main; main()"]
_GOAL_SECONDS, _GOAL_SHARE = 0.06, 0.03
# Jobs a little shorter and longer than asked for: of one length only, each would end at the same point between two
# questions, and that point would be what is measured.
_LENGTHS = {
    "stopVirtualMachine": ("stop", 0.9),
    "startVirtualMachine": ("start", 0.96),
    "rebootVirtualMachine": ("reboot", 1.1),
}


class CountingApi(CloudApi):
    """Counts the questions for a job's end."""

    questions = 0

    def call(self, command: str, **parameters: object) -> dict[str, Any]:
        self.questions += command == "queryAsyncJobResult"
        return super().call(command, **parameters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, nargs="+", default=[0.2, 1, 4, 15, 25], help="how long jobs take")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    rows = [("a job of", "noticed late", "goal", "questions a second")]
    for seconds in arguments.seconds:
        late, rate = _measured(seconds, arguments.rounds)
        goal = max(_GOAL_SECONDS, _GOAL_SHARE * seconds)
        verdict = f"{'kept' if late <= goal else 'missed'} ({readable(goal)})"
        rows.append((readable(seconds), readable(late), verdict, f"{rate:.1f}"))
    print("\n".join(table_lines(rows, right=frozenset({0, 1, 3}))))


def _measured(seconds: float, rounds: int) -> tuple[float, float]:
    """How much longer than the job itself its client waits, on average, and the questions a second."""
    with tempfile.TemporaryDirectory(prefix="cs-harness-waiting-") as folder:
        latency = Path(folder, "latency.toml")
        latency.write_text("".join(f"{name} = {seconds * share}\n" for name, share in _LENGTHS.values()))
        state = f"--state={folder}/lab"
        up = [*_CLI, "lab", "up", "--hosts=simulated", f"--latency={latency}", state]
        subprocess.run(up, check=True, stdout=subprocess.DEVNULL)
        try:
            return _waited(folder, seconds, rounds)
        finally:
            subprocess.run([*_CLI, "lab", "down", state], check=True, stdout=subprocess.DEVNULL)


def _waited(folder: str, seconds: float, rounds: int) -> tuple[float, float]:
    environment = load(Path(folder, "lab", "lab", "cloud.toml"))
    api = CountingApi(environment.api.endpoint, environment.api_key(), environment.secret_key())
    offering = api.call("createServiceOffering", name="o", displaytext="o", cpunumber=1, cpuspeed=500, memory=256)
    zone = api.list("listZones", "zone")[0]["id"]
    template = api.list("listTemplates", "template", templatefilter="all")[0]["id"]
    wanted = {"zoneid": zone, "templateid": template, "serviceofferingid": offering["serviceoffering"]["id"]}
    instance = run_job(api, "deployVirtualMachine", 60, **wanted).result["virtualmachine"]["id"]
    api.questions, late, begin = 0, [], time.monotonic()
    for _ in range(rounds):
        for command, (_, share) in _LENGTHS.items():
            late.append(run_job(api, command, 60 + 2 * seconds, id=instance).seconds - seconds * share)
    return statistics.fmean(late), api.questions / (time.monotonic() - begin)


if __name__ == "__main__":
    main()
