"""Makes harness/lab/api/listed_apis.json: what listApis tells of each command of the lab, and who may call it.

Usage: listed_apis.py RECORDING SOURCE [COMMAND...]

RECORDING is what listApis of a real server told: a JSON list of commands with name, async, params and response. SOURCE
is CloudStack's source tree of the same release, from which classes and default roles come. Commands that are listed
already are listed again; those named are added.
"""

from __future__ import annotations

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LISTED = Path(__file__).parents[1] / "harness" / "lab" / "api" / "listed_apis.json"
_NUMBERS = {2: "ResourceAdmin", 3: "DomainAdmin", 4: "User"}
_ROLES = tuple(_NUMBERS.values())
_ANNOTATION = re.compile(r"@APICommand\s*\((.*?)\)\s*(?:@[^\n]*\s*)*public\s+(?:abstract\s+)?class\s+(\w+)", re.DOTALL)
_RULE = re.compile(r"UUID\(\), ([234]), '(\w+)', 'ALLOW'")
_FIELD = re.compile(
    r"@Parameter\s*\(((?:\"(?:[^\"\\]|\\.)*\"|[^\")])*)\)\s*(?:@[^\n]*\s*)*(?:\w+\s+)?[\w<>\[\], .]+?\s(\w+)\s*[;=]"
)
_USUAL_LENGTH = 255


@dataclass
class Source:
    """By command: Java classes, that of admins last, and default roles; by parameter: field and greatest length."""

    classes: dict[str, list[str]]
    roles: dict[str, set[str]]
    fields: dict[tuple[str, str], tuple[str, int]]


def read_source(source: Path) -> Source:
    constants = dict(
        re.findall(
            r'String (\w+) = "([^"]*)"', next(source.glob("**/api/ApiConstants.java")).read_text(encoding="utf-8")
        )
    )
    classes: dict[str, list[str]] = defaultdict(list)
    roles: dict[str, set[str]] = defaultdict(set)
    parents: dict[str, str] = {}
    own: dict[str, dict[str, tuple[str, int]]] = {}
    for path in sorted(source.glob("**/src/main/java/**/*Cmd*.java")):
        text = path.read_text(encoding="utf-8")
        above = re.search(r"\bclass\s+\w+\s+extends\s+(\w+)", text)
        parents[path.stem] = above[1] if above else ""
        own[path.stem] = dict(_fields_of(text, constants))
        found = _ANNOTATION.search(text)
        name = found and _name(found[1], text)
        package = re.search(r"^package ([\w.]+);", text, re.MULTILINE)
        if found is None or name is None or package is None:
            continue
        classes[name].append(f"{package[1]}.{found[2]}")
        authorized = re.search(r"authorized\s*=\s*\{(.*?)\}", found[1], re.DOTALL)
        roles[name].update(re.findall(r"RoleType\.(\w+)", authorized[1]) if authorized else ())
    for script in source.glob("**/META-INF/db/*.sql"):
        for number, name in _RULE.findall(script.read_text(encoding="utf-8")):
            roles[name].add(_NUMBERS[int(number)])
    for of_command in classes.values():
        of_command.sort(key=lambda each: each.endswith("ByAdmin"))
    fields: dict[tuple[str, str], tuple[str, int]] = {}
    for name, of_command in classes.items():
        each = of_command[0].rpartition(".")[2]
        while each in own:
            for parameter, described in own[each].items():
                fields.setdefault((name, parameter), described)
            each = parents[each]
    return Source(classes, roles, fields)


def _fields_of(text: str, constants: dict[str, str]) -> Iterator[tuple[str, tuple[str, int]]]:
    for annotation, field in _FIELD.findall(text):
        given = re.search(r'name\s*=\s*(?:"(\w+)"|(?:\w+\.)?(\w+))', annotation)
        length = re.search(r"length\s*=\s*(\d+)", annotation)
        if given is not None:
            yield given[1] or constants.get(given[2], ""), (field, int(length[1]) if length else _USUAL_LENGTH)


def _name(annotation: str, text: str) -> str | None:
    """A command's name as its annotation gives it, directly or by a constant of the class."""
    found = re.search(r'name\s*=\s*(?:"(\w+)"|(?:\w+\.)*(\w+))', annotation)
    if found is None or found[1]:
        return found and found[1]
    constant = re.search(rf'\b{found[2]}\s*=\s*"(\w+)"', text)
    return constant and constant[1]


def listed(recorded: list[dict[str, Any]], source: Path, names: set[str]) -> dict[str, Any]:
    """The document; responses that are equal are one shape."""
    known = read_source(source)
    shapes: list[str] = []

    def shape(fields: list[dict[str, Any]]) -> int:
        text = json.dumps([_field(each, shape) for each in fields])
        if text not in shapes:
            shapes.append(text)
        return shapes.index(text)

    commands = {}
    for each in sorted(recorded, key=lambda each: str(each["name"])):
        name = each["name"]
        if name not in names:
            continue
        commands[name] = {
            "async": each["async"],
            "roles": [role for role in _ROLES if role in known.roles[name]],
            "classes": known.classes[name],
            "params": [
                _parameter(parameter, *known.fields.get((name, parameter["name"]), (parameter["name"], _USUAL_LENGTH)))
                for parameter in each["params"]
            ],
            "response": shape(each["response"]),
        }
    return {"commands": commands, "shapes": [json.loads(text) for text in shapes]}


def _parameter(given: dict[str, Any], field: str, length: int) -> list[Any]:
    """Name, type, whether required; then since when, the field and the length, as far as there is something to tell."""
    shown = field if given["type"] == "string" and field != given["name"] else ""
    rest = [given.get("since", ""), shown, 0 if length == _USUAL_LENGTH else length]
    while rest and not rest[-1]:
        rest.pop()
    return [given["name"], given["type"], given.get("required", False), *rest]


def _field(given: dict[str, Any], shape: Any) -> list[Any]:
    if not given.get("name"):
        return []
    inner = given.get("response")
    return [given["name"], given["type"], *([shape(inner)] if inner else [])]


def written(document: dict[str, Any]) -> str:
    """A line for each command and each shape, so that a change shows as one."""
    compact = (",", ":")
    commands = [f"{json.dumps(k)}:{json.dumps(v, separators=compact)}" for k, v in document["commands"].items()]
    shapes = [json.dumps(each, separators=compact) for each in document["shapes"]]
    return '{"commands":{\n' + ",\n".join(commands) + '\n},"shapes":[\n' + ",\n".join(shapes) + "\n]}\n"


def main(recording: str, source: str, *added: str) -> None:
    recorded = json.loads(Path(recording).read_text(encoding="utf-8"))
    names = set(json.loads(LISTED.read_text(encoding="utf-8"))["commands"]) | set(added)
    unknown = set(added) - {each["name"] for each in recorded}
    if unknown:
        sys.exit(f"not in {recording}: {', '.join(sorted(unknown))}")
    LISTED.write_text(written(listed(recorded, Path(source), names)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
