"""Has every fault of the lab strike every kind of call: is a verdict wrong, does anything hang, is anything left?"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloud_state import CLI, cloud_state, differences, lab_up

from harness.console_run import RunOptions, run_cases
from harness.lab.control import kept_control
from harness.lab.faults.catalogue import KINDS, Fault, Layer
from harness.lab.faults.order import FaultOrder

# The cases that send a command, as few as possible; whatever any run sends is struck in _ANY.
_ANY = "LS-01"
CALLS = {
    _ANY: "listCapabilities listConfigurations listZones listClusters listHosts listTemplates listNetworks listUsers"
    " listTags listAccounts listVirtualMachines queryAsyncJobResult createTags deleteTags createAccount"
    " registerUserKeys createNetwork deleteNetwork deleteAccount createServiceOffering deleteServiceOffering"
    " deployVirtualMachine scaleVirtualMachine destroyVirtualMachine resetConfiguration",
    "XML-17": "stopVirtualMachine startVirtualMachine updateVirtualMachine",
    "TAG-02": "updateHost updateConfiguration",
    "MIG-13": "migrateVirtualMachine",
    "NEG-11": "updateServiceOffering",
    "NEG-17": "updateResourceLimit",
    "DEF-07": "getUser updateResourceCount",
}
CASE_OF = {command: case for case, commands in CALLS.items() for command in commands.split()}
# What a fault of a host or of a job strikes.
_ON_HOSTS = "LS-01,MIG-01,XML-17"
# The first of these is one of looking around, without which there is no run.
_OFTEN = frozenset({"listHosts", "listConfigurations", "queryAsyncJobResult"})
_AGENT_COMMANDS = ("start", "stop", "reboot", "scale", "migrate")
# As short as a case can bear, so that what hangs does not pass for slow.
_LIMITS = {"api": 3, "job": 8, "ssh": 3, "guest_boot": 2, "guest_hotplug": 1}
_HANGS_S = 120.0
# A question may have been answered by the time the fault is over, and these may be read all the same.
_HARMLESS = frozenset(
    {
        Fault.CONNECTION_REFUSED,
        Fault.SLOW_ANSWER,
        Fault.DUPLICATED_ANSWER,
        Fault.REPLAYED_ANSWER,
        Fault.LIBVIRTD_RESTARTED,
    }
)


@dataclass(frozen=True)
class Ended:
    """A run: the outcome of each case, or none where it hung; how often the fault struck; its exit code."""

    outcomes: dict[str, str]
    seconds: float
    exit_code: int | None
    struck: int
    longest_case_s: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=[kind.value for kind in Fault])
    parser.add_argument("--commands", nargs="+", default=list(CASE_OF), choices=list(CASE_OF), metavar="COMMAND")
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    counts = {"runs": 0, "struck": 0, "wrong verdicts": 0, "hangs": 0, "differences after cleanup": 0}
    longest = 0.0
    with lab_up("simulated") as cloud, tempfile.TemporaryDirectory() as folder:
        _shorten(cloud)
        before = cloud_state(cloud)
        orders = list(_orders(arguments.kinds, arguments.commands))
        needed = ",".join(sorted({_cases(order) for order in orders}))
        well = _run(cloud, Path(folder, "well"), needed, None).outcomes
        for number, order in enumerate(orders):
            reports = Path(folder, str(number))
            ended = _run(cloud, reports, _cases(order), order)
            wrong = _wrong(order, well, ended)
            subprocess.run([*CLI, "cleanup", f"--reports={reports}"], capture_output=True, check=False)
            there = differences(before, cloud_state(cloud))
            if there:
                # Told once; what comes next is held against what is there now.
                before = cloud_state(cloud)
            counts["runs"] += 1
            counts["struck"] += ended.struck > 0
            counts["wrong verdicts"] += len(wrong)
            counts["hangs"] += ended.exit_code is None
            counts["differences after cleanup"] += len(there)
            longest = max(longest, ended.longest_case_s)
            if arguments.verbose or wrong or there or ended.exit_code is None:
                told = order.model_dump(mode="json", exclude_defaults=True)
                print(f"{told}: struck {ended.struck}, {ended.seconds:.1f} s, {ended.outcomes}")
                print("\n".join([*wrong, *there]), flush=True)
    print(", ".join(f"{what} {count}" for what, count in counts.items()))
    print(f"the longest case took {longest:.1f} s")
    sys.exit(1 if counts["wrong verdicts"] or counts["hangs"] or counts["differences after cleanup"] else 0)


def _orders(kinds: list[str], commands: list[str]) -> Iterator[FaultOrder]:
    """Each kind once and for good, at each kind of call that it can strike."""
    for kind in map(Fault, kinds):
        entry = KINDS[kind]
        if entry.is_condition:
            for host in ("kvm1", "kvm2"):
                yield FaultOrder(kind=kind, host=host, lasts=1.0)
                yield FaultOrder(kind=kind, host=host)
            continue
        at: list[str | None] = [None]
        if "command" in entry.filters:
            at = list(_AGENT_COMMANDS) if entry.layer is Layer.AGENT else list(commands)
        if entry.layer is Layer.JOBS:
            at = [None]
        for command in at:
            yield FaultOrder(kind=kind, command=command, nth=2 if command in _OFTEN else 1, times=1)
            yield FaultOrder(kind=kind, command=command, nth=2 if command in _OFTEN else 1)


def _cases(order: FaultOrder) -> str:
    return CASE_OF.get(order.command or "", _ON_HOSTS)


def _run(cloud: Path, reports: Path, cases: str, order: FaultOrder | None) -> Ended:
    """In a process of its own, which has everything imported already."""
    state = cloud.parent.parent
    control = kept_control(state)
    control.clear()
    if order is not None:
        control.arm(order)
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _be_a_run(RunOptions(cloud=cloud, reports=reports, select=cases), reports)
    exit_code = _ended(child, began + _HANGS_S)
    seconds = time.monotonic() - began
    struck = sum(fault.struck for fault in control.faults())
    control.clear()
    control.close()
    results = reports / "latest" / "results.json"
    cases_of = json.loads(results.read_text())["cases"] if results.exists() else []
    outcomes = {case["id"]: f"{case['outcome']}{' ' + case['reason'] if case['reason'] else ''}" for case in cases_of}
    return Ended(outcomes, seconds, exit_code, struck, max((case["seconds"] for case in cases_of), default=0.0))


def _be_a_run(options: RunOptions, reports: Path) -> None:
    reports.mkdir()
    output = os.open(reports / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    exit_code = 70
    try:
        exit_code = run_cases(options, workers=1, as_json=False)
    finally:
        sys.stdout.flush()
        os._exit(exit_code)


def _ended(child: int, deadline: float) -> int | None:
    """The exit code, or None where it had to be ended."""
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return None


def _wrong(order: FaultOrder, well: dict[str, str], ended: Ended) -> list[str]:
    """A case that found what is not there, or a run that is green though something it needs never came."""
    allowed = ("could not run", "not verified")
    wrong = [
        f"wrong verdict: {name}: {outcome}"
        for name, outcome in ended.outcomes.items()
        if outcome != well[name] and not outcome.startswith(allowed)
    ]
    lasting = order.times is None and order.lasts is None
    if lasting and ended.struck and order.kind not in _HARMLESS and ended.exit_code == 0:
        wrong.append("wrong verdict: the run is green")
    if ended.exit_code not in (0, 1, 2, None):
        wrong.append(f"wrong verdict: exit code {ended.exit_code}")
    return wrong


def _shorten(cloud: Path) -> None:
    lines = [line for line in cloud.read_text().splitlines() if line.split(" = ")[0] not in _LIMITS]
    at = lines.index("[time_limits]") + 1
    cloud.write_text("\n".join([*lines[:at], *(f"{name} = {value}" for name, value in _LIMITS.items()), *lines[at:]]))


if __name__ == "__main__":
    main()
