"""What a machine is said to lack for a CloudStack of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.lab.cloudstack import preflight


def test_too_little_memory_is_said_with_both_figures(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable:    2048000 kB\n", encoding="ascii")
    assert "too little memory: 2000 MiB are available, 5120 MiB are needed" in preflight.missing(meminfo)


def test_enough_memory_is_not_mentioned(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemAvailable:    20480000 kB\n", encoding="ascii")
    assert not [reason for reason in preflight.missing(meminfo) if "memory" in reason]


def test_a_program_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "SYSTEM_PATH", "/nowhere")
    assert "no mariadbd (package mariadb-server-core)" in preflight.missing()


def test_what_is_missing_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "SYSTEM_PATH", "/nowhere")
    with pytest.raises(preflight.CannotRunError, match="no java") as refused:
        preflight.require()
    assert "\n" not in str(refused.value)
