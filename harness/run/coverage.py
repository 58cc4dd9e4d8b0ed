"""Has JaCoCo tell which code of the cloud ran while the cases of a section did, by its own command line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from harness.errors import HarnessError
from harness.run.environment import Coverage, Environment
from harness.run.holds import Holds

FOLDER = "coverage"
RECORDED_FILE = "recorded.json"
NOT_TAKEN_FILE = "not-taken.txt"
# The "section" of what ran before the first case: the programs' start, and the run's own preparations.
BEFORE = "before"
TAKE_SECONDS = 120.0
# Quick to be there: it runs for less than a second.
JAVA = ("java", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")


class NoCoverageError(HarnessError):
    """Execution data cannot be had; the text says of what, and why."""


class Recorded(BaseModel):
    """What a report needs to know of a run's execution data, as it lies beside them."""

    model_config = ConfigDict(extra="forbid")

    jacoco_cli: Path
    servers: dict[str, str]
    classes: tuple[str, ...]
    sources: Path | None


class CoverageRecorder:
    """Takes execution data into `<run>/coverage/<section>/<program>.exec`, from zero each time."""

    def __init__(self, environment: Environment, table: Coverage, run_folder: Path) -> None:
        self._cli = environment.path(table.jacoco_cli)
        self._recorded = Recorded(
            jacoco_cli=self._cli.resolve(),
            servers=table.servers,
            classes=tuple(str(environment.path(Path(entry)).absolute()) for entry in table.classes),
            sources=None if table.sources is None else environment.path(table.sources).resolve(),
        )
        self.folder = run_folder / FOLDER

    def begin(self) -> None:
        """Take what ran before the first case.

        Raises:
            NoCoverageError: a program does not tell.
        """
        self.folder.mkdir()
        text = self._recorded.model_dump_json(indent=2) + "\n"
        (self.folder / RECORDED_FILE).write_text(text, encoding="utf-8")
        failures = self._take(BEFORE)
        if failures:
            raise NoCoverageError(f"[coverage]: {failures[0]}")

    def take(self, section: str) -> None:
        """Take what ran since the last time as the section's. A program that did not tell is written down."""
        failures = self._take(section)
        if failures:
            with (self.folder / NOT_TAKEN_FILE).open("a", encoding="utf-8") as file:
                file.writelines(f"{section}: {failure}\n" for failure in failures)

    def lacking(self) -> list[str]:
        """A line for each time that a program did not tell."""
        file = self.folder / NOT_TAKEN_FILE
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def _take(self, section: str) -> list[str]:
        folder = self.folder / section
        folder.mkdir(exist_ok=True)
        asked = {
            program: subprocess.Popen(
                [*JAVA, "-jar", str(self._cli), *_dump(server, folder / f"{program}.exec")],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
            for program, server in self._recorded.servers.items()
        }
        failures = []
        for program, process in asked.items():
            try:
                said, _ = process.communicate(timeout=TAKE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                said = f"no answer within {TAKE_SECONDS:g} s"
            if process.returncode:
                failures.append(f"JaCoCo of {program} at {self._recorded.servers[program]}: {java_words(said)}")
        return failures


def recorder(environment: Environment, run_folder: Path) -> CoverageRecorder | None:
    """None where the environment file does not say how coverage is had."""
    table = environment.coverage
    return None if table is None else CoverageRecorder(environment, table, run_folder)


@contextmanager
def in_section(section: str, environment: Environment, run_folder: Path, holds: Holds) -> Iterator[None]:
    """While a case runs where coverage is had: what runs is its section's, so cases of other sections wait."""
    recording = recorder(environment, run_folder)
    if recording is None:
        yield
        return
    with holds.section(section, recording.take):
        yield


def java_words(output: str) -> str:
    """The line in which a Java program says why it ended, of all that it said."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    causes = [line for line in reversed(lines) if line.startswith("Caused by:")]
    thrown = [line for line in lines if line.startswith("Exception in")]
    return (causes or thrown or lines or ["it said nothing"])[0][:300]


def _dump(server: str, file: Path) -> list[str]:
    address, _, port = server.rpartition(":")
    return ["dump", "--address", address, "--port", port, "--reset", "--retry", "0", "--destfile", str(file), "--quiet"]
