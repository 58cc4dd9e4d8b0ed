"""Reads a unified diff: which lines of which Java files it adds or changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unidiff.errors import UnidiffParseError
from unidiff.patch import PatchSet

from harness.errors import HarnessError

MOST_BYTES = 64 * 1024 * 1024
_MAIN = "src/main/java/"


class DiffError(HarnessError):
    """The diff cannot be used; the text says why."""


@dataclass(frozen=True)
class JavaFile:
    """A Java file of the change. `lines` are the new text's lines by their numbers in it."""

    path: str
    lines: dict[int, str]

    @property
    def package(self) -> str:
        """As in class files: com/cloud/vm."""
        return self._below_main.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def key(self) -> str:
        """As JaCoCo tells of it: com/cloud/vm/Nic.java."""
        return self._below_main

    @property
    def class_file(self) -> str:
        return f"{self._below_main.removesuffix('.java')}.class"

    @property
    def _below_main(self) -> str:
        return self.path.rpartition(_MAIN)[2]


@dataclass(frozen=True)
class Change:
    """`others` are files of which JaCoCo cannot tell anything: tests, texts, SQL, what was only shortened."""

    files: tuple[JavaFile, ...]
    others: tuple[str, ...]


def read_change(file: Path) -> Change:
    """Raises DiffError: it cannot be read, is no unified diff, or touches no class."""
    try:
        content = file.read_bytes()
    except OSError as failure:
        raise DiffError(f"--diff {file}: cannot be read: {failure.strerror}") from None
    if len(content) > MOST_BYTES:
        raise DiffError(f"--diff {file}: larger than {MOST_BYTES} bytes")
    try:
        patch = PatchSet(content.decode("utf-8", errors="replace"))
    except UnidiffParseError as failure:
        raise DiffError(f"--diff {file}: no unified diff: {' '.join(str(failure).split())[:200]}") from None
    if not patch:
        raise DiffError(f"--diff {file}: no unified diff; make one with `git diff BASE`")
    files: list[JavaFile] = []
    others: list[str] = []
    for part in patch:
        added = {line.target_line_no: line.value.rstrip("\r\n") for hunk in part for line in hunk if line.is_added}
        if added and part.path.endswith(".java") and f"/{_MAIN}" in f"/{part.path}":
            files.append(JavaFile(part.path, {number: text for number, text in added.items() if number is not None}))
        else:
            others.append(part.path)
    if not files:
        raise DiffError(f"--diff {file}: touches no class: it adds no line to a Java file below {_MAIN}")
    return Change(tuple(files), tuple(others))


def require_fits(change: Change, sources: Path) -> None:
    """Line numbers of another text than that which was built would tell of other lines.

    Raises:
        DiffError: a changed line reads otherwise in the sources, or its file is not there.
    """
    for file in change.files:
        try:
            text = (sources / file.path).read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError as failure:
            why = failure.strerror
            raise DiffError(f"--diff: {file.path} cannot be read in the sources built, {sources}: {why}") from None
        for number, line in file.lines.items():
            there = text[number - 1].rstrip("\r") if number <= len(text) else None
            if there != line:
                raise DiffError(
                    f"--diff: not of the sources built, {sources}: line {number} of {file.path} reads "
                    f"{'nothing' if there is None else repr(there.strip())} there and {line.strip()!r} in the diff"
                )
