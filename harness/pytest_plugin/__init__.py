"""The pytest door: options, markers and hooks. Active only for tests marked `case`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.errors import HarnessError

# This package is loaded by every pytest of its environment, so what a run needs is imported when there is one.
from harness.pytest_plugin import cases, loop, parallel
from harness.pytest_plugin.cases import case_id, stage

if TYPE_CHECKING:
    from harness.run.record import CaseRecord
    from harness.run.steps import Step

__all__ = ["case_id", "stage"]

# Its options are beside ours, and what it does waits for --with-marvin.
pytest_plugins = ["harness.marvin.plugin"]

MARKERS = (
    "case(id): a case of the live-scaling matrix, under the matrix's id",
    'alone(place, hosts=1): holds the "cluster" or the "zone" alone and may change its settings; hosts: how many usable'
    " ones the cluster must have",
    "zone_settings(values): runs while these settings of the zone have these values, together with cases of the same",
    "smoke: one of the few cases of a section that --select smoke runs",
)


class Listeners:
    """Hooks that the console implements to follow a run."""

    @pytest.hookspec
    def pytest_harness_lab(self, kind: str, instead_because: str | None) -> None:
        """An embedded lab is about to come up; `instead_because` says why its hosts are not KVM where they might be."""

    @pytest.hookspec
    def pytest_harness_connect(self, endpoint: str) -> None:
        """The run is about to look at the cloud."""

    @pytest.hookspec
    def pytest_harness_begin(self, count: int) -> None:
        """That many cases are about to run."""

    @pytest.hookspec
    def pytest_harness_running(self, case_id: str) -> None:
        """A case begins, here or in another process."""

    @pytest.hookspec
    def pytest_harness_step(self, case_id: str, step: Step) -> None:
        """A step of a case of this process begins (seconds None) or has ended."""

    @pytest.hookspec
    def pytest_harness_case(self, record: CaseRecord) -> None:
        """A case has ended and is in the record."""

    @pytest.hookspec
    def pytest_harness_end(self) -> None:
        """No more cases begin; what is left is taken back and reported."""

    @pytest.hookspec
    def pytest_harness_take_back(self, change: str, left: int) -> None:
        """At the end of the run something is about to be taken back; so many things are left, it among them."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Listeners)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cs-harness", "live scaling of CloudStack instances on KVM")
    group.addoption("--cloud", metavar="FILE", help="environment file of a cloud (default: an embedded lab)")
    group.addoption("--hosts", choices=["kvm", "simulated", "auto"], default="auto", help="the embedded lab's hosts")
    group.addoption("--select", metavar="IDS", help='"smoke", "full", or ids of cases, comma separated, with * and ?')
    group.addoption("--release", metavar="X.Y", help="the embedded lab's release (default 4.23)")
    group.addoption("--latency", metavar="NAME|FILE", default="instant", help="how long the embedded lab's jobs take")
    group.addoption("--clock", choices=["wall", "virtual"], default="wall", help="the embedded lab's clock")
    group.addoption("--mended", action="store_true", help="the embedded lab has no known defects of its release")
    group.addoption("--expect-release", metavar="X.Y", help="fail unless the cloud says and behaves like this release")
    group.addoption("--require", metavar="WHAT", help="layers, ids, sections that must be verified, comma separated")
    group.addoption("--allow-unverified", metavar="SECTIONS", help="sections of which nothing need be verified, or all")
    group.addoption("--quarantine", metavar="FILE", help="file of known failures, which do not count until they expire")
    group.addoption("--shuffle", metavar="SEED", type=int, help="run the cases in an order drawn from this seed")
    group.addoption("--like", metavar="RUN", help="each case on the host where it was in that run, if it suits it")
    told = "how long to wait for another run that may change the zone's settings (default: not at all)"
    group.addoption("--wait-for-lock", metavar="SECONDS", type=float, default=0.0, help=told)
    group.addoption(
        "--results-only", action="store_true", help="write results.json, no other form of the run, no evidence"
    )
    group.addoption("--state", metavar="DIR", default=".lab", help="where labs keep their files (default: .lab)")
    group.addoption("--reports", metavar="DIR", default="reports", help="where runs land (default: reports)")


def pytest_configure(config: pytest.Config) -> None:
    for marker in MARKERS:
        config.addinivalue_line("markers", marker)
    for part in (cases, loop):
        config.pluginmanager.register(part)
    if config.pluginmanager.hasplugin("xdist"):
        config.pluginmanager.register(parallel)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not any(map(case_id, items)):
        return
    from harness.pytest_plugin.order import arranged, chosen

    try:
        wanted = chosen(config.getoption("select"), items)
    except HarnessError as wrong:
        raise pytest.UsageError(str(wrong)) from None
    left = [item for item in items if item not in wanted]
    if left:
        config.hook.pytest_deselected(items=left)
    items[:] = arranged(wanted, config.getoption("shuffle"), by_section=loop.goes_by_section(config))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    verification = terminalreporter.config.stash.get(cases.VERIFICATION, None)
    if verification is None:
        return
    from harness.report.console import plain_summary

    terminalreporter.section("live scaling")
    for line in plain_summary(verification.folder.record, verification.folder.path):
        terminalreporter.write_line(line)
    for line in terminalreporter.config.stash.get(cases.TOLD, []):
        terminalreporter.write_line(line)
