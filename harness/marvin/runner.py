"""Runs Marvin test modules under pytest: selects them, gives them their clients, writes what Marvin's users expect."""

from __future__ import annotations

import sys
import time
import unittest
import warnings
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from harness.errors import HarnessError
from harness.marvin import leftovers, result_files
from harness.marvin import source as sources
from harness.marvin.attributes import Selection
from harness.marvin.catalogue import ApiCommand, Catalogue
from harness.marvin.client import JOB_SECONDS
from harness.marvin.config import MarvinConfig, read
from harness.marvin.imports import MarvinImports
from harness.marvin.naming import take_noses_names
from harness.marvin.plugin import marvin_config
from harness.marvin.results import Results, TestResult
from harness.marvin.waits import FastWaits
from harness.marvin.world import Wishes, World
from harness.run.ledger import LEDGER_FILE, Change, Ledger, LedgerRun, SettingChanged, ThingMade
from harness.run.take_back import take_back
from harness.run.verification import ALIVE_FILE

_COULD_NOT_RUN = 2
# The modules are older than these warnings: about backslashes, `is`, modules that Python dropped, and helper classes
# whose names begin with Test.
_QUIET = (
    "ignore:.*invalid escape sequence",
    'ignore:"is" with',
    "ignore:.*is deprecated and slated for removal:DeprecationWarning",
    "ignore:cannot collect test class:pytest.PytestCollectionWarning",
)


@dataclass(frozen=True)
class _Left:
    """What was there after a module, or after the run: of its own requests, and what else is new; what stayed of it."""

    where: str
    own: list[str]
    others: list[str]
    failures: list[str]

    def lines(self, *, removed: bool) -> Iterator[str]:
        if self.own:
            yield f"{self.where} left {len(self.own)} behind{' (removed)' if removed else ''}:"
            yield from (f"  {line}" for line in self.own)
            yield from (f"  still there: {line}" for line in self.failures)
        if self.others:
            yield f"{self.where}: new in the cloud as well, by none of its requests (left alone):"
            yield from (f"  {line}" for line in self.others)


class MarvinRunner:
    """A pytest plugin for one session; registered by --with-marvin."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._options = config.option
        self._worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        # A module that cannot be imported is an error of its own and does not keep the others from running.
        config.option.continue_on_collection_errors = True
        for line in _QUIET:
            config.addinivalue_line("filterwarnings", line)
        try:
            named = [Path(argument.partition("::")[0]) for argument in config.args]
            self._source = sources.find(
                self._options.marvin_path, [config.invocation_params.dir / each for each in named]
            )
            self._selection = Selection(self._options.attr, self._options.eval_attr)
        except HarnessError as wrong:
            raise pytest.UsageError(str(wrong)) from None
        self._imports = MarvinImports(self._source, self._describe)
        self._imports.begin()
        self._stack = ExitStack()
        self._world: World | None = None
        self._catalogue: Catalogue | None = None
        self._waits = FastWaits() if self._options.fast_waits else None
        self._prepared: set[str] = set()
        self._module: str | None = None
        self._census: leftovers.Census | None = None
        self._left: list[_Left] = []
        self._results = Results()
        self._folder: Path | None = None
        self._log: result_files.RunLog | None = None
        self._on_lab = False
        self._result_log: result_files.ResultLog | None = None
        self._xunit: result_files.XunitFiles | None = None

    # What pytest shows and which tests it takes.

    def pytest_report_header(self) -> list[str]:
        return [self._source.line]

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self) -> Generator[None, object, object]:
        collector = yield
        take_noses_names(collector)
        return collector

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        try:
            chosen = [item for item in items if self._takes(item)]
        except HarnessError as wrong:
            raise pytest.UsageError(str(wrong)) from None
        if len(chosen) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
            items[:] = chosen

    def _takes(self, item: pytest.Item) -> bool:
        if not isinstance(item, pytest.Function):
            return True
        return self._selection.takes(item.function, item.cls)

    # A run: the cloud, a set-up for each class, a census for each module.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        if session.config.option.collectonly:
            return (yield)
        try:
            self._open(with_cloud=any(map(_test_class, session.items)))
            if self._world is not None and not self._is_controller:
                with warnings.catch_warnings():
                    # What Marvin imports here is outside of pytest's own care for warnings.
                    warnings.simplefilter("ignore")
                    self._world.start()
            if self._is_controller and self._looks_for_leftovers and self._world is not None:
                # Workers run modules side by side, so what is left cannot be told by module.
                self._census = self._take_census(self._world)
                result = yield
                self._look_for_leftovers("the run")
                return result
            return (yield)
        except HarnessError as failure:
            raise pytest.exit.Exception(str(failure), returncode=_COULD_NOT_RUN) from None
        finally:
            self._close()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        world, cls = self._world, _test_class(item)
        if world is None or cls is None:
            return
        if self._waits is not None:
            self._replace_sleeps(self._waits, item.module)  # type: ignore[attr-defined]
        if cls.__dict__.get("testClient") is not world.test_client:
            world.inject(cls)
        world.test_client.identifier = f"{cls.__name__}-{item.name}"
        world.logger.debug("::::::::::::STARTED : TC: %s :::::::::::", item.name)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        module = item.nodeid.partition("::")[0]
        if self._world is None:
            return (yield)
        self._world.made().module = module
        if self._worker is not None or not self._looks_for_leftovers:
            return (yield)
        if module != self._module:
            self._module, self._census = module, self._take_census(self._world)
        result = yield
        if nextitem is None or nextitem.nodeid.partition("::")[0] != module:
            self._look_for_leftovers(module)
        return result

    @property
    def _looks_for_leftovers(self) -> bool:
        return bool(self._options.leftovers != "ignore")

    def _look_for_leftovers(self, where: str) -> None:
        """What a module's requests made and set is its own; of what else is new nobody knows whose it is."""
        world, before = self._world, self._census
        if world is None or before is None:
            return
        module = None if self._is_controller else where
        now = self._take_census(world)
        new = before.new_in(now)
        world.made().reconcile(module, now, [(thing.kind, thing.id) for thing in new])
        lines = world.ledger.unsettled(module)
        by_requests = {_key(line.change) for line in world.ledger.unsettled()}
        others = [thing for thing in new if (thing.kind, thing.id) not in by_requests]
        failures = take_back(world.api(), JOB_SECONDS, world.ledger, module) if self._removes else []
        if lines or others:
            self._left.append(_Left(where, [str(line.change) for line in lines], list(map(str, others)), failures))

    def _take_census(self, world: World) -> leftovers.Census:
        return leftovers.census(world.api(), lambda command: self._describe(command) is not None)

    def _replace_sleeps(self, waits: FastWaits, test_module: Any) -> None:
        if not self._prepared:
            waits.into_connection(sys.modules["marvin.cloudstackConnection"].CSConnection)
            waits.into_ssh(import_module("marvin.sshClient").SshClient)
        for name, module in list(sys.modules.items()):
            if name not in self._prepared and (name.startswith("marvin.") or module is test_module):
                self._prepared.add(name)
                waits.into_module(module)

    # What the commands of the cloud are, for modules that are made on the fly.

    def _describe(self, name: str) -> ApiCommand | None:
        if self._world is None:
            return None
        if self._catalogue is None:
            from harness.lab.cache import cache_dir

            cache = None if self._world.is_local else cache_dir() / "apis"
            self._catalogue = Catalogue(self._world.api, cache)
        return self._catalogue.command(name)

    # Results.

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._ended(report.nodeid, self._results.add_collection(report))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._ended(report.nodeid, self._results.add(report))

    def _ended(self, node_id: str, result: TestResult | None) -> None:
        if result is not None and self._result_log is not None and self._xunit is not None:
            self._result_log.ended(result)
            self._xunit.write(self._results.module_of(node_id))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._folder is None:
            return
        terminalreporter.section("Marvin")
        for left in self._left:
            for line in left.lines(removed=self._removes):
                terminalreporter.write_line(line)
        if self._waits is not None:
            terminalreporter.write_line(self._waits.saving.line)
        terminalreporter.write_line(f"results: {self._folder}")

    @property
    def _removes(self) -> bool:
        return bool(self._options.leftovers == "remove")

    def pytest_unconfigure(self) -> None:
        self._close()
        self._imports.end()

    # pytest-xdist: one class is one piece of work, since its tests share what its set-up made.

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        return import_module("xdist.scheduler").LoadScopeScheduling(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        try:
            self._open(with_cloud=True)
        except HarnessError as failure:
            raise pytest.exit.Exception(str(failure), returncode=_COULD_NOT_RUN) from None
        if self._world is not None:
            node.workerinput["marvin_folder"] = str(self._folder)
            node.workerinput["marvin_config"] = str(self._world.config.file)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        if self._worker is not None and self._waits is not None:
            saving = self._waits.saving
            output: dict[str, Any] = self._config.workeroutput  # type: ignore[attr-defined]
            output["marvin_saving"] = (saving.sleeps, saving.asked_s, saving.taken_s)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        saved = getattr(node, "workeroutput", {}).get("marvin_saving")
        if saved is not None and self._waits is not None:
            self._waits.saving.add(saved[1], saved[2], sleeps=saved[0])

    # Beginning and end.

    @property
    def _is_controller(self) -> bool:
        """Whether workers of pytest-xdist run the tests."""
        return self._worker is None and getattr(self._options, "dist", "no") != "no"

    def _open(self, *, with_cloud: bool) -> None:
        if self._worker is not None:
            self._folder = Path(self._worker["marvin_folder"])
            file: Path | None = Path(self._worker["marvin_config"])
        elif self._folder is None:
            file = self._config_file(with_cloud=with_cloud)
            configured = read(file) if file is not None else None
            self._folder = result_files.new_folder(self._base(configured))
        else:
            return
        self._log = result_files.RunLog(self._folder)
        self._stack.callback(self._log.close)
        if self._worker is None:
            self._result_log = result_files.ResultLog(self._folder, self._log)
            self._xunit = result_files.XunitFiles(self._folder)
            for module in self._results:
                self._xunit.write(module)
                for early in module.tests.values():
                    self._result_log.ended(early)
        if file is not None and with_cloud:
            ledger = Ledger(self._folder / LEDGER_FILE)
            self._world = World(read(file), self._wishes(), self._log.logger, ledger)
            endpoint = self._world.api().endpoint
            if self._worker is None:
                alive = FileLock(self._folder / ALIVE_FILE)
                alive.acquire(timeout=0)
                self._stack.callback(alive.release)
                ledger.describe(LedgerRun(self._folder.name, endpoint, file.absolute(), self._on_lab))

    def _config_file(self, *, with_cloud: bool) -> Path | None:
        """The configuration that is named, or an embedded lab's."""
        named = marvin_config(self._config)
        if named is not None:
            return named
        if not with_cloud:
            return None
        from harness.lab.config_files import MARVIN_FILE
        from harness.lab.control import choose_hosts, embedded_lab
        from harness.lab.options import DEFAULT_RELEASE, LabOptions

        self._on_lab = True
        options = self._options
        kind = choose_hosts(options.hosts).kind
        lab_options = LabOptions(options.latency, options.clock, options.mended)
        lab = embedded_lab(Path(options.state), kind, options.release or DEFAULT_RELEASE, lab_options)
        return self._stack.enter_context(lab).with_name(MARVIN_FILE)

    def _base(self, config: MarvinConfig | None) -> Path:
        return Path(self._options.log_folder_path or (config.logger.folder if config else None) or ".")

    def _wishes(self) -> Wishes:
        return Wishes(self._options.zone, self._options.hypervisor, self._options.deploy)

    def _close(self) -> None:
        if self._worker is None and self._folder is not None and self._log is not None:
            cut_off = self._results.cut_off()
            if self._xunit is not None and self._result_log is not None:
                for test in cut_off:
                    self._result_log.ended(test)
                for module in self._results:
                    self._xunit.write(module)
            seconds = time.time() - self._results.began
            table = result_files.trillian_table(self._results, self._environment(), self._folder, seconds)
            (self._folder / "trillian.txt").write_text(table, encoding="utf-8")
        self._log = None
        self._stack.close()

    def _environment(self) -> str:
        world = self._world
        if world is None:
            return "none"
        hosts = sum(len(cluster.hosts) for cluster in world.config.clusters())
        zone = world.config.zone(self._options.zone)
        hypervisor = (self._options.hypervisor or world.config.hypervisor() or "?").lower()
        return f"{hypervisor} (x{hosts}), zone: {zone.network_type} Networking"


def _key(change: Change) -> tuple[str, str]:
    """By which a census knows it."""
    match change:
        case ThingMade(thing=kind, id=id):
            return kind, id or ""
        case SettingChanged(name=name):
            return "setting", name
        case _:
            raise TypeError(f"no module of Marvin's makes a {change.kind}")


def _test_class(item: pytest.Item) -> type[unittest.TestCase] | None:
    cls = getattr(item, "cls", None)
    return cls if cls is not None and issubclass(cls, unittest.TestCase) else None
