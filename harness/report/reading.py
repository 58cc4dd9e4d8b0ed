"""Reads a results.json that may be cut short or hostile: into a record that every form can be made of, or one line."""

from __future__ import annotations

import gc
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from harness.errors import HarnessError
from harness.run.record import RESULTS_FILE, RunRecord

# Longer texts are shortened in every form; the whole one stays in results.json.
LONGEST_TEXT = 4_000

# What no form may carry: control characters, halves of characters, what XML forbids, and signs that turn a line around.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")

# How JSON may write such a character without having it.
_ESCAPED = re.compile(r"\\[bfru]")


class UnreadableResultError(HarnessError):
    """A file that was to be read as a run's result is none."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file}: {why}")


def printable(text: str) -> str:
    """The text with a replacement character for each that no form may carry."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """The text's begin and end, with how much is missing between them."""
    if len(text) <= longest:
        return text
    left = longest * 3 // 4
    right = longest - left
    return f"{text[:left]}\n[... {len(text) - longest} characters left out ...]\n{text[-right:]}"


def read_bytes(file: Path) -> bytes:
    """Raises UnreadableResultError."""
    try:
        return file.read_bytes()
    except OSError as failure:
        raise UnreadableResultError(file, failure.strerror or type(failure).__name__) from None


def homes_of(run: Path) -> dict[str, str]:
    """By case, the name of the host where its first instance started; `run` may be a file of `lab parity`'s cases.

    Raises:
        UnreadableResultError: it is neither.
    """
    if run.is_file() and run.name != RESULTS_FILE:
        try:
            return TypeAdapter(dict[str, str]).validate_python(json.loads(read_bytes(run))["homes"])
        except (ValueError, KeyError, TypeError):
            raise UnreadableResultError(run, "neither a run nor what `lab parity --record-cases` wrote") from None
    return {case.id: case.starts[0].host.name for case in read_run(run).cases if case.starts}


def read_run(path: Path) -> RunRecord:
    """The record of a run, from its folder or from the file itself, with texts that are printable and not too long.

    Raises:
        UnreadableResultError: there is no such file, or it is cut short, no JSON, or no record of this schema.
    """
    file = path / RESULTS_FILE if path.is_dir() else path
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        raise UnreadableResultError(file, f"not a results file: byte {failure.start} is no UTF-8") from None
    if _is_harmless(text):
        try:
            with _collector_resting():
                return RunRecord.model_validate_json(text)
        except ValidationError:
            pass  # the other way, at the end of which is a line that says what is wrong
    return _read_with_care(file, text)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Reading makes objects by the hundred thousand and drops none; to look through them again and again costs most."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _is_harmless(text: str) -> bool:
    """Whether nothing in it can be unprintable or too long: true of what a run writes when nothing strange is in it."""
    longest = max(map(len, text.splitlines()), default=0)
    return longest <= LONGEST_TEXT and not _ESCAPED.search(text) and not _UNPRINTABLE.search(text)


def _read_with_care(file: Path, text: str) -> RunRecord:
    try:
        document = _cleaned(json.loads(text))
    except RecursionError:
        raise UnreadableResultError(file, "not a results file: nested too deeply") from None
    except ValueError as failure:
        raise UnreadableResultError(file, f"not JSON, or cut short: {failure}") from None
    try:
        return RunRecord.model_validate(document)
    except ValidationError as failure:
        raise UnreadableResultError(file, _first_error(document, failure)) from None


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return shortened(printable(value))
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, dict):
        return {printable(key): _cleaned(item) for key, item in value.items()}
    return value


def _first_error(document: Any, failure: ValidationError) -> str:
    version = document.get("schema_version") if isinstance(document, dict) else None
    ours = RunRecord.model_fields["schema_version"].default
    if version != ours:
        told = "no schema version" if version is None else f"schema version {shortened(str(version), 20)}"
        return f"not a results file of schema version {ours}: it has {told}"
    first = failure.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"not a results file: {shortened(place, 200)}: {first['msg']}"
