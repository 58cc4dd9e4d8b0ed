"""The published schema of results.json, as JSON Schema and as the page docs/results.md."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from harness.report.markdown_text import escaped, table
from harness.run.record import RunRecord

MARKDOWN_COMMAND = "cs-harness report --schema markdown > docs/results.md"

_ABOUT = """It is written anew after each case, so a killed run leaves a readable one; `finished` is null then.
Everything else in a run's folder is made from it: `cs-harness report RUN`. The same as JSON Schema:
`cs-harness report --schema json`."""
_VERSIONS = """The version grows when a field changes its meaning or goes; a new field with a default keeps it.
A file of another version is refused with a line that says so. Times without a unit in their name are seconds."""


def schema_text() -> str:
    return json.dumps(RunRecord.model_json_schema(), indent=2) + "\n"


def schema_markdown() -> str:
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    schema = RunRecord.model_json_schema()
    version = schema["properties"]["schema_version"]["default"]
    yield "# results.json"
    yield ""
    yield f"Made by `{MARKDOWN_COMMAND}` from the models in `harness/run/record.py`; do not edit it by hand."
    yield ""
    yield f"The one truth of a run, schema version **{version}**. {_ABOUT}"
    yield ""
    yield _VERSIONS
    definitions = schema["$defs"]
    yield from _model("RunRecord", schema)
    for name, definition in definitions.items():
        yield from _enumeration(name, definition) if "enum" in definition else _model(name, definition)


def _model(name: str, definition: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"## {name}", "")
    if text := definition.get("description"):
        yield from (escaped(" ".join(text.split()), "*<>"), "")
    required = set(definition.get("required", []))
    yield from table(
        ["field", "type", "default"],
        (
            [f"`{field}`", _type(given), "" if field in required else f"`{json.dumps(given.get('default'))}`"]
            for field, given in definition["properties"].items()
        ),
    )


def _enumeration(name: str, definition: dict[str, Any]) -> Iterator[str]:
    yield from ("", f"## {name}", "")
    if text := definition.get("description"):
        yield from (escaped(" ".join(text.split()), "*<>"), "")
    yield ", ".join(f"`{json.dumps(value)}`" for value in definition["enum"])


def _type(given: dict[str, Any]) -> str:
    if "$ref" in given:
        name = given["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in given:
        return " or ".join(map(_type, given["anyOf"]))
    if given.get("type") == "array":
        return f"list of {_type(given['items'])}"
    if given.get("type") == "object":
        inner = given.get("additionalProperties", {})
        return f"object of {_type(inner)}" if isinstance(inner, dict) and inner else "object"
    return str(given.get("format", given.get("type", "anything")))
