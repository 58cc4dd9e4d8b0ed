"""The example of docs/predict.md runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from harness.cloud import offerings
from harness.reference.offering import Offering
from tests.audit.clouds import AuditedCloud
from tests.audit.conftest import cloud as cloud

PAGE = (Path(__file__).parents[2] / "docs" / "predict.md").read_text(encoding="utf-8")


def test_the_example_runs(cloud: AuditedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.fresh()
    instance = cloud.deploy()
    offerings.create(cloud.api, Offering("", "large", 2, 1000, 512, cpu_cap=True))
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    monkeypatch.chdir(tmp_path)
    for name in ("cloud.toml", "secret_key", "known_hosts"):
        os.symlink(cloud.folder / name, tmp_path / name)
    printed: list[tuple[object, ...]] = []
    exec(example[1].replace("vm-1", instance), {"print": lambda *words: printed.append(words)})  # noqa: S102
    assert printed == [("in place", None, 5000)]
