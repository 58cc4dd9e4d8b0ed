"""Whether hardware runs a guest is found out by running one."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.lab.kvm.acceleration import VARIABLE, AccelerationError, domain_type, runs_a_guest
from harness.lab.remains import boot_id


@pytest.mark.kvm
def test_the_trial_guest_runs_to_its_end_under_emulation(tmp_path: Path) -> None:
    assert runs_a_guest("tcg", tmp_path, seconds=20.0)


@pytest.mark.kvm
def test_a_trial_that_does_not_end_in_time_counts_as_no(tmp_path: Path) -> None:
    assert not runs_a_guest("tcg", tmp_path, seconds=0.001)


@pytest.mark.kvm
def test_the_answer_is_that_of_the_hardware_and_is_kept_until_the_next_boot(
    tmp_path: Path,
) -> None:
    (tmp_path / "kvm-works-earlier-boot").write_text("yes")
    answer = domain_type(tmp_path, "auto")
    assert answer == ("kvm" if runs_a_guest("kvm", tmp_path) else "qemu")
    assert domain_type(tmp_path, "auto") == answer
    if Path("/dev/kvm").exists():
        assert [kept.name for kept in tmp_path.glob("kvm-works-*")] == [f"kvm-works-{boot_id()}"]


def test_emulation_can_be_asked_for_without_a_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "tcg")
    assert domain_type(tmp_path) == "qemu"
    assert list(tmp_path.iterdir()) == []


def test_hardware_that_does_not_run_is_refused_when_it_was_asked_for(tmp_path: Path) -> None:
    (tmp_path / f"kvm-works-{boot_id()}").write_text("no")
    with pytest.raises(AccelerationError, match="does not run a guest here"):
        domain_type(tmp_path, "kvm")


def test_an_unknown_wish_is_refused_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "warp")
    with pytest.raises(AccelerationError, match="CS_HARNESS_ACCEL=warp: must be auto, kvm or tcg"):
        domain_type(tmp_path)
