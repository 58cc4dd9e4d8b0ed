"""The files that Marvin's users and Trillian's scripts look for, in a folder of its own for each run.

runinfo.txt has everything that was logged, failed_plus_exceptions.txt only what went wrong (Trillian takes a run for
good where it is empty), results.txt a line for each test, xunit/ a file for each module, trillian.txt the table of its
comment.
"""

from __future__ import annotations

import logging
import secrets
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path

from harness.marvin.results import ModuleResults, Outcome, TestResult
from harness.report.trillian import FileCounts, Header, Row, Word, comment

LOGGER = "CSLog"
_FORMAT = logging.Formatter("%(asctime)s - %(levelname)s - %(message)s")
_TAGS = {Outcome.FAILED: "failure", Outcome.ERROR: "error", Outcome.SKIPPED: "skipped"}
_WORDS = {Outcome.FAILED: Word.FAILURE, Outcome.ERROR: Word.ERROR, Outcome.SKIPPED: Word.SKIPPED}
# What XML 1.0 cannot hold, such as the escapes of coloured output.
_NOT_XML = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 65534, 65535), "�")


def new_folder(base: Path) -> Path:
    """`<base>/MarvinLogs/<time>_<random>`, made."""
    folder = base / "MarvinLogs" / f"{time.strftime('%b_%d_%Y_%H_%M_%S')}_{secrets.token_hex(3).upper()}"
    folder.mkdir(parents=True)
    return folder


class RunLog:
    """Marvin's logger with its two files; several processes may append to them."""

    def __init__(self, folder: Path) -> None:
        self.logger = logging.getLogger(LOGGER)
        self.logger.setLevel(logging.DEBUG)
        self._handlers = []
        for name, level in (("runinfo.txt", logging.DEBUG), ("failed_plus_exceptions.txt", logging.FATAL)):
            handler = logging.FileHandler(folder / name)
            handler.setFormatter(_FORMAT)
            handler.setLevel(level)
            self.logger.addHandler(handler)
            self._handlers.append(handler)

    def close(self) -> None:
        for handler in self._handlers:
            self.logger.removeHandler(handler)
            handler.close()


class ResultLog:
    """results.txt, written as tests end, and a line of each bad one in the log."""

    def __init__(self, folder: Path, log: RunLog) -> None:
        self._file = folder / "results.txt"
        self._file.touch()
        self._log = log

    def ended(self, test: TestResult) -> None:
        with self._file.open("a", encoding="utf-8") as file:
            file.write(f"=== TestName: {test.name} | Status : {test.outcome.value} ===\n")
        if test.is_bad:
            self._log.logger.fatal("%s: %s: %s", test.outcome.value, test.name, test.text)


class XunitFiles:
    """`xunit/<module>.xml` for each module, as nose writes them; modules of one name get numbers.

    A file is written anew after each test, so that a killed run leaves those of what it came to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "xunit"
        self._folder.mkdir(exist_ok=True)
        self._files: dict[Path, Path] = {}

    def write(self, module: ModuleResults) -> None:
        file = self._files.get(module.file) or self._free(module.name)
        self._files[module.file] = file
        fresh = file.with_suffix(".new")
        ET.ElementTree(_suite(module)).write(fresh, encoding="UTF-8", xml_declaration=True)
        fresh.replace(file)

    def _free(self, name: str) -> Path:
        number, file = 1, self._folder / f"{name}.xml"
        while file in self._files.values():
            number += 1
            file = self._folder / f"{name}_{number}.xml"
        return file


def trillian_table(modules: Iterable[ModuleResults], environment: str, logs: Path, seconds: float) -> str:
    """The comment that Trillian leaves at a pull request: counts of files, and each test that did not pass."""
    listed = list(modules)
    bad = sum(module.is_bad for module in listed)
    not_run = sum(not module.is_bad and module.count(Outcome.PASSED) == 0 for module in listed)
    rows = [
        Row(
            test.name, _WORDS[test.outcome], None if test.outcome is Outcome.SKIPPED else test.seconds, module.file.name
        )
        for module in listed
        for test in module.tests.values()
        if test.outcome is not Outcome.PASSED
    ]
    header = Header(logs.name, environment, seconds, str(logs))
    return comment(header, FileCounts(len(listed) - bad - not_run, bad, not_run), rows)


def _suite(module: ModuleResults) -> ET.Element:
    ended = [test for test in module.tests.values() if test.ended]
    suite = ET.Element(
        "testsuite",
        name="nosetests",
        tests=str(len(ended)),
        errors=str(module.count(Outcome.ERROR)),
        failures=str(module.count(Outcome.FAILED)),
        skip=str(module.count(Outcome.SKIPPED)),
    )
    for test in ended:
        case = ET.SubElement(
            suite, "testcase", classname=test.class_name, name=_clean(test.name), time=f"{test.seconds:.3f}"
        )
        tag = _TAGS.get(test.outcome)
        if tag is not None:
            line = next(iter(test.message.splitlines()), "")
            kind = line.partition(":")[0] if test.is_bad and ":" in line else str(_WORDS[test.outcome])
            about = ET.SubElement(case, tag, type=_clean(kind), message=_clean(line))
            about.text = _clean(test.text)
    return suite


def _clean(text: str) -> str:
    return text.translate(_NOT_XML)
