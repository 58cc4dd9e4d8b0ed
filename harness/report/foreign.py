"""Reads results of any kind: ours, JUnit files (pytest's, nose's, Marvin's) and comments with Trillian's table."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.etree.ElementTree import ParseError

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite, xunit2
from junitparser.junitparser import JUnitXmlError

from harness.report.outcomes import Results, Status, Test, of_tests
from harness.report.outline import read_outline
from harness.report.reading import UnreadableResultError, printable, read_bytes, shortened
from harness.run.record import RESULTS_FILE

_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")
# Characters that XML 1.0 knows no way to write, which test runners write all the same.
_NUMERIC_ENTITY = re.compile(r"&#(x[0-9a-fA-F]+|[0-9]+);")
_TRILLIAN = re.compile(r"Trillian test result \(tid-(?P<id>[^)]*)\)")
_TRILLIAN_ROW = re.compile(r"^(?P<test>.+?) \| `(?P<word>Failure|Error|Skipped)` \| (?P<seconds>\S+) \| (?P<file>.+)$")
_WORDS = {"Failure": Status.FAILED, "Error": Status.ERROR, "Skipped": Status.NOT_VERIFIED}


def read_results(path: Path) -> Results:
    """The results in a run's folder, in a results.json, in a JUnit file or in a text with Trillian's table.

    Raises:
        UnreadableResultError: it is none of these, or cut short.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    content = read_bytes(file)
    begin = content.lstrip(b"\xef\xbb\xbf \t\r\n")[:4096]
    if begin.startswith(b"{"):
        return read_outline(file).results
    text = _decoded(content)
    if _TRILLIAN.search(text[:4096]):
        return _trillian(file, text)
    if "<" not in text[:100]:
        raise UnreadableResultError(file, "neither a results.json nor JUnit XML nor a comment with Trillian's table")
    return _junit(file, content, text)


def _decoded(content: bytes) -> str:
    """As the byte order mark says, or UTF-8; what is neither is replaced."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(mark):
            return content.decode(encoding, errors="replace")
    return content.decode("utf-8", errors="replace")


def _junit(file: Path, content: bytes, text: str) -> Results:
    if re.search(r"<!(DOCTYPE|ENTITY)", text[:10_000], re.IGNORECASE):
        raise UnreadableResultError(file, "JUnit files have no document type; this one is not read")
    try:
        document = xunit2.JUnitXml.fromstring(content)
    except (ParseError, LookupError, ValueError):
        document = _mended_junit(file, text)
    except JUnitXmlError:
        raise UnreadableResultError(file, "XML, but no JUnit: its root is neither testsuites nor testsuite") from None
    ours = document.name == "cs-harness"
    suites = list(document)
    environment = {
        printable(str(item.name)): shortened(printable(str(item.value)), 300)
        for suite in suites
        for item in suite.properties()
        if item.name != "run"
    }
    run_ids = [str(item.value) for suite in suites for item in suite.properties() if item.name == "run"]
    tests = of_tests(test for suite in suites for case in suite for test in _tries(case, ours))
    return Results(
        name=printable(run_ids[0]) if run_ids else file.name,
        tests=tests,
        environment=environment,
        started=next(filter(None, map(_timestamp, suites)), None),
        release=environment.get("behaves like"),
    )


def _mended_junit(file: Path, text: str) -> JUnitXml:
    """Files that claim a wrong encoding, or have control characters in them, are read without those."""
    cleaned = printable(_NUMERIC_ENTITY.sub(_possible_entity, _DECLARATION.sub("", text)))
    try:
        return xunit2.JUnitXml.fromstring(cleaned)
    except (ParseError, ValueError) as failure:
        raise UnreadableResultError(file, f"no XML, or cut short: {failure}") from None
    except JUnitXmlError:
        raise UnreadableResultError(file, "XML, but no JUnit: its root is neither testsuites nor testsuite") from None


def _possible_entity(match: re.Match[str]) -> str:
    digits = match[1]
    number = int(digits[1:], 16) if digits.startswith("x") else int(digits[:10])
    possible = number in (9, 10, 13) or 0x20 <= number < 0xD800 or 0xE000 <= number <= 0x10FFFF
    return match[0] if possible else "\N{REPLACEMENT CHARACTER}"


def _tries(case: TestCase, ours: bool) -> Iterator[Test]:
    """A test, once for each try that the file tells of."""
    name = printable(case.name or "(no name)")
    test_id = name if ours or not case.classname else f"{printable(case.classname)}.{name}"
    seconds = _seconds(case)
    for _ in case.interim_result if isinstance(case, xunit2.TestCase) else ():
        yield Test(test_id, Status.FAILED, seconds)
    status, text = Status.PASSED, ""
    for entry in case.result:
        told = "\n".join(filter(None, (entry.message, entry.text)))
        text = shortened(printable(told))
        if isinstance(entry, Failure):
            status = Status.FAILED
        elif isinstance(entry, Error):
            status = Status.ERROR
        elif isinstance(entry, Skipped):
            defect = ours and entry.type == Status.KNOWN_DEFECT
            status = Status.KNOWN_DEFECT if defect else Status.NOT_VERIFIED
    yield Test(test_id, status, seconds, text)


def _seconds(case: TestCase) -> float | None:
    try:
        told = case.time
    except ValueError:
        return None
    return told if told is not None and math.isfinite(told) and told >= 0 else None


def _timestamp(suite: TestSuite) -> datetime | None:
    try:
        told = datetime.fromisoformat(suite.timestamp or "")
    except ValueError:
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)


def _trillian(file: Path, text: str) -> Results:
    """Only what did not pass is named there, so nothing can be said of the rest."""
    tests = []
    for line in text.splitlines():
        row = _TRILLIAN_ROW.match(printable(line.strip()))
        if row:
            told = row["seconds"].replace(",", "")
            seconds = float(told) if re.fullmatch(r"\d+(\.\d+)?", told) else None
            tests.append(Test(f"{row['file'].strip()}::{row['test'].strip()}", _WORDS[row["word"]], seconds))
    named = _TRILLIAN.search(text)
    environment = re.search(r"^Environment: (.*)$", text, re.MULTILINE)
    return Results(
        name=f"tid-{printable(named['id'])}" if named else file.name,
        tests=of_tests(tests),
        environment={"environment": printable(environment[1].strip())} if environment else {},
        whole=False,
    )
