"""Declared parameters of a command, and reading a request by them as CloudStack's parameter processing does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.lab.management.errors import BadParameterError, InvalidValueError

_PLAIN = frozenset({"string", "integer", "long", "boolean", "list", "map", "date"})
_NUMBERS = {"integer": 2**31, "long": 2**63}
_MAP_NAME = re.compile(r"(?P<name>[a-z]+)\[(?P<index>[0-9]{1,9})\](?:\.(?P<key>.+))?", re.IGNORECASE)
_LONGEST = 255
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")

Argument = str | int | bool | list[str] | list[dict[str, str]]


@dataclass(frozen=True)
class Parameter:
    """`kind` is a plain type or the kind of record whose id is meant; `many` marks a list of such ids.

    `field` is the Java field's name, which one error text shows in place of the parameter's.
    """

    name: str
    kind: str
    required: bool = False
    many: bool = False
    field: str = ""

    @property
    def shown_type(self) -> str:
        if self.many:
            return "list"
        return self.kind if self.kind in _PLAIN else "uuid"


def declared(text: str) -> tuple[Parameter, ...]:
    """Parameters from a compact declaration: `name:kind`, with `*` for required and `[]` for a list of ids.

    `name=field:kind*` gives the Java field's name too.
    """
    found = []
    for word in text.split():
        name, kind = word.split(":")
        name, _, field = name.partition("=")
        required, kind = kind.endswith("*"), kind.rstrip("*")
        many, kind = kind.endswith("[]"), kind.removesuffix("[]")
        found.append(Parameter(name, kind, required, many, field or name))
    return tuple(found)


def read(
    command: str,
    parameters: tuple[Parameter, ...],
    request: Mapping[str, str],
    known: Callable[[str, str], bool],
) -> dict[str, Argument]:
    """Typed arguments of a request, by parameter name. `known` tells whether a kind of record has an id.

    Raises:
        BadParameterError: one is missing, or cannot be read, or names nothing that exists.
        InvalidValueError: a required one is empty.
    """
    for name, text in request.items():
        if _CONTROL.search(text):
            raise BadParameterError(
                f"Received value containing illegal ASCII non-printable characters for parameter {name}"
            )
    given = {name.lower(): value for name, value in request.items()}
    arguments: dict[str, Argument] = {}
    for parameter in parameters:
        if parameter.kind == "map":
            entries = _map_entries(parameter.name, request)
            if entries:
                arguments[parameter.name] = entries
            elif parameter.required:
                raise _missing(command, parameter)
            continue
        value = given.get(parameter.name.lower())
        if value is None:
            if parameter.required:
                raise _missing(command, parameter)
            continue
        if value == "" and parameter.required:
            raise InvalidValueError(f"Invalid value provided for API arg: {parameter.name}")
        if value == "" and parameter.kind != "string":
            continue
        arguments[parameter.name] = _typed(command, parameter, value, known)
    return arguments


def _typed(command: str, parameter: Parameter, value: str, known: Callable[[str, str], bool]) -> Argument:
    kind = parameter.kind
    if kind in _NUMBERS:
        return _number(command, parameter, value)
    if kind == "boolean":
        return value.lower() == "true"
    if kind == "list":
        return [part.strip() for part in value.split(",") if part.strip()]
    if kind in _PLAIN:
        if len(value) > _LONGEST and parameter.name != "value":
            raise BadParameterError(
                f"Unable to execute API command {command.lower()} due to invalid value. "
                f"Value greater than max allowed length {_LONGEST} for param: {parameter.field}"
            )
        return value
    ids = [part.strip() for part in value.split(",")] if parameter.many else [value]
    for each in ids:
        if not known(kind, each):
            raise BadParameterError(
                f"Unable to execute API command {command.lower()} due to invalid value. "
                f"Invalid parameter {parameter.name} value={each} due to incorrect long value format, or entity does "
                "not exist or due to incorrect parameter annotation for the field in api cmd class."
            )
    return ids if parameter.many else value


def _number(command: str, parameter: Parameter, value: str) -> int:
    bound = _NUMBERS[parameter.kind]
    if re.fullmatch(r"[+-]?[0-9]{1,19}", value) is not None and -bound <= int(value) < bound:
        return int(value)
    raise BadParameterError(
        f"Unable to execute API command {command.lower()} due to invalid value {value} for parameter {parameter.name}"
    )


def _missing(command: str, parameter: Parameter) -> BadParameterError:
    return BadParameterError(
        f"Unable to execute API command {command.lower()} due to missing parameter {parameter.name}"
    )


def _map_entries(name: str, request: Mapping[str, str]) -> list[dict[str, str]]:
    """`name[0].key=value`, grouped by index in ascending order."""
    groups: dict[int, dict[str, str]] = {}
    for raw, value in request.items():
        match = _MAP_NAME.fullmatch(raw)
        if match is not None and match["name"].lower() == name.lower() and match["key"]:
            groups.setdefault(int(match["index"]), {})[match["key"]] = value
    return [groups[index] for index in sorted(groups)]
