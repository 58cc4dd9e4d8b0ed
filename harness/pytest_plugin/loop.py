"""The run around the cases: the cloud is reached before the first and left as it was after the last."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError
from harness.marvin.plugin import marvin_config
from harness.pytest_plugin.cases import CASE, CONTEXT, QUARANTINE, RECORD, TOLD, VERIFICATION, begun, case_id, claim_of
from harness.pytest_plugin.parallel import joined, workers_of
from harness.run.holds import ALONE_IN_THE_ZONE

if TYPE_CHECKING:
    from harness.run.record import CaseRecord
    from harness.run.verification import Verification


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    config = session.config
    if config.option.collectonly:
        return (yield)
    if hasattr(config, "workerinput"):
        with joined(config) if any(map(case_id, session.items)) else nullcontext():
            return (yield)
    if workers_of(config) is not None:
        # xdist leaves collecting to its workers; here it tells how many cases there are and what they claim.
        session.perform_collect()
    cases = {item.nodeid: item for item in session.items if case_id(item)}
    if not cases:
        return (yield)
    try:
        with ExitStack() as stack:
            try:
                _begin(config, stack, cases)
                return (yield)
            finally:
                config.hook.pytest_harness_end()
    except HarnessError as failure:
        raise pytest.exit.Exception(str(failure), returncode=2) from None


def _begin(config: pytest.Config, stack: ExitStack, cases: dict[str, pytest.Item]) -> None:
    from harness.report.quarantine import read_quarantine
    from harness.report.reading import homes_of
    from harness.run.requirements import check, forgiven, unmet, words
    from harness.run.verification import Verification

    hook = config.hook
    verification = stack.enter_context(
        Verification(
            Path(config.getoption("reports")),
            lambda change, left: hook.pytest_harness_take_back(change=str(change), left=left),
        )
    )
    config.stash[VERIFICATION] = verification
    verification.keeps_evidence = not config.getoption("results_only")
    if config.getoption("quarantine") is not None:
        config.stash[QUARANTINE] = read_quarantine(Path(config.getoption("quarantine")))
    record = verification.folder.record
    record.selection = config.getoption("select")
    record.shuffle_seed = config.getoption("shuffle")
    if config.getoption("like") is not None:
        verification.homes = homes_of(Path(config.getoption("like")))
    ids = [case_id(item) or "" for item in cases.values()]
    required = words(config.getoption("require"))
    check(required, ids)
    record.forgiven = forgiven(config.getoption("allow_unverified"), ids)
    stack.callback(lambda: record.unmet.extend(unmet(required, record.cases)))
    workers = workers_of(config)
    if workers is None:
        _connect(config, stack)
    else:
        record.workers = workers.count
        chains = {} if goes_by_section(config) else {name: claim_of(item).chain for name, item in cases.items()}
        workers.chains = {name: chain for name, chain in chains.items() if chain}
        with workers.inviting(verification):
            _connect(config, stack)
        if record.shuffle_seed is None:
            clusters = verification.context.session.inventory.clusters
            workers.beginning = _beginning(cases, workers.chains, len(clusters))
    config.stash[CONTEXT] = verification.context
    follower = Follower(config, verification, cases)
    config.pluginmanager.register(follower)
    stack.callback(follower.end)
    config.hook.pytest_harness_begin(count=len(cases))


def _beginning(cases: Mapping[str, pytest.Item], chains: Mapping[str, str], clusters: int) -> list[str]:
    """The chains, and cases of none, that begin before all others, where the usual order wastes time.

    Where each chain has a cluster and one is left to share, no chain needs to wait for its turn: all begin as soon as
    the zone is as they presume it.
    """
    in_clusters = dict.fromkeys(chain for chain in chains.values() if chain != ALONE_IN_THE_ZONE)
    if clusters <= len(in_clusters):
        return []
    in_the_zone = [chain for chain in chains.values() if chain == ALONE_IN_THE_ZONE]
    other_terms = [name for name, item in cases.items() if name not in chains and claim_of(item).zone_settings]
    return list(dict.fromkeys([*in_the_zone, *other_terms, *in_clusters]))


def goes_by_section(config: pytest.Config) -> bool:
    """Whether the cases of a section run before those of the next, because it is told for each which code ran."""
    from harness.marvin.environment import environment_in

    if config.getoption("cloud") is None:
        return False
    try:
        return environment_in(Path(config.getoption("cloud"))).coverage is not None
    except HarnessError:
        # What is wrong with the file is told where the run begins.
        return False


def _connect(config: pytest.Config, stack: ExitStack) -> None:
    """Reach the cloud that the options name, or bring an embedded lab up for the time of the run."""
    from harness.marvin.environment import environment_in, environment_of
    from harness.run.environment import load
    from harness.run.selection import SMOKE, require_release

    verification = config.stash[VERIFICATION]
    cloud_file, marvin_file = config.getoption("cloud"), marvin_config(config)
    release, expected = config.getoption("release"), config.getoption("expect_release")
    for option, version in (("--release", release), ("--expect-release", expected)):
        if version is not None:
            require_release(option, version)
    hook = config.hook
    if cloud_file is not None:
        environment = environment_in(Path(cloud_file))
    elif marvin_file is not None:
        environment = environment_of(marvin_file, config.getoption("zone"))
    else:
        from harness.lab.control import choose_hosts, embedded_lab
        from harness.lab.options import DEFAULT_RELEASE, LabOptions

        choice = choose_hosts(config.getoption("hosts"))
        hook.pytest_harness_lab(kind=choice.kind, instead_because=choice.instead_because)
        options = LabOptions(config.getoption("latency"), config.getoption("clock"), config.getoption("mended"))
        lab = embedded_lab(Path(config.getoption("state")), choice.kind, release or DEFAULT_RELEASE, options)
        environment = load(stack.enter_context(lab))
        # The session's connections and settings end before the lab does.
        stack.callback(verification.close)
    hook.pytest_harness_connect(endpoint=environment.api.endpoint)
    verification.connect(
        environment,
        expected or (release if cloud_file or marvin_file else None),
        leave_settings=config.getoption("select") == SMOKE,
        wait_for_lock_s=config.getoption("wait_for_lock"),
    )


class Follower:
    """Keeps the record while cases run, in this process or in workers."""

    def __init__(self, config: pytest.Config, verification: Verification, cases: dict[str, pytest.Item]) -> None:
        self._config = config
        self._verification = verification
        self._cases = cases
        self._running: dict[str, pytest.Item] = {}

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        if nodeid in self._cases:
            self._running[nodeid] = self._cases[nodeid]
            self._config.hook.pytest_harness_running(case_id=case_id(self._cases[nodeid]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        from harness.run.record import CaseRecord

        if hasattr(report, RECORD):
            del self._running[report.nodeid]
            self._add(CaseRecord.model_validate(getattr(report, RECORD)))
        elif report.when not in ("setup", "call", "teardown") and report.nodeid in self._running:
            # What xdist reports for a worker that died.
            case = begun(self._running.pop(report.nodeid))
            case.broke("worker", HarnessError(report.longreprtext))
            self._add(case.record(self._verification.context))

    def end(self) -> None:
        """End the workers, and give a record to each case that had begun and not ended."""
        self._config.pluginmanager.unregister(self)
        workers = workers_of(self._config)
        if workers is not None:
            workers.end()
        for item in self._running.values():
            self._add((item.stash.get(CASE, None) or begun(item)).record(self._verification.context))

    def _add(self, record: CaseRecord) -> None:
        self._verification.add(record)
        self._config.hook.pytest_harness_case(record=record)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that proved nothing is no success, whatever pytest counted. The reports are written."""
    config = session.config
    verification = config.stash.get(VERIFICATION, None)
    if verification is None:
        return
    from harness.report.forms import write_all
    from harness.report.quarantine import exit_code

    entries = config.stash.get(QUARANTINE, ())
    try:
        if not config.getoption("results_only"):
            config.stash[TOLD] = write_all(verification.folder.path, entries)
    except OSError as failure:
        config.stash[TOLD] = [f"the reports cannot be written: {failure.filename}: {failure.strerror}"]
        session.exitstatus = 2
        return
    # Quarantined failures are pytest's all the same.
    if session.exitstatus == pytest.ExitCode.OK or (entries and session.exitstatus == pytest.ExitCode.TESTS_FAILED):
        session.exitstatus = exit_code(verification.folder.record, entries)
