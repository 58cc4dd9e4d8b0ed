"""Runs the cases under pytest with our own console in place of pytest's."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from rich.console import Console

import harness
from harness.pytest_plugin.cases import TOLD, VERIFICATION
from harness.report.console import Progress, print_result
from harness.run.record import CaseRecord, Outcome
from harness.run.selection import FULL, SMOKE
from harness.run.steps import Step

if TYPE_CHECKING:
    from harness.twin import Twin


class Interruptible(Protocol):
    """Who hears of interruptions of the run."""

    def end(self) -> None:
        """From now on none breaks it off."""

    def heed(self) -> None:
        """Raises KeyboardInterrupt where there was one."""


class ConsolePlugin:
    """Follows the run's hooks on a console."""

    def __init__(self, progress: Progress, interruptions: Interruptible | None = None) -> None:
        self._progress = progress
        self._interruptions = interruptions
        self.config: pytest.Config | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_harness_lab(self, kind: str, instead_because: str | None) -> None:
        if instead_because is not None:
            self._progress.note(
                f"simulated hosts, so domain, scheduler and guest are not verified on real parts: {instead_because}"
            )
        self._progress.doing(f"bringing up the embedded lab with {kind} hosts")

    def pytest_harness_connect(self, endpoint: str) -> None:
        self._progress.doing(f"looking at the cloud at {endpoint}")

    def pytest_harness_begin(self, count: int) -> None:
        self._progress.begin(count)

    def pytest_harness_running(self, case_id: str) -> None:
        if self._interruptions is not None:
            self._interruptions.heed()
        self._progress.running(case_id)

    def pytest_harness_end(self) -> None:
        if self._interruptions is not None:
            self._interruptions.end()

    def pytest_harness_step(self, case_id: str, step: Step) -> None:
        self._progress.step(case_id, step)

    def pytest_harness_case(self, record: CaseRecord) -> None:
        self._progress.case(record)

    def pytest_harness_take_back(self, change: str, left: int) -> None:
        self._progress.take_back(change, left)


class ChangesPlugin:
    """Tells what a run on a twin changes, case by case."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self.config: pytest.Config | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        self.config = config

    def tell(self) -> None:
        for line in self._twin.told():
            print(line, flush=True)

    def pytest_harness_running(self, case_id: str) -> None:  # noqa: ARG002
        self.tell()

    def pytest_harness_case(self, record: CaseRecord) -> None:
        print(f"{record.id} {record.title}")
        self.tell()
        if record.outcome not in (Outcome.PASSED, Outcome.KNOWN_DEFECT):
            why = record.reason or "what comes after a difference is not told"
            print(f"({record.id}: {record.outcome.value}: {why})")


def testcases_folder() -> Path:
    """Where the cases are: inside the installed package, or beside it in a checkout."""
    package = Path(harness.__file__).parent
    inside = package / "testcases"
    return inside if inside.is_dir() else package.parent / "testcases"


@dataclass(frozen=True)
class RunOptions:
    """What `cs-harness verify` was asked for. Names are those of the pytest plugin's options."""

    cloud: Path | None = None
    marvin_config: Path | None = None
    hosts: str = "auto"
    select: str | None = None
    release: str | None = None
    latency: str = "instant"
    clock: str = "wall"
    mended: bool = False
    expect_release: str | None = None
    require: str | None = None
    allow_unverified: str | None = None
    shuffle: int | None = None
    like: Path | None = None
    wait_for_lock: float = 0.0
    dry_run: bool = False
    results_only: bool = False
    quarantine: Path | None = None
    state: Path = Path(".lab")
    reports: Path = Path("reports")

    def arguments(self) -> list[str]:
        """As pytest takes them."""
        given = {field.name.replace("_", "-"): getattr(self, field.name) for field in fields(self)}
        flags = [f"--{name}" for name, value in given.items() if value is True]
        valued = {name: value for name, value in given.items() if value is not None and not isinstance(value, bool)}
        return flags + [f"--{name}={value}" for name, value in valued.items()]


def default_workers(options: RunOptions) -> int:
    """How many processes suit: cases wait for the cloud most of the time, in an instant lab they hardly wait.

    There the lab's own process is busy half of the time, and a few cases are over before a second worker is up.
    """
    at_once = options.hosts == "simulated" and options.latency == "instant"
    if at_once and options.cloud is None and options.marvin_config is None:
        return 3 if options.select in (None, FULL) else 1
    return 4


def run_cases(
    options: RunOptions, *, workers: int | None, as_json: bool, interruptions: Interruptible | None = None
) -> int:
    """Run the cases, print the result, and return the exit code: 0 as predicted, 1 findings, 2 could not run.

    A dry run has nothing to report: it tells what it changes on a twin of the cloud, in the order of the cases.
    """
    if options.dry_run:
        return _tell_changes(options)
    return _run(options, workers=workers, as_json=as_json, interruptions=interruptions)


def run_silently(options: RunOptions) -> int:
    """Run the cases in this process one after the other and print nothing; gives pytest's exit code.

    This is done again and again, so it goes without what takes as long as a case: collecting the cases of other
    sections, and garbage, five times at the end of a run.
    """
    arguments = _pytest_arguments(options, _modules_of(options.select or FULL))
    return int(pytest.main([*arguments, "-p", "no:unraisableexception"]))


def _modules_of(select: str) -> list[Path]:
    """Where the cases of these sections are, or all of them where that cannot be told by a section's name."""
    folder = testcases_folder()
    sections = {each.strip().split("-", 1)[0].lower() for each in select.split(",")}
    found = [sorted(folder.glob(f"test_{each}_*.py")) for each in sorted(sections)]
    return [module for modules in found for module in modules] if all(found) else [folder]


def _pytest_arguments(options: RunOptions, where: Sequence[Path] = ()) -> list[str]:
    folder = testcases_folder()
    arguments = [*map(str, where or [folder]), "--rootdir", str(folder), "--config-file", "/dev/null"]
    return [*arguments, "-p", "no:terminal", "-p", "no:cacheprovider", *options.arguments()]


def _tell_changes(options: RunOptions) -> int:
    from harness.marvin.environment import environment_in, environment_of
    from harness.twin import twin_of

    with tempfile.TemporaryDirectory(prefix="cs-harness-dry-run-") as scratch:
        environment = environment_in(options.cloud) if options.cloud is not None else None
        if options.marvin_config is not None:
            environment = environment_of(options.marvin_config, None)
        release = options.expect_release or options.release
        with twin_of(environment, Path(scratch), release, leave_settings=options.select == SMOKE) as twin:
            on_twin = replace(
                options, cloud=twin.file, marvin_config=None, reports=Path(scratch, "reports"), results_only=True
            )
            teller = ChangesPlugin(twin)
            pytest.main(_pytest_arguments(replace(on_twin, dry_run=False)), plugins=[teller])
            verification = teller.config.stash.get(VERIFICATION, None) if teller.config is not None else None
        if verification is None:
            return 2
        teller.tell()
        if verification.folder.record.could_not_run is not None:
            print(f"cs-harness: {verification.folder.record.could_not_run}", file=sys.stderr)
            return 2
        print("nothing was changed: this is what the same run changes on a simulated lab that is made like the cloud")
        return 0


def _run(options: RunOptions, *, workers: int | None, as_json: bool, interruptions: Interruptible | None) -> int:
    # Where that fails pytest, which prints nothing here, could not say so.
    options.reports.mkdir(parents=True, exist_ok=True)
    arguments = _pytest_arguments(options)
    workers = workers or default_workers(options)
    if workers > 1:
        arguments += ["-n", str(workers), "--dist", "loadscope"]
    console = Console(stderr=as_json)
    if not console.is_terminal:
        # Nothing there wraps lines for us, and nobody reads them at a width of 80.
        console.width = 140
    with Progress(console) as progress:
        follower = ConsolePlugin(progress, interruptions)
        exit_code = int(pytest.main(arguments, plugins=[follower]))
    verification = follower.config.stash.get(VERIFICATION, None) if follower.config is not None else None
    if verification is None:
        return 2
    record = verification.folder.record
    if record.could_not_run is not None and not record.cases:
        print(f"cs-harness: {record.could_not_run}", file=sys.stderr)
    elif as_json:
        sys.stdout.write(record.model_dump_json(indent=2) + "\n")
    else:
        print_result(console, record, verification.folder.path)
    for line in follower.config.stash.get(TOLD, []) if follower.config is not None else []:
        print(line, file=sys.stderr)
    if options.quarantine is not None:
        return exit_code if exit_code in (0, 1) else 2
    return record.exit_code or (0 if exit_code == 0 else 2)
