"""Root disks of instances."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.lab.agent.disks import DiskError, Disks

_VOLUME = "c9a29fc6-4427-49ca-b5fc-21475f47461c"


def test_without_a_directory_no_file_is_touched() -> None:
    disks = Disks(None)
    disks.create(_VOLUME)
    disks.remove(_VOLUME)
    assert disks.path(_VOLUME).endswith(_VOLUME)


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
def test_a_disk_is_a_qcow2_file_that_is_made_once_and_removed(tmp_path: Path) -> None:
    disks = Disks(tmp_path)
    disks.create(_VOLUME)
    made = Path(disks.path(_VOLUME))
    assert made.read_bytes()[:4] == b"QFI\xfb"
    before = made.stat().st_mtime_ns
    disks.create(_VOLUME)
    assert made.stat().st_mtime_ns == before
    disks.remove(_VOLUME)
    disks.remove(_VOLUME)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")
def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="could not make"):
        Disks(tmp_path / "gone").create(_VOLUME)


def test_without_qemu_img_the_error_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DiskError, match="is qemu-img installed"):
        Disks(tmp_path).create(_VOLUME)


def test_a_disk_that_cannot_be_removed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / _VOLUME).mkdir()
    with pytest.raises(DiskError, match="cannot remove"):
        Disks(tmp_path).remove(_VOLUME)
