"""A small Java program of ours, and the environment file of a cloud in which it would run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.run.environment import Environment, load

DATA = Path(__file__).parents[1] / "data" / "coverage"
TREE = DATA / "tree"
DIFF = DATA / "change.diff"


def environment(folder: Path, cli: Path, servers: Mapping[str, str], classes: Sequence[str]) -> Environment:
    file = folder / "cloud.toml"
    tables = {
        "api": {"endpoint": "http://127.0.0.1:1/client/api", "api_key": "key", "secret_key_file": "secret"},
        "cloud": {"zone": "zone", "template": "template"},
        "coverage": {"jacoco_cli": str(cli), "classes": list(classes), "sources": str(TREE)},
        "coverage.servers": dict(servers),
    }
    parts = (
        f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for table, values in tables.items()
    )
    file.write_text("\n".join(parts), encoding="utf-8")
    return load(file)
