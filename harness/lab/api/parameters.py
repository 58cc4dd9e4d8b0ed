"""Declared parameters of a command, and reading a request by them as CloudStack's parameter processing does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from harness.lab.api.listed_apis import ListedParameter
from harness.lab.management.errors import BadParameterError, InvalidValueError

PLAIN = frozenset({"string", "integer", "long", "short", "boolean", "list", "map", "date"})
_NUMBERS = {"short": 2**15, "integer": 2**31, "long": 2**63}
_MAP_NAME = re.compile(r"(?P<name>[a-z]+)\[(?P<index>[0-9]{1,9})\](?:\.(?P<key>.+))?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")
# Parameters whose name does not end in the kind of record they name.
_OTHER_KINDS = {
    "associatednetworkid": "network",
    "destzoneid": "zone",
    "imagestoreuuid": "imagestore",
    "newdiskofferingid": "diskoffering",
    "overridediskofferingid": "diskoffering",
    "parentdomainid": "domain",
    "parenttemplateid": "template",
    "sourcezoneid": "zone",
    "startid": "event",
}
_TEXT_LISTS = frozenset({"resourceids"})

_DATES = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d")

Argument = str | int | bool | datetime | list[str] | list[dict[str, str]]


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
    length: int = 255


def declared(listed: Iterable[ListedParameter], record: str) -> tuple[Parameter, ...]:
    """Parameters as a real server has them; `record` is the kind of record that `id` and `ids` name."""
    return tuple(_declared(each, record) for each in listed)


def _declared(listed: ListedParameter, record: str) -> Parameter:
    kind, many = listed.kind, False
    if kind == "uuid":
        kind = _kind_named_by(listed.name, record)
    elif kind == "list" and listed.name not in _TEXT_LISTS and listed.name.endswith(("id", "ids")):
        kind, many = _kind_named_by(listed.name, record), True
    return Parameter(listed.name, kind, listed.required, many, listed.field, listed.length)


def _kind_named_by(name: str, record: str) -> str:
    return _OTHER_KINDS.get(name) or name.removesuffix("s").removesuffix("id") or record


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
        if value == "" and parameter.kind not in ("string", "list"):
            continue
        arguments[parameter.name] = _typed(command, parameter, value, known)
    return arguments


def _typed(command: str, parameter: Parameter, value: str, known: Callable[[str, str], bool]) -> Argument:
    kind = parameter.kind
    if kind in _NUMBERS:
        return _number(command, parameter, value)
    if kind == "date":
        return _date(command, value)
    if kind == "boolean":
        return value.lower() == "true"
    if kind == "list":
        return [part.strip() for part in value.split(",") if part.strip()]
    if kind in PLAIN:
        if len(value) > parameter.length:
            raise BadParameterError(
                f"Unable to execute API command {command.lower()} due to invalid value. "
                f"Value greater than max allowed length {parameter.length} for param: {parameter.field}"
            )
        return value
    ids = [part.strip() for part in value.split(",")] if parameter.many else [value]
    for each in ids:
        if not known(kind, each):
            raise no_such_entity(command, parameter.name, each)
    return ids if parameter.many else value


def no_such_entity(command: str, name: str, value: str) -> BadParameterError:
    """What is said of an id that names nothing."""
    return BadParameterError(
        f"Unable to execute API command {command.lower()} due to invalid value. Invalid parameter {name} "
        f"value={value} due to incorrect long value format, or entity does not exist or due to incorrect parameter "
        "annotation for the field in api cmd class."
    )


def _number(command: str, parameter: Parameter, value: str) -> int:
    bound = _NUMBERS[parameter.kind]
    if re.fullmatch(r"[+-]?[0-9]{1,19}", value) is not None and -bound <= int(value) < bound:
        return int(value)
    raise BadParameterError(
        f"Unable to execute API command {command.lower()} due to invalid value {value} for parameter {parameter.name}"
    )


def _date(command: str, value: str) -> datetime:
    for form in _DATES:
        try:
            moment = datetime.strptime(value, form)
        except ValueError:
            continue
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    raise BadParameterError(
        f"Unable to parse date {value} for command {command.lower()}, please pass dates in the format mentioned in the "
        "api documentation"
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
