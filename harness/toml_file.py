"""Reads a TOML file into a pydantic model, and says in a line for each mistake, with file and key, what is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from harness.errors import HarnessError


class Table(BaseModel):
    """A table of such a file: keys that it does not know are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# Somebody may have put a secret there.
_NOT_SHOWN = ("api_key", "secret_key", "password")

File = TypeVar("File", bound=Table)


def read(file: Path, model: type[File], error: type[HarnessError], *, given_as: str, unlisted: str = "") -> File:
    """What the file says, as `model`.

    `given_as` is the option or argument that named the file; the key `unlisted` is not among those that are suggested.

    Raises:
        error: it is not there, is not TOML, or has a missing, unknown or unusable key.
    """
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as failure:
        raise error(f"{file}: cannot be read: {failure.strerror}; give {given_as} an existing file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as failure:
        raise error(f"{file}: not TOML: {failure}") from None
    try:
        return model.model_validate(tree)
    except ValidationError as wrong:
        raise error("\n".join(f"{file}: {_told(mistake, model, unlisted)}" for mistake in wrong.errors())) from None


def _told(error: ErrorDetails, model: type[Table], unlisted: str) -> str:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        known = sorted(name for name in _known_keys(model, error["loc"]) if name != unlisted)
        return f"{key}: unknown key; known here are {', '.join(known)}"
    if error["type"] == "missing":
        return f"{key}: missing; it is required"
    if error["type"] == "frozen_set_type":
        # TOML has no sets.
        error["msg"] = "Input should be a valid list"
    if key.rpartition(".")[2] in _NOT_SHOWN:
        return f"{key}: {error['msg']}"
    found = error["input"] if isinstance(error["input"], str | int | float | bool) else type(error["input"]).__name__
    return f"{key}: {error['msg']}, found {found!r}"


def _known_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """The keys of the table in which the last part of `location` is a stranger."""
    table = model
    for part in location[:-1]:
        for name, field in table.model_fields.items():
            if part == (field.alias or name):
                # Parts that are not fields, the numbers of a list or names chosen in the file, stay in the same model.
                table = _model_in(field.annotation) or table
    return [field.alias or name for name, field in table.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as `dict[str, X]`, `list[X]` or `X | None` is about."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
