"""What tests came to, gathered from pytest's reports by module, so that no module is silently absent."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import pytest

# unittest tells failures, which assertions are, from errors; pytest's reports keep only the text of either.
_ASSERTIONS = ("AssertionError", "assert ", "Failed", "contains ")


class Outcome(Enum):
    """As Marvin's users say it: xunit's word and that of `=== TestName: ... | Status : ... ===`."""

    PASSED = "SUCCESS"
    FAILED = "FAILED"
    ERROR = "EXCEPTION"
    SKIPPED = "SKIPPED"


@dataclass
class TestResult:
    """One test, or one subtest that failed.

    `class_name` is dotted; `text` is the traceback or the skip's reason, `message` its one line that matters.
    What has not `ended` has no outcome yet.
    """

    __test__ = False
    name: str
    class_name: str
    outcome: Outcome = Outcome.PASSED
    text: str = ""
    message: str = ""
    seconds: float = 0.0
    ended: bool = True

    @property
    def is_bad(self) -> bool:
        return self.outcome in (Outcome.FAILED, Outcome.ERROR)


@dataclass
class ModuleResults:
    """All tests of one file."""

    file: Path
    tests: dict[str, TestResult] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.file.stem

    def count(self, outcome: Outcome) -> int:
        return sum(test.ended and test.outcome is outcome for test in self.tests.values())

    @property
    def is_bad(self) -> bool:
        return any(test.is_bad for test in self.tests.values())


class Results:
    """Takes pytest's reports as they come."""

    def __init__(self) -> None:
        self.modules: dict[str, ModuleResults] = {}
        self.began = time.time()

    def __iter__(self) -> Iterator[ModuleResults]:
        return iter(sorted(self.modules.values(), key=lambda module: module.file))

    def add_collection(self, report: pytest.CollectReport) -> TestResult | None:
        """A module that could not be imported is an error of its own; None for any other report."""
        if not report.failed:
            return None
        file, _, inside = report.nodeid.partition("::")
        module = self._module(file or "collection")
        if report.nodeid in module.tests:
            # With pytest-xdist several processes collect.
            return None
        name = inside or module.name
        return self._put(module, report.nodeid, _failed(report, Outcome.ERROR, name, module.name))

    def add(self, report: pytest.TestReport) -> TestResult | None:
        """A phase of a test, or a subtest; the result where the test has ended."""
        file, _, inside = report.nodeid.partition("::")
        module = self._module(file)
        *classes, name = inside.split("::")
        class_name = ".".join((module.name, *classes))
        context = getattr(report, "context", None)
        if context is not None:
            # Only a failed subtest is worth a line of its own; the test itself is reported when it ends.
            if not report.failed:
                return None
            parts = [f"[{context.msg}]"] if context.msg else []
            parts += [f"({', '.join(f'{key}={value}' for key, value in context.kwargs.items())})"]
            label = " ".join((name, *parts))
            failed = _failed(report, Outcome.FAILED, label, class_name)
            failed.seconds = report.duration
            whole = module.tests.setdefault(report.nodeid, TestResult(name, class_name, ended=False))
            whole.outcome, whole.text, whole.message = Outcome.FAILED, failed.text, f"subtest failed: {label}"
            return self._put(module, f"{report.nodeid} {label} {len(module.tests)}", failed)
        result = module.tests.setdefault(report.nodeid, TestResult(name, class_name, ended=False))
        result.seconds += report.duration
        if report.failed:
            failed_itself = report.when == "call" and _message(report).startswith(_ASSERTIONS)
            outcome = Outcome.FAILED if failed_itself else Outcome.ERROR
            result.outcome, result.text, result.message = outcome, str(report.longrepr), _message(report)
        elif report.skipped and not result.is_bad:
            result.outcome = Outcome.SKIPPED
            result.text = result.message = _reason(report)
        if report.when != "teardown":
            return None
        result.ended = True
        return result

    def cut_off(self) -> list[TestResult]:
        """What was running when the run was ended is an error, and no success; returns those."""
        running = [test for module in self for test in module.tests.values() if not test.ended]
        for test in running:
            test.ended, test.outcome = True, Outcome.ERROR
            test.message = test.text = "the run was ended during this test"
        return running

    def module_of(self, node_id: str) -> ModuleResults:
        """That of a report; one without a file is that of collection itself."""
        return self._module(node_id.partition("::")[0] or "collection")

    def _module(self, file: str) -> ModuleResults:
        return self.modules.setdefault(file, ModuleResults(Path(file)))

    def _put(self, module: ModuleResults, key: str, result: TestResult) -> TestResult:
        module.tests[key] = result
        return result


def _failed(
    report: pytest.CollectReport | pytest.TestReport, outcome: Outcome, name: str, class_name: str
) -> TestResult:
    return TestResult(name, class_name, outcome, str(report.longrepr), _message(report))


def _message(report: pytest.CollectReport | pytest.TestReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    if crash is not None:
        return str(crash.message)
    # What failed outside any Python code, or while it was imported, has its reason in its last line.
    lines = [line.removeprefix("E").strip() for line in str(report.longrepr).splitlines() if line.strip()]
    return lines[-1] if lines else ""


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    return str(report.longrepr)
