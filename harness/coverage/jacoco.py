"""Has JaCoCo's own reporter read execution data, and reads the XML that it writes."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from harness.errors import HarnessError
from harness.run.coverage import JAVA, java_words
from harness.xml_document import MalformedXmlError, read_xml

REPORT_SECONDS = 300.0
MOST_BYTES = 256 * 1024 * 1024
# report, package, class, method, counter.
DEEPEST = 10
_DOCTYPE = '<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">'
_MISMATCH = re.compile(r"Execution data for class (\S+) does not match")


class JacocoReportError(HarnessError):
    """JaCoCo's reporter did not do its work; the text has its words."""


@dataclass(frozen=True)
class LineCounts:
    """What JaCoCo counted of one line: bytecode instructions and branches."""

    missed: int
    covered: int
    missed_branches: int
    covered_branches: int


@dataclass(frozen=True)
class Method:
    """`line` is that of its first instruction; `lines` is how many lines have some."""

    class_name: str
    name: str
    line: int
    lines: int


@dataclass(frozen=True)
class SourceFile:
    """A source file as JaCoCo tells of it: lines that have code, by number, and the methods in it."""

    lines: dict[int, LineCounts]
    methods: tuple[Method, ...]


@dataclass(frozen=True)
class JacocoReport:
    """`files` by package and name, as com/cloud/vm/Nic.java; `mismatched` are classes that ran in another form."""

    files: dict[str, SourceFile]
    mismatched: frozenset[str]


def report(cli: Path, executions: Sequence[Path], classes: Path, wanted: Iterable[str], scratch: Path) -> JacocoReport:
    """What `jacococli report` says of the `wanted` source files.

    Raises:
        JacocoReportError: it cannot be started, or refuses the data.
    """
    xml = scratch / "report.xml"
    command = [*JAVA, "-jar", str(cli), "report", *map(str, executions), "--classfiles", str(classes)]
    try:
        done = subprocess.run(
            [*command, "--xml", str(xml)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=REPORT_SECONDS,
        )
    except FileNotFoundError:
        raise JacocoReportError("no java, which JaCoCo's reporter needs (package openjdk-17-jre-headless)") from None
    except subprocess.TimeoutExpired:
        raise JacocoReportError(f"JaCoCo's reporter did not end within {REPORT_SECONDS:g} s") from None
    if done.returncode:
        raise JacocoReportError(f"JaCoCo's reporter ended with {done.returncode}: {java_words(done.stderr)}")
    mismatched = frozenset(_MISMATCH.findall(done.stdout))
    return JacocoReport(read_report(xml.read_text(encoding="utf-8"), wanted), mismatched)


def read_report(xml: str, wanted: Iterable[str]) -> dict[str, SourceFile]:
    """The `wanted` source files of a JaCoCo XML report. Raises JacocoReportError."""
    try:
        # Its own document type says nothing that is needed, and any other is refused.
        root = read_xml(xml.replace(_DOCTYPE, "", 1), most_bytes=MOST_BYTES, deepest=DEEPEST)
        return dict(_files(root, frozenset(wanted)))
    except (MalformedXmlError, KeyError, ValueError) as failure:
        raise JacocoReportError(f"JaCoCo's report cannot be read: {failure}") from None


def _files(root: ElementTree.Element, wanted: frozenset[str]) -> Iterable[tuple[str, SourceFile]]:
    for package in root.iter("package"):
        for source in package.findall("sourcefile"):
            key = f"{package.attrib['name']}/{source.attrib['name']}"
            if key in wanted:
                methods = (
                    Method(owner.attrib["name"], method.attrib["name"], int(method.attrib["line"]), _lines(method))
                    for owner in package.findall("class")
                    if owner.get("sourcefilename") == source.attrib["name"]
                    for method in owner.findall("method")
                    # What the compiler made has no line.
                    if method.get("line") is not None
                )
                yield key, SourceFile(dict(map(_counts, source.findall("line"))), tuple(methods))


def _lines(method: ElementTree.Element) -> int:
    counter = method.find("counter[@type='LINE']")
    return 0 if counter is None else int(counter.attrib["missed"]) + int(counter.attrib["covered"])


def _counts(line: ElementTree.Element) -> tuple[int, LineCounts]:
    number, *counts = (int(line.attrib[name]) for name in ("nr", "mi", "ci", "mb", "cb"))
    return number, LineCounts(*counts)
