"""The published JSON Schema of the environment file is that of the models."""

import json
from pathlib import Path

from harness.run.environment_schema import environment_schema

_DOCS = Path(__file__).parents[2] / "docs"


def test_the_published_schema_is_fresh() -> None:
    assert (_DOCS / "environment.schema.json").read_text(encoding="utf-8") == environment_schema()


def test_it_knows_every_table_and_forbids_others() -> None:
    schema = json.loads(environment_schema())
    assert {"api", "cloud", "hosts", "guest", "logs", "allow", "time_limits"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert "lab" not in schema["properties"]
