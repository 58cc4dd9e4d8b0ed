"""The pytest door: options, the `stage` fixture, and the record of each case. Active only for tests marked `case`."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError

# This module is loaded by every pytest of its environment, so what a run needs is imported when there is one.
if TYPE_CHECKING:
    from harness.run.case import Case
    from harness.run.record import CaseRecord
    from harness.run.stage import Stage
    from harness.run.steps import Step
    from harness.run.verification import Verification

VERIFICATION: pytest.StashKey[Verification] = pytest.StashKey()
CASE: pytest.StashKey[Case] = pytest.StashKey()
# Lines that writing the reports left to tell.
TOLD: pytest.StashKey[list[str]] = pytest.StashKey()
MARKERS = (
    "case(id): a case of the live-scaling matrix, under the matrix's id",
    'alone(place, hosts=1): holds the "cluster" or the "zone" alone and may change its settings; hosts: how many usable'
    " ones the cluster must have",
    "zone_settings(values): runs while these settings of the zone have these values, together with cases of the same",
)
DEFAULT_RELEASE = "4.23"


class Listeners:
    """Hooks that the console implements to follow a run."""

    @pytest.hookspec
    def pytest_harness_lab(self, kind: str, instead_because: str | None) -> None:
        """An embedded lab is about to come up; `instead_because` says why its hosts are not KVM where they might be."""

    @pytest.hookspec
    def pytest_harness_connect(self, endpoint: str) -> None:
        """The run is about to look at the cloud."""

    @pytest.hookspec
    def pytest_harness_step(self, case_id: str, step: Step) -> None:
        """A step of a case begins (seconds None) or has ended."""

    @pytest.hookspec
    def pytest_harness_case(self, record: CaseRecord) -> None:
        """A case has ended and is in the record."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Listeners)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cs-harness", "live scaling of CloudStack instances on KVM")
    group.addoption("--cloud", metavar="FILE", help="environment file of a cloud (default: an embedded lab)")
    group.addoption("--hosts", choices=["kvm", "simulated", "auto"], default="auto", help="the embedded lab's hosts")
    group.addoption("--select", metavar="IDS", help="ids of cases, comma separated, with * and ?")
    group.addoption(
        "--release", metavar="X.Y", help="release that the cloud must behave like; the lab's (default 4.23)"
    )
    group.addoption(
        "--latency", metavar="NAME|FILE", default="instant", help="how long the embedded lab's operations take"
    )
    group.addoption("--clock", choices=["wall", "virtual"], default="wall", help="the embedded lab's clock")
    group.addoption("--state", metavar="DIR", default=".lab", help="where labs keep their files (default: .lab)")
    group.addoption("--reports", metavar="DIR", default="reports", help="where runs land (default: reports)")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)


def case_id(item: pytest.Item) -> str | None:
    """The matrix's id of a test, or None for a test that is no case."""
    marker = item.get_closest_marker("case")
    return None if marker is None else str(marker.args[0])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("select")
    if wanted is None:
        return
    from harness.run.selection import select

    ids = [found for found in map(case_id, items) if found is not None]
    try:
        chosen = select(wanted, ids)
    except HarnessError as wrong:
        raise pytest.UsageError(str(wrong)) from None
    left = [item for item in items if case_id(item) not in chosen]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if case_id(item) in chosen]


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    config = session.config
    if config.option.collectonly or not any(case_id(item) for item in session.items):
        return (yield)
    from harness.run.verification import Verification

    try:
        with ExitStack() as stack:
            verification = stack.enter_context(Verification(Path(config.getoption("reports"))))
            config.stash[VERIFICATION] = verification
            _connect(config, verification, stack)
            return (yield)
    except HarnessError as failure:
        raise pytest.exit.Exception(str(failure), returncode=2) from None


def _connect(config: pytest.Config, verification: Verification, stack: ExitStack) -> None:
    """Reach the cloud that the options name, or bring an embedded lab up for the time of the run."""
    from harness.run.environment import load
    from harness.run.selection import require_release

    cloud_file = config.getoption("cloud")
    release = config.getoption("release")
    if release is not None:
        require_release(release)
    hook = config.hook
    if cloud_file is not None:
        environment = load(Path(cloud_file))
    else:
        from harness.lab.control import choose_hosts, embedded_lab
        from harness.lab.options import LabOptions

        choice = choose_hosts(config.getoption("hosts"))
        release = release or DEFAULT_RELEASE
        hook.pytest_harness_lab(kind=choice.kind, instead_because=choice.instead_because)
        options = LabOptions(config.getoption("latency"), config.getoption("clock"))
        lab = embedded_lab(Path(config.getoption("state")), choice.kind, release, options)
        environment = load(stack.enter_context(lab))
        # The session's connections and settings end before the lab does.
        stack.callback(verification.close)
    hook.pytest_harness_connect(endpoint=environment.api.endpoint)
    verification.connect(environment, release)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    name = case_id(item)
    if name is None:
        return (yield)
    from harness.run.case import Case

    hook = item.config.hook
    text = getattr(item, "obj", item).__doc__ or item.name
    case = Case(name, text, item.nodeid, "main", lambda step: hook.pytest_harness_step(case_id=name, step=step))
    item.stash[CASE] = case
    began, started = time.time(), time.monotonic()
    try:
        return (yield)
    finally:
        # After Ctrl-C pytest ends fixtures only when the run, and with it the lab, is over.
        case.close_stage()
        record = item.config.stash[VERIFICATION].add(case, began, time.monotonic() - started)
        hook.pytest_harness_case(record=record)


@pytest.fixture
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The world of one case: offerings, instances and settings that are gone when it ends."""
    verification = request.config.stash[VERIFICATION]
    case = request.node.stash[CASE]
    try:
        yield case.open_stage(verification.session, verification.folder.record.run_id)
    finally:
        case.close_stage()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Turn what a case saw into pytest's verdict: the test's own assertions are only a part of it."""
    case = pyfuncitem.stash.get(CASE, None)
    if case is None:
        return (yield)
    from harness.run.record import Outcome

    try:
        result = yield
    except Exception as raised:
        verdict = case.judge(raised)
        if not isinstance(raised, HarnessError | AssertionError):
            raise
    else:
        verdict = case.judge(None)
    if verdict.outcome is Outcome.PASSED:
        return result
    if verdict.outcome is Outcome.NOT_VERIFIED:
        pytest.skip(f"not verified: {verdict.reason}")
    pytest.fail(case.findings_text() or f"{verdict.outcome}: {verdict.reason}", pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    case = item.stash.get(CASE, None)
    if case is not None and call.excinfo is not None and call.when != "call":
        case.broke(f"{call.when}: {call.excinfo.value}")
    return (yield)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that proved nothing is no success, whatever pytest counted. The reports are written."""
    verification = session.config.stash.get(VERIFICATION, None)
    if verification is None:
        return
    from harness.report.forms import write_all

    session.config.stash[TOLD] = write_all(verification.folder.path)
    if session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = verification.folder.record.exit_code


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    verification = terminalreporter.config.stash.get(VERIFICATION, None)
    if verification is None:
        return
    from harness.report.console import plain_summary

    terminalreporter.section("live scaling")
    for line in plain_summary(verification.folder.record, verification.folder.path):
        terminalreporter.write_line(line)
    for line in terminalreporter.config.stash.get(TOLD, []):
        terminalreporter.write_line(line)
