"""What listApis tells of each command: parameters, types and response fields as a 4.22 server has them (seen).

`listed_apis.json` holds them for the lab's commands. Equal responses are one shape there; a field is its name, its type
and, where it is made of others, the number of their shape. Some fields of a real server have no name; neither have they
here.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.lab.api.command import Shown

_FILE = Path(__file__).with_name("listed_apis.json")
_LENGTH = 255


@lru_cache(maxsize=1)
def listed_apis() -> dict[str, Shown]:
    """Entries of listApis by the command's name."""
    recorded = json.loads(_FILE.read_text(encoding="utf-8"))
    return {name: _entry(name, each, recorded["shapes"]) for name, each in recorded["commands"].items()}


def _entry(name: str, each: dict[str, Any], shapes: list[Any]) -> Shown:
    return {
        "name": name,
        "description": name,
        "isasync": each["async"],
        "related": "",
        "params": [_parameter(*parameter) for parameter in each["params"]],
        "response": _fields(each["response"], shapes),
    }


def _parameter(name: str, kind: str, required: bool, since: str = "") -> Shown:
    shown: Shown = {"name": name, "description": name, "type": kind, "length": _LENGTH, "required": required}
    return shown | {"since": since} if since else shown


def _fields(shape: int, shapes: list[Any]) -> list[Shown]:
    return [_field(shapes, *field) for field in shapes[shape]]


def _field(shapes: list[Any], name: str = "", kind: str = "", shape: int | None = None) -> Shown:
    if not name:
        return {}
    shown: Shown = {"name": name, "description": name, "type": kind}
    return shown if shape is None else shown | {"response": _fields(shape, shapes)}
