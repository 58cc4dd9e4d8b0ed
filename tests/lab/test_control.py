"""Labs as processes: up, status, down, and what becomes of them when somebody dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.lab.control import (
    HostsChoice,
    LabFailedError,
    choose_hosts,
    embedded_lab,
    end_kept_lab,
    kept_lab,
    lab_path,
    start_kept_lab,
)
from harness.lab.folder import LabDescription, LabFolder, clear_dead_labs
from harness.lab.options import LabOptions
from harness.lab.remains import process_stat
from harness.waiting import wait_until


@pytest.fixture(autouse=True)
def cache(image_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(image_cache.parent))


@pytest.fixture
def state(tmp_path: Path):
    folder = tmp_path / "state"
    yield folder
    end_kept_lab(folder)


def _wait_until_gone(pid: int) -> None:
    def look() -> bool:
        seen = process_stat(pid)
        return seen is None

    wait_until(f"process {pid} to end", look, bool, 20)


def test_a_lab_can_be_had_without_the_known_defects_of_its_release(state: Path) -> None:
    assert start_kept_lab(state, "simulated", "4.22", LabOptions(mended=True)).mended
    assert kept_lab(state).mended


def test_a_kept_lab_goes_on_until_it_is_taken_down(state: Path) -> None:
    description = start_kept_lab(state, "simulated", "4.23")
    assert kept_lab(state) == description
    assert not description.mended
    assert [host.name for host in description.hosts] == ["kvm1", "kvm2", "kvm3"]
    files = {path.name for path in lab_path(state).iterdir()}
    assert {"cloud.toml", "cloudstack.ini", "marvin.cfg"} <= files
    assert oct((lab_path(state) / "secret_key").stat().st_mode)[-3:] == "600"
    assert end_kept_lab(state) is True
    assert kept_lab(state) is None
    assert not state.exists()
    assert end_kept_lab(state) is False


def test_a_second_lab_in_the_same_place_is_refused(state: Path) -> None:
    start_kept_lab(state, "simulated", "4.23")
    with pytest.raises(LabFailedError, match=r"a lab is up in .* already; `cs-harness lab down` ends it"):
        start_kept_lab(state, "simulated", "4.23")


def test_a_lab_is_known_to_whoever_has_another_home(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    description = start_kept_lab(state, "simulated", "4.23")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert kept_lab(state) == description
    clear_dead_labs(state)
    with pytest.raises(LabFailedError, match="a lab is up"):
        start_kept_lab(state, "simulated", "4.23")
    assert end_kept_lab(state) is True
    _wait_until_gone(description.pid)
    assert not state.exists()


def test_two_labs_from_two_places_do_not_meet(state: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    first = start_kept_lab(state, "simulated", "4.22")
    second = start_kept_lab(other, "simulated", "4.23")
    try:
        assert first.endpoint != second.endpoint
        assert end_kept_lab(state)
        assert kept_lab(other) == second
    finally:
        end_kept_lab(other)


def test_what_a_killed_lab_left_is_removed_by_the_next_down(state: Path) -> None:
    description = start_kept_lab(state, "simulated", "4.23")
    os.kill(description.pid, signal.SIGKILL)
    _wait_until_gone(description.pid)
    assert kept_lab(state) is None
    assert lab_path(state).exists()
    assert end_kept_lab(state) is True
    assert not state.exists()


CLI = "from harness.cli import main; main()"


def test_a_start_that_is_stopped_says_so_in_a_line_and_leaves_no_lab(state: Path) -> None:
    # One that takes long enough to be met in the middle.
    command = [sys.executable, "-c", CLI, "lab", "up", "--hosts=simulated", "--clusters=20", "--hosts-per-cluster=30"]
    with subprocess.Popen(
        [*command, f"--state={state}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as starting:
        while not state.exists():
            assert starting.poll() is None
        starting.send_signal(signal.SIGINT)
        said = starting.communicate(timeout=60)
    assert (starting.returncode, said) == (
        2,
        ("", "cs-harness: stopped before the lab was up; what was started of it is down again\n"),
    )
    assert kept_lab(state) is None
    assert not state.exists()


def test_an_embedded_lab_ends_with_its_block(state: Path) -> None:
    with embedded_lab(state, "simulated", "4.23") as cloud_file:
        assert cloud_file.exists()
    assert not state.exists()


OWNER = """
import sys, time
from pathlib import Path
from harness.lab.control import embedded_lab
with embedded_lab(Path(sys.argv[1]), sys.argv[2], "4.23") as cloud_file:
    print(cloud_file, flush=True)
    sys.stdin.read()
"""


def _owner(state: Path, kind: str) -> tuple[subprocess.Popen[str], LabDescription]:
    command = [sys.executable, "-c", OWNER, str(state), kind]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    cloud_file = Path(owner.stdout.readline().strip())
    description = LabFolder(state, cloud_file.parent.name).description()
    assert description is not None
    return owner, description


def _end(owner: subprocess.Popen[str]) -> None:
    owner.wait(20)
    for stream in (owner.stdin, owner.stdout):
        assert stream is not None
        stream.close()


def test_a_lab_goes_down_by_itself_when_its_owner_is_killed(state: Path) -> None:
    owner, description = _owner(state, "simulated")
    owner.kill()
    _wait_until_gone(description.pid)
    _end(owner)
    assert not state.exists()


def test_when_owner_and_lab_are_killed_the_next_one_removes_the_remains(state: Path) -> None:
    owner, description = _owner(state, "simulated")
    os.kill(description.pid, signal.SIGKILL)
    owner.kill()
    _wait_until_gone(description.pid)
    _end(owner)
    assert state.exists()
    clear_dead_labs(state)
    assert not state.exists()


def test_a_living_lab_is_not_cleared(state: Path) -> None:
    with embedded_lab(state, "simulated", "4.23") as cloud_file:
        clear_dead_labs(state)
        assert cloud_file.exists()


def test_what_no_lab_made_is_left_alone(state: Path) -> None:
    letters, empty = state / "letters" / "to-anna.txt", state / "empty"
    letters.parent.mkdir(parents=True)
    letters.write_text("dear Anna")
    empty.mkdir()
    (state / "lab-notes").symlink_to(letters.parent)
    start_kept_lab(state, "simulated", "4.23")
    assert end_kept_lab(state) is True
    assert end_kept_lab(state) is False
    assert sorted(path.name for path in state.iterdir()) == ["empty", "lab-notes", "letters"]
    assert letters.read_text() == "dear Anna"


def test_a_lab_takes_no_folder_in_which_there_is_something_else(state: Path) -> None:
    notes = lab_path(state) / "notes.txt"
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    with pytest.raises(LabFailedError, match=r"did not come up: .*lab was made by no lab; choose another --state"):
        start_kept_lab(state, "simulated", "4.23")
    assert end_kept_lab(state) is False
    assert notes.read_text() == "mine"


def test_a_lab_that_cannot_come_up_says_why(state: Path) -> None:
    with pytest.raises(LabFailedError, match=r"the lab did not come up: .*no CloudStack version"):
        start_kept_lab(state, "simulated", "x")
    assert not state.exists()


def test_simulated_hosts_are_chosen_where_they_are_wished() -> None:
    assert choose_hosts("simulated") == HostsChoice("simulated")


def _addresses(cloud_file: Path) -> set[str]:
    description = LabFolder(cloud_file.parents[1], cloud_file.parent.name).description()
    assert description is not None
    return {host.address for host in description.hosts}


def _kernel_objects() -> tuple[str, ...]:
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob("*/csl*")]
    return tuple(sorted([line.split()[0] for line in links.splitlines()] + groups))


@pytest.mark.kvm
def test_kvm_hosts_of_a_killed_lab_are_removed_by_the_next_down(state: Path) -> None:
    before = _kernel_objects()
    description = start_kept_lab(state, "kvm", "4.23")
    assert _kernel_objects() != before
    os.kill(description.pid, signal.SIGKILL)
    _wait_until_gone(description.pid)
    assert _kernel_objects() != before
    assert end_kept_lab(state)
    assert _kernel_objects() == before
    assert not state.exists()


@pytest.mark.kvm
def test_kvm_hosts_go_when_the_owner_of_their_lab_is_killed(state: Path) -> None:
    before = _kernel_objects()
    owner, description = _owner(state, "kvm")
    owner.kill()
    _wait_until_gone(description.pid)
    _end(owner)
    assert _kernel_objects() == before
    assert not state.exists()


@pytest.mark.kvm
def test_two_labs_of_kvm_hosts_run_side_by_side(state: Path, tmp_path: Path) -> None:
    before = _kernel_objects()
    with embedded_lab(state, "kvm", "4.23") as first, embedded_lab(tmp_path / "other", "kvm", "4.22") as second:
        assert not _addresses(first) & _addresses(second)
    assert _kernel_objects() == before
