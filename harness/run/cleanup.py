"""Finishes what killed runs left on their clouds, by their ledgers or by the names that runs give."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from harness.cloud.client import CloudApi
from harness.errors import HarnessError
from harness.run import zone_lock
from harness.run.api_access import api_of
from harness.run.cloud_notes import CloudNotes, noted
from harness.run.environment import Environment
from harness.run.ledger import (
    LEDGER_FILE,
    AccountMade,
    Change,
    InstanceMade,
    Ledger,
    LedgerRun,
    LockTaken,
    NetworkMade,
    OfferingMade,
)
from harness.run.session import Session
from harness.run.verification import ALIVE_FILE, HOLDS

Load = Callable[[Path], Environment]
# What a run calls what it makes: csh-<run id>-..., and a run id is a date, a time and a process.
_MADE_BY_A_RUN = re.compile(r"csh-(?P<run>\d{8}-\d{6}-\d+)(-|$)")


class NothingToCleanUpError(HarnessError):
    """No run of that id has a ledger there."""


@dataclass(frozen=True)
class CleanedUp:
    """One run: what was taken back, and a line for each thing that stayed."""

    run_id: str
    taken_back: list[str]
    stayed: list[str]


def ledgers(reports: Path, run_id: str | None = None) -> list[Path]:
    """The folders of runs that have something unsettled, oldest first; of one run, or of all.

    Raises:
        NothingToCleanUpError: there is no such run.
    """
    folders = [reports / run_id] if run_id is not None else sorted(reports.glob("*/"))
    found = [folder for folder in folders if not folder.is_symlink() and (folder / LEDGER_FILE).is_file()]
    if run_id is not None and not found:
        raise NothingToCleanUpError(f"--run {run_id}: there is no ledger in {reports / run_id}")
    return [folder for folder in found if Ledger(folder / LEDGER_FILE).unsettled()]


def clean_up(folder: Path, load: Load, cloud_file: Path | None) -> CleanedUp:
    """Take back what a run left. `cloud_file` is how to reach the cloud where its own file has gone.

    Raises:
        HarnessError: the cloud's file cannot be read.
    """
    ledger = Ledger(folder / LEDGER_FILE)
    run = ledger.run()
    before = ledger.unsettled()
    if run is None:
        # It ended before it had looked at its cloud, so nothing was made.
        return CleanedUp(folder.name, [], [])
    with _not_alive(folder) as alive:
        if alive:
            return CleanedUp(run.run_id, [], ["the run is still going on; end it first"])
        for holds in Path(tempfile.gettempdir()).glob(f"{HOLDS}{run.run_id}-*"):
            shutil.rmtree(holds)
        if run.on_lab and cloud_file is None and not run.cloud_file.exists():
            for line in before:
                ledger.settle(line.number)
            return CleanedUp(run.run_id, [f"{line.change} (gone with its lab)" for line in before], [])
        environment = load(cloud_file or run.cloud_file)
        refused = _refusal(run, environment)
        if not refused and not run.on_lab:
            # A cloud that does not tell its users takes things back all the same.
            with suppress(HarnessError):
                ledger.notes = CloudNotes(api_of(environment), environment.time_limits.job, run.run_id)
        stayed = refused or _take_back(environment, ledger)
        left = {line.number for line in ledger.unsettled()}
        return CleanedUp(run.run_id, [str(line.change) for line in before if line.number not in left], stayed)


def _take_back(environment: Environment, ledger: Ledger) -> list[str]:
    """By a session that has not looked around: of its hosts those are looked into from which an instance goes."""
    session = Session(environment, ledger)
    try:
        # A cloud that does not tell its hosts takes things away all the same.
        with suppress(HarnessError):
            session.reach_hosts()
        return session.take_back()
    finally:
        session.close()


def _refusal(run: LedgerRun, environment: Environment) -> list[str]:
    if environment.api.endpoint == run.endpoint:
        return []
    return [f"{environment.file} is of {environment.api.endpoint}, the run was on {run.endpoint}; give its own file"]


@contextmanager
def _not_alive(folder: Path) -> Iterator[bool]:
    """Whether the run still goes on; where it does not, nobody else cleans up after it meanwhile."""
    lock = FileLock(folder / ALIVE_FILE)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield True
        return
    try:
        yield False
    finally:
        lock.release()


def runs_on(environment: Environment) -> dict[str, list[Change]]:
    """What bears the name of a run, by run: locks, accounts, networks, offerings, instances; and what runs have noted.

    Raises:
        HarnessError: the cloud cannot be listed.
    """
    api = api_of(environment)
    by_run: dict[str, list[Change]] = {}
    for made in _named_by_runs(api):
        if found := _MADE_BY_A_RUN.match(made.name):
            by_run.setdefault(found["run"], []).append(made)
    # After the lock, which goes last, and before what was made: an offering is gone before the tag that it demands.
    for run, changes in noted(api).items():
        there = by_run.setdefault(run, [])
        there[sum(isinstance(change, LockTaken) for change in there) : 0] = changes
    return by_run


def clean_up_by_names(environment: Environment, scratch: Path, run_id: str | None) -> list[CleanedUp]:
    """Take away what bears the name of a run, of all or of one, and take back what it noted, without its ledger.

    A run whose lock still holds may go on elsewhere: it is left alone unless it is named. `scratch` is a folder for a
    ledger of what is found.

    Raises:
        HarnessError: the cloud cannot be listed.
    """
    api = api_of(environment)
    cleaned: list[CleanedUp] = []
    holding = {} if run_id is not None else zone_lock.still_held(api)
    for run, changes in sorted(runs_on(environment).items()):
        if run_id not in (None, run):
            continue
        if f"csh-{run}" in holding:
            seconds = holding[f"csh-{run}"]
            cleaned.append(CleanedUp(run, [], [f"its lock holds for {seconds:.0f} s: it may go on; name it by --run"]))
            continue
        ledger = Ledger(scratch / f"{run}.sqlite")
        for change in changes:
            ledger.intend(run, change)
        stayed = _take_back(environment, ledger)
        left = {str(line.change) for line in ledger.unsettled()}
        if not stayed:
            CloudNotes(api, environment.time_limits.job, run).forget_all()
        cleaned.append(CleanedUp(run, [str(change) for change in changes if str(change) not in left], stayed))
    return cleaned


def _named_by_runs(api: CloudApi) -> Iterator[LockTaken | AccountMade | NetworkMade | OfferingMade | InstanceMade]:
    """In the order in which runs make them, so that instances go first and the lock last."""
    yield from zone_lock.locks(api)
    for account in api.list("listAccounts", "account", listall=True):
        yield AccountMade(name=str(account["name"]), id=str(account["id"]))
    for network in api.list("listNetworks", "network", listall=True):
        yield NetworkMade(name=str(network["name"]), id=str(network["id"]))
    for offering in api.list("listServiceOfferings", "serviceoffering", listall=True):
        yield OfferingMade(name=str(offering["name"]), id=str(offering["id"]))
    for instance in api.list("listVirtualMachines", "virtualmachine", listall=True):
        yield InstanceMade(name=str(instance["name"]), id=str(instance["id"]))
