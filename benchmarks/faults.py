"""Has every fault of the lab strike every kind of call: is a verdict wrong, does anything hang, is anything left?

Faults that strike once are armed at all calls of a run at once; those that last, one a run. Labs work side by side,
each reset before each run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cloud_state import cloud_state, differences, lab_up

from harness.cli import main as cs_harness
from harness.console_run import RunOptions, run_cases
from harness.lab.control import kept_control
from harness.lab.faults.catalogue import KINDS, Fault, Layer
from harness.lab.faults.order import FaultOrder

# The cases that send a command, as few as possible, and twice where any do; whatever any run sends is struck in _ANY.
_ANY = "LS-01"
CALLS = {
    _ANY: "listCapabilities listConfigurations listZones listClusters listHosts listTemplates listNetworks listUsers"
    " listTags listAccounts listVirtualMachines listServiceOfferings queryAsyncJobResult createTags deleteTags"
    " createServiceOffering deleteServiceOffering",
    "LS-01,LS-02": "deployVirtualMachine scaleVirtualMachine destroyVirtualMachine",
    "NEG-17": "createAccount registerUserKeys createNetwork deleteNetwork deleteAccount getUser updateResourceLimit",
    "XML-17,UPG-01": "stopVirtualMachine startVirtualMachine updateVirtualMachine",
    "TAG-02": "updateHost updateConfiguration",
    "LIM-05": "resetConfiguration",
    "NEG-19": "updateTemplate",
    "MIG-13,MIG-14": "migrateVirtualMachine",
    "NEG-11": "updateServiceOffering",
    "DEF-07": "updateResourceCount",
}
CASE_OF = {command: case for case, commands in CALLS.items() for command in commands.split()}
# Those that begin a job, which a client asks for.
_JOBS = (
    "createTags",
    "deleteTags",
    "deleteNetwork",
    "deleteAccount",
    "registerUserKeys",
    "deployVirtualMachine",
    "scaleVirtualMachine",
    "destroyVirtualMachine",
    "stopVirtualMachine",
    "startVirtualMachine",
    "migrateVirtualMachine",
)
_AGENT_COMMANDS = {"start": "LS-01", "stop": "XML-17", "scale": "LS-01,NEG-11", "migrate": "MIG-13,MIG-01"}
# What a fault of a host strikes, whoever asks.
_ON_HOSTS = "LS-01,MIG-01,XML-17"
_LIBVIRT = {Fault.MIGRATION_FAILED: "MIG-01,MIG-13", Fault.VCPU_REFUSED: "LS-01,MIG-01"}
# The first of these is one of looking around, without which there is no run.
_OFTEN = frozenset({"listHosts", "listConfigurations", "queryAsyncJobResult"})
# The first look at a host, one of the first instance, one of a scaled one, one of a clean-up.
_LOOKS = (1, 4, 7, 12)
# Pairs that make no sense, and why.
_ASKED_ONCE = (
    "listCapabilities",
    "listZones",
    "listClusters",
    "listServiceOfferings",
    "updateResourceCount",
    "updateServiceOffering",
)
NONSENSE = {
    (Fault.REPLAYED_ANSWER, command): "a run asks it only once, so there is no earlier answer"
    for command in _ASKED_ONCE
}
# Lasting faults that look like a wrong product, with the defect that does.
LIKE_A_DEFECT = {
    (
        Fault.REPLAYED_ANSWER,
        "listVirtualMachines",
    ): "an instance shown as it was before, as by shown-vcpus-stale"
}
# As short as a case can bear, so that what hangs does not pass for slow.
_LIMITS = {"api": 3, "job": 8, "ssh": 3, "guest_boot": 2, "guest_hotplug": 1}
_HANGS_S = 150.0
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

# Carried out, and whether the instance is gone is asked again at the end, whatever its job or answer said.
_UNTOLD = (
    Fault.CONNECTION_RESET,
    Fault.GARBAGE_BODY,
    Fault.JOB_LOST,
    Fault.JOB_WITHOUT_RESULT,
)
_ASKED_AGAIN = frozenset((kind, "destroyVirtualMachine") for kind in _UNTOLD)


@dataclass(frozen=True)
class Injection:
    """Orders that are armed together, and the cases that are run then."""

    orders: tuple[FaultOrder, ...]
    cases: str

    @property
    def lasts(self) -> bool:
        return any(order.times is None and order.lasts is None for order in self.orders)


@dataclass(frozen=True)
class Ended:
    """A run: the outcome of each case, or none where it hung; how often each order struck; its exit code."""

    outcomes: dict[str, str]
    seconds: float
    exit_code: int | None
    struck: tuple[int, ...]
    longest_case_s: float = 0.0


@dataclass
class Tally:
    """What a worker found."""

    runs: int = 0
    wrong: int = 0
    hangs: int = 0
    left: int = 0
    told: int = 0
    longest_s: float = 0.0
    reached: set[tuple[str, str]] = field(default_factory=set)

    def add(self, other: Tally) -> None:
        for name in ("runs", "wrong", "hangs", "left", "told"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.longest_s = max(self.longest_s, other.longest_s)
        self.reached |= other.reached


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", default=[kind.value for kind in Fault])
    parser.add_argument("--commands", nargs="+", default=list(CASE_OF), choices=list(CASE_OF), metavar="COMMAND")
    parser.add_argument("--labs", type=int, default=4)
    parser.add_argument("--verbose", action="store_true")
    arguments = parser.parse_args()
    once = [*_once(arguments.kinds, arguments.commands)]
    lasting = [*_lasting(arguments.kinds, arguments.commands)]
    total = Tally()
    _share_out([*once, *lasting], arguments.labs, total, verbose=arguments.verbose)
    # What a run did not come to because another fault had ended it gets a run of its own.
    again = [
        Injection((order,), each.cases)
        for each in once
        for order in each.orders
        if len(each.orders) > 1 and _pair(order) not in total.reached | _nonsense()
    ]
    _share_out(again, arguments.labs, total, verbose=arguments.verbose)
    pairs = {_pair(order) for each in [*once, *lasting] for order in each.orders}
    unreached = sorted(pairs - total.reached - _nonsense())
    print(f"{len(pairs & total.reached)} of {len(pairs)} pairs of fault and call were struck in {total.runs} runs")
    for (kind, command), why in NONSENSE.items():
        if (kind.value, command) in pairs - total.reached:
            print(f"makes no sense: {kind} at {command}: {why}")
    for (kind, command), why in LIKE_A_DEFECT.items():
        print(f"not tried for good: {kind} at {command}: {why}")
    print("\n".join(f"NOT REACHED: {kind} at {command}" for kind, command in unreached))
    print(
        f"wrong verdicts {total.wrong}, hangs {total.hangs}, left without a word {total.left}, "
        f"left and told by the run or its cleanup {total.told}; the longest case took {total.longest_s:.1f} s"
    )
    sys.exit(1 if total.wrong or total.hangs or total.left or unreached else 0)


def _share_out(injections: Sequence[Injection], labs: int, total: Tally, *, verbose: bool) -> None:
    with multiprocessing.get_context("fork").Pool(labs) as pool:
        for tally in pool.imap_unordered(_work, [(injections[each::labs], verbose) for each in range(labs)]):
            total.add(tally)


def _nonsense() -> set[tuple[str, str]]:
    return {(kind.value, command) for kind, command in NONSENSE}


def _pair(order: FaultOrder) -> tuple[str, str]:
    where = order.command or order.host or "any host"
    return order.kind.value, f"look {order.nth} of {where}" if order.entry.layer is Layer.SSH else where


def _work(share: tuple[Sequence[Injection], bool]) -> Tally:
    """One lab's runs."""
    injections, verbose = share
    tally = Tally()
    if not injections:
        return tally
    well: dict[str, dict[str, str]] = {}
    with lab_up("simulated") as cloud, tempfile.TemporaryDirectory() as folder:
        _shorten(cloud)
        for number, injection in enumerate(injections):
            if injection.cases not in well:
                there = Injection((), injection.cases)
                well[injection.cases] = _run(cloud, Path(folder, f"well-{number}"), there).outcomes
            _inject(cloud, Path(folder, str(number)), injection, well[injection.cases], tally, verbose=verbose)
    return tally


def _inject(
    cloud: Path, reports: Path, injection: Injection, well: dict[str, str], tally: Tally, *, verbose: bool
) -> None:
    control = kept_control(cloud.parent.parent)
    control.reset()
    before = cloud_state(cloud)
    ended = _run(cloud, reports, injection)
    wrong = _wrong(injection, well, ended)
    # A port that a fault has closed is to be open again: a look waits for it.
    cloud_state(cloud)
    cleaned = _cleaned(reports)
    there = differences(before, cloud_state(cloud))
    told = [line for line in there if _is_told(line, cleaned)]
    there = [line for line in there if line not in told]
    control.close()
    tally.runs += 1
    tally.wrong += len(wrong)
    tally.hangs += ended.exit_code is None
    tally.left += len(there)
    tally.told += len(told)
    tally.longest_s = max(tally.longest_s, ended.longest_case_s)
    tally.reached |= {_pair(order) for order, struck in zip(injection.orders, ended.struck, strict=True) if struck}
    if verbose or wrong or there or ended.exit_code is None:
        orders = [order.model_dump(mode="json", exclude_defaults=True) for order in injection.orders]
        print(f"{orders[:3]}: struck {ended.struck}, {ended.seconds:.1f} s, {ended.outcomes}")
        print("\n".join([*wrong, *there]), flush=True)


def _is_told(line: str, cleaned: str) -> bool:
    """A domain that runs on though CloudStack says Stopped is known to it and kept, with what it is in."""
    return "runs on on host" in cleaned and any(
        part in line for part in ("domains", "listVirtualMachines", "listAccounts", "listNetworks")
    )


def _once(kinds: list[str], commands: list[str]) -> Iterator[Injection]:
    for kind in map(Fault, kinds):
        entry = KINDS[kind]
        if entry.layer in (Layer.API, Layer.JOBS):
            at = [command for command in commands if entry.layer is Layer.API or command in _JOBS]
            # Looking around comes first and ends a run, and is struck alone.
            alone = [command for command in at if CASE_OF[command] == _ANY and command.startswith("list")]
            for command in alone:
                yield Injection((_order(kind, command, times=1),), CASE_OF[command])
            for case in CALLS:
                those = tuple(_order(kind, each, times=1) for each in at if each not in alone and CASE_OF[each] == case)
                if those:
                    yield Injection(those, case)
        else:
            for injection in _at_hosts(kind):
                [order] = injection.orders
                change: dict[str, object] = {"lasts": 1.0} if entry.is_condition else {"times": 1}
                yield Injection((order.model_copy(update=change),), injection.cases)


def _lasting(kinds: list[str], commands: list[str]) -> Iterator[Injection]:
    for kind in map(Fault, kinds):
        entry = KINDS[kind]
        if entry.layer in (Layer.API, Layer.JOBS):
            for command in commands:
                if (entry.layer is Layer.API or command in _JOBS) and (kind, command) not in LIKE_A_DEFECT:
                    yield Injection((_order(kind, command),), CASE_OF[command])
        else:
            yield from _at_hosts(kind)


def _at_hosts(kind: Fault) -> Iterator[Injection]:
    """For good, at each agent's command, each kind of look, or each of two hosts."""
    entry = KINDS[kind]
    if entry.is_condition:
        for host in ("kvm1", "kvm2"):
            yield Injection((FaultOrder(kind=kind, host=host),), _ON_HOSTS)
    elif kind is Fault.AGENT_DISCONNECTED:
        for command, cases in _AGENT_COMMANDS.items():
            yield Injection((FaultOrder(kind=kind, command=command),), cases)
    elif entry.layer is Layer.SSH:
        for nth in _LOOKS:
            yield Injection((FaultOrder(kind=kind, nth=nth),), _ON_HOSTS)
    else:
        yield Injection((FaultOrder(kind=kind),), _LIBVIRT[kind])


def _order(kind: Fault, command: str, times: int | None = None) -> FaultOrder:
    return FaultOrder(kind=kind, command=command, nth=2 if command in _OFTEN else 1, times=times)


def _run(cloud: Path, reports: Path, injection: Injection) -> Ended:
    control = kept_control(cloud.parent.parent)
    control.clear()
    numbers = [control.arm(order).number for order in injection.orders]
    began = time.monotonic()
    reports.mkdir()
    options = RunOptions(cloud=cloud, reports=reports, select=injection.cases)
    child = _begun(lambda: run_cases(options, workers=1, as_json=False), reports / "output")
    exit_code = _ended(child, began + _HANGS_S)
    seconds = time.monotonic() - began
    # One that has cleared itself did strike.
    struck = {fault.number: fault.struck for fault in control.faults()}
    control.clear()
    control.close()
    results = reports / "latest" / "results.json"
    cases_of = json.loads(results.read_text())["cases"] if results.exists() else []
    outcomes = {case["id"]: f"{case['outcome']}{' ' + case['reason'] if case['reason'] else ''}" for case in cases_of}
    longest = max((case["seconds"] for case in cases_of), default=0.0)
    return Ended(outcomes, seconds, exit_code, tuple(struck.get(each, 1) for each in numbers), longest)


def _cleaned(reports: Path) -> str:
    """What `cs-harness cleanup` says."""
    output = reports / "cleaned"
    arguments = ["cleanup", f"--reports={reports}"]
    _ended(_begun(lambda: cs_harness.main(arguments, standalone_mode=False), output), time.monotonic() + _HANGS_S)
    return output.read_text()


def _begun(what: Callable[[], int], output: Path) -> int:
    """In a process of its own, which has everything imported already."""
    child = os.fork()
    if child != 0:
        return child
    file = os.open(output, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, 1)
    os.dup2(file, 2)
    exit_code = 70
    try:
        exit_code = what()
    except SystemExit as ended:
        exit_code = ended.code if isinstance(ended.code, int) else 70
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


def _wrong(injection: Injection, well: dict[str, str], ended: Ended) -> list[str]:
    """A case that found what is not there, or a run that is green though something it needs never came."""
    allowed = ("could not run", "not verified")
    wrong = [
        f"wrong verdict: {name}: {outcome}"
        for name, outcome in ended.outcomes.items()
        if outcome != well[name] and not outcome.startswith(allowed)
    ]
    harmful = any(
        order.kind not in _HARMLESS and (order.kind, order.command) not in _ASKED_AGAIN for order in injection.orders
    )
    if injection.lasts and any(ended.struck) and harmful and ended.exit_code == 0:
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
