"""docs/audit.md has every state, and its example runs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from harness.audit.states import STATES
from tests.audit.clouds import AuditedCloud

PAGE = (Path(__file__).parents[2] / "docs" / "audit.md").read_text(encoding="utf-8")


def test_every_state_is_in_the_table_as_it_is_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\w+) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    assert {row[0]: row[1:] for row in rows} == {
        state.id: (state.grade.value, state.says, state.mend.value) for state in STATES.values()
    }


def test_the_example_runs(cloud: AuditedCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.fresh()
    cloud.deploy(requested=False)
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    monkeypatch.chdir(tmp_path)
    for name in ("cloud.toml", "secret_key", "known_hosts"):
        os.symlink(cloud.folder / name, tmp_path / name)
    printed: list[tuple[object, ...]] = []
    exec(example[1], {"print": lambda *words: printed.append(words)})  # noqa: S102 - our own page
    assert [(account, states) for account, _, states, _ in printed] == [("admin", ["flag-off"])]
