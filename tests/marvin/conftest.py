"""Runs Marvin-style modules written for these tests in a pytest of their own, against a simulated lab."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.lab.config_files import MARVIN_FILE
from tests.conftest import SimulatedLab


@dataclass(frozen=True)
class MarvinRun:
    """A run that has ended: what pytest printed, and the folder with Marvin's result files."""

    result: pytest.RunResult
    folder: Path

    @property
    def output(self) -> str:
        return self.result.stdout.str()

    def text(self, name: str) -> str:
        return (self.folder / name).read_text()

    def xunit(self, module: str) -> dict[str, str]:
        """What each test of a module came to, by the tag inside its `testcase`, or "passed"."""
        suite = ET.parse(self.folder / "xunit" / f"{module}.xml").getroot()  # noqa: S314 - our own file
        return {case.attrib["name"]: case[0].tag if len(case) else "passed" for case in suite}


RunMarvin = Callable[..., MarvinRun]


@pytest.fixture
def marvin(pytester: pytest.Pytester, lab: SimulatedLab) -> RunMarvin:
    def run(
        *options: str, config: Path | None = None, own: bool = True, strict: bool = True, **modules: str
    ) -> MarvinRun:
        files = [pytester.makepyfile(**{name: source}) for name, source in modules.items()]
        config = config or lab.cloud_file.with_name(MARVIN_FILE)
        arguments = ["--with-marvin", f"--marvin-config={config}", "--log-folder-path=.", "-p", "no:cacheprovider"]
        arguments += ["--marvin-path=own"] if own else []
        result = pytester.runpytest_subprocess(*(["-W", "error"] if strict else []), *arguments, *options, *files)
        folders = sorted((pytester.path / "MarvinLogs").glob("*"))
        return MarvinRun(result, folders[-1] if folders else Path())

    return run
