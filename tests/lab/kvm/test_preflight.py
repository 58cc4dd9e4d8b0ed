"""What is missing is said in short reasons."""

from __future__ import annotations

import pytest

from harness.lab.kvm import preflight


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(preflight.PROGRAMS, "no-such-libvirtd", "libvirt-nowhere")
    assert "no no-such-libvirtd (package libvirt-nowhere)" in preflight.missing()


def test_someone_who_is_not_root_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "not root (sudo would do)" in preflight.missing()
