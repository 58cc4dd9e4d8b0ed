"""Holds the execution data of a run against a change: which of its lines ran, by which sections, and which never."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.coverage.change import JavaFile, read_change, require_fits
from harness.coverage.classes import take_out
from harness.coverage.jacoco import JacocoReport, LineCounts, report
from harness.coverage.methods import method_of_lines
from harness.run.coverage import BEFORE, FOLDER, NOT_TAKEN_FILE, RECORDED_FILE, NoCoverageError, Recorded


class Reached(StrEnum):
    """What became of a changed line. ONLY_BEFORE: it ran, but before the first case did, as at a program's start."""

    FULLY = "exercised"
    PARTLY = "partly"
    ONLY_BEFORE = "before the first case only"
    NEVER = "not reached"
    NO_CODE = "no code"


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ChangedLine(Told):
    """`method` is None where the line has no code; of its `branches` no section took `missed_branches`."""

    number: int
    text: str
    method: str | None = None
    reached: Reached
    sections: list[str] = []
    missed_branches: int = 0
    branches: int = 0


class ChangedFile(Told):
    path: str
    lines: list[ChangedLine]

    def count(self, *kinds: Reached) -> int:
        return sum(line.reached in kinds for line in self.lines)


class ChangeCoverage(Told):
    """`others` are the diff's files of which nothing can be told; `lacking` says what else nobody could look at."""

    diff: str
    sections: list[str]
    files: list[ChangedFile]
    others: list[str] = []
    lacking: list[str] = []
    sources_checked: bool

    def count(self, *kinds: Reached) -> int:
        return sum(file.count(*kinds) for file in self.files)

    @property
    def with_code(self) -> int:
        return self.count(*Reached) - self.count(Reached.NO_CODE)


def change_coverage(run: Path, diff: Path) -> ChangeCoverage:
    """What a run exercised of a change.

    Raises:
        NoCoverageError: the run has no execution data, or they are of other class files.
        HarnessError: diff, class files or JaCoCo's reporter cannot be used.
    """
    folder = run / FOLDER
    recorded = _recorded(folder)
    executions = {part.name: sorted(part.glob("*.exec")) for part in sorted(folder.iterdir()) if part.is_dir()}
    executions = {section: files for section, files in executions.items() if files}
    if not set(executions) - {BEFORE}:
        raise NoCoverageError(f"{folder} has no execution data of a case")
    change = read_change(diff)
    if recorded.sources is not None:
        require_fits(change, recorded.sources)
    with tempfile.TemporaryDirectory(prefix="cs-harness-coverage-") as scratch:
        place = Path(scratch)
        variants = take_out(recorded.classes, {file.package for file in change.files}, place / "classes")
        there = [file for file in change.files if any((variant / file.class_file).exists() for variant in variants)]
        if not there:
            raise NoCoverageError(f"no class of the change is among those that ran: {', '.join(recorded.classes)}")
        wanted = {file.key for file in there}

        def told(files: Sequence[Path]) -> list[JacocoReport]:
            return [report(recorded.jacoco_cli, files, variant, wanted, place) for variant in variants]

        reports = {section: told(files) for section, files in executions.items()}
        # Which branches several sections took together only JaCoCo can tell.
        together = told([file for section, files in executions.items() if section != BEFORE for file in files])
    for section, ones in reports.items():
        _require_matching(section, ones, there)
    lacking = folder / NOT_TAKEN_FILE
    not_taken = lacking.read_text(encoding="utf-8").splitlines() if lacking.exists() else []
    return ChangeCoverage(
        diff=diff.name,
        sections=sorted(set(executions) - {BEFORE}),
        files=[_file(file, reports, together) for file in there],
        others=sorted(change.others),
        lacking=not_taken
        + [f"{file.path}: its class is not among those that ran" for file in change.files if file not in there],
        sources_checked=recorded.sources is not None,
    )


def _recorded(folder: Path) -> Recorded:
    file = folder / RECORDED_FILE
    try:
        recorded = Recorded.model_validate_json(file.read_bytes())
    except OSError:
        raise NoCoverageError(
            f"{folder.parent} has no execution data; run against a cloud of `lab up --cloudstack TREE --jacoco JAR`"
        ) from None
    except ValidationError as wrong:
        raise NoCoverageError(f"{file}: {wrong.errors()[0]['msg']}") from None
    if not recorded.jacoco_cli.is_file():
        raise NoCoverageError(f"{recorded.jacoco_cli} is not there any more, by which execution data are read")
    return recorded


def _require_matching(section: str, told: Sequence[JacocoReport], files: Sequence[JavaFile]) -> None:
    """A class that ran is in the class files in that very form, in one variant at least."""
    mismatches = Counter(name for one in told for name in one.mismatched)
    stems = {file.key.removesuffix(".java") for file in files}
    for name, times in sorted(mismatches.items()):
        if times == len(told) and name.partition("$")[0] in stems:
            raise NoCoverageError(
                f"the class files are not those that ran: {name.replace('/', '.')} was another one in section "
                f"{section}; the tree was built again since"
            )


def _file(
    file: JavaFile, reports: Mapping[str, Sequence[JacocoReport]], together: Sequence[JacocoReport]
) -> ChangedFile:
    methods = next((method_of_lines(one.files[file.key]) for one in together if file.key in one.files), {})
    by_section = {section: _best(file, variants) for section, variants in reports.items()}
    united = _best(file, together)
    lines = []
    for number, text in sorted(file.lines.items()):
        sections = [
            section for section, counts in sorted(by_section.items()) if number in counts and counts[number].covered
        ]
        lines.append(_line(number, text, methods.get(number), united.get(number), sections))
    return ChangedFile(path=file.path, lines=lines)


def _best(file: JavaFile, variants: Sequence[JacocoReport]) -> dict[int, LineCounts]:
    """Of a class that ran in several forms, for each line the one that ran most of it."""
    best: dict[int, LineCounts] = {}
    for one in variants:
        for number, counts in one.files[file.key].lines.items() if file.key in one.files else ():
            if number not in best or counts.covered > best[number].covered:
                best[number] = counts
    return best


def _line(
    number: int, text: str, method: str | None, united: LineCounts | None, sections: Sequence[str]
) -> ChangedLine:
    if united is None:
        return ChangedLine(number=number, text=text, reached=Reached.NO_CODE)
    if united.covered:
        reached = Reached.PARTLY if united.missed or united.missed_branches else Reached.FULLY
    else:
        reached = Reached.ONLY_BEFORE if sections else Reached.NEVER
    return ChangedLine(
        number=number,
        text=text,
        method=method,
        reached=reached,
        sections=[section for section in sections if section != BEFORE],
        missed_branches=united.missed_branches,
        branches=united.missed_branches + united.covered_branches,
    )
