"""What a 4.22 server has of each command: parameters, types and response fields, its Java classes, and who may call it.

`listed_apis.json` holds it for the lab's commands; `tools/listed_apis.py` makes it. Equal responses are one shape
there; a field is its name, its type and, where it is made of others, the number of their shape. Some fields of a real
server have no name; neither have they here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

_FILE = Path(__file__).with_name("listed_apis.json")
_LENGTH = 255

Entry = dict[str, object]


@dataclass(frozen=True)
class ListedParameter:
    """`field` is the Java field, which some texts show in place of the name; `length` that of the longest text."""

    name: str
    kind: str
    required: bool
    since: str = ""
    field: str = ""
    length: int = _LENGTH


@dataclass(frozen=True)
class ListedCommand:
    """`roles` are the types of roles that may call it besides root admins; `classes` its class, then admins'."""

    name: str
    is_asynchronous: bool
    roles: frozenset[str]
    classes: tuple[str, ...]
    parameters: tuple[ListedParameter, ...]


@lru_cache(maxsize=1)
def _recorded() -> dict[str, Any]:
    return dict(json.loads(_FILE.read_text(encoding="utf-8")))


def listed_names() -> frozenset[str]:
    return frozenset(_recorded()["commands"])


def listed_command(name: str) -> ListedCommand:
    """Raises KeyError for a command that is not in the file."""
    each = _recorded()["commands"][name]
    return ListedCommand(
        name=name,
        is_asynchronous=each["async"],
        roles=frozenset(each["roles"]),
        classes=tuple(each["classes"]),
        parameters=tuple(_parameter(*parameter) for parameter in each["params"]),
    )


def _parameter(
    name: str, kind: str, required: bool, since: str = "", field: str = "", length: int = 0
) -> ListedParameter:
    return ListedParameter(name, kind, required, since, field or name, length or _LENGTH)


@lru_cache(maxsize=1)
def listed_apis() -> dict[str, Entry]:
    """Entries of listApis by the command's name."""
    shapes = _recorded()["shapes"]
    return {
        name: _entry(listed_command(name), each["response"], shapes) for name, each in _recorded()["commands"].items()
    }


def _entry(each: ListedCommand, response: int, shapes: list[Any]) -> Entry:
    return {
        "name": each.name,
        "description": each.name,
        "isasync": each.is_asynchronous,
        "related": "",
        "params": [_shown(parameter) for parameter in each.parameters],
        "response": _fields(response, shapes),
    }


def _shown(each: ListedParameter) -> Entry:
    shown: Entry = {
        "name": each.name,
        "description": each.name,
        "type": each.kind,
        "length": each.length,
        "required": each.required,
    }
    return shown | {"since": each.since} if each.since else shown


def _fields(shape: int, shapes: list[Any]) -> list[Entry]:
    return [_field(shapes, *field) for field in shapes[shape]]


def _field(shapes: list[Any], name: str = "", kind: str = "", shape: int | None = None) -> Entry:
    if not name:
        return {}
    shown: Entry = {"name": name, "description": name, "type": kind}
    return shown if shape is None else shown | {"response": _fields(shape, shapes)}
