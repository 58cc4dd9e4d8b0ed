"""The environment file's JSON Schema, for editors and checkers: `python -m harness.run.environment_schema`."""

from __future__ import annotations

import json
import sys

from harness.run.environment import Environment


def environment_schema() -> str:
    """As docs/environment.schema.json has it: without the table that only the embedded lab writes."""
    schema = Environment.model_json_schema()
    del schema["properties"]["lab"], schema["$defs"]["Lab"]
    # The members of a set come in any order.
    schema["properties"]["allow"]["default"] = sorted(schema["properties"]["allow"]["default"])
    return json.dumps(schema, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(environment_schema())
