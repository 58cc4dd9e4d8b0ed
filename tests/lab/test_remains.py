"""What is recorded is removed, and nothing else, whenever the lab was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.lab.remains import NotSweptError, Remains, process_stat, recorded, sweep
from harness.waiting import wait_until

UP = """
import sys
from pathlib import Path
from harness.lab.kvm.fleet import KvmFleet
from harness.lab.topology import DEFAULT_LAB

state, lab_id, cache = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
fleet = KvmFleet(DEFAULT_LAB.hosts, state, lab_id, cache, acceleration="tcg")
hosts = fleet.up()
boot = fleet.guest_boot
hosts[0].hypervisor.start(
    f"<domain type='qemu'><name>guest-{lab_id}</name><memory>131072</memory>"
    f"<os><type machine='pc'>hvm</type><kernel>{boot.kernel}</kernel><initrd>{boot.initrd}</initrd></os></domain>"
)
(state / "running").touch()
sys.stdin.read()
"""


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


def test_a_sweep_removes_what_was_recorded_and_can_be_repeated(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    record, folder = tmp_path / "record", tmp_path / "folder"
    remains = Remains(record)
    remains.directories(folder, tmp_path / "never-made")
    (folder / "deep").mkdir(parents=True)
    remains.process(sleeper.pid)
    sweep(record)
    assert sleeper.wait() == -signal.SIGKILL
    assert list(tmp_path.iterdir()) == []
    sweep(record)


def test_a_process_that_took_over_a_recorded_pid_is_left_alone(
    tmp_path: Path, sleeper: subprocess.Popen[bytes]
) -> None:
    record = tmp_path / "record"
    Remains(record).process(sleeper.pid)
    started = process_stat(sleeper.pid)
    assert started is not None
    record.write_text(record.read_text().replace(str(started.started), str(started.started - 1)))
    sweep(record)
    assert sleeper.poll() is None


def test_a_process_of_an_earlier_boot_is_left_alone(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    record = tmp_path / "record"
    Remains(record).process(sleeper.pid)
    record.write_text(record.read_text().replace('"boot": "', '"boot": "0'))
    sweep(record)
    assert sleeper.poll() is None


def test_a_line_that_a_crash_cut_off_is_passed_over(tmp_path: Path) -> None:
    record = tmp_path / "record"
    Remains(record).directories(tmp_path / "one")
    with record.open("a") as file:
        file.write('{"kind": "directory", "na')
    assert [thing.name for thing in recorded(record)] == [str(tmp_path / "one")]


def test_what_cannot_be_removed_is_named_and_stays_on_record_while_the_rest_goes(tmp_path: Path) -> None:
    record, removable, file = tmp_path / "record", tmp_path / "removable", tmp_path / "a-file"
    removable.mkdir()
    file.touch()
    Remains(record).directories(removable, file)
    with pytest.raises(NotSweptError, match="a-file"):
        sweep(record)
    assert not removable.exists()
    assert [thing.name for thing in recorded(record)] == [str(file)]


def lines(record: Path) -> int:
    return len(recorded(record))


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "first line": lambda state: lines(state / "remains.jsonl") >= 1,
    "switch about to start": lambda state: lines(state / "remains.jsonl") >= 4,
    "network being made": lambda state: lines(state / "remains.jsonl") >= 5,
    "first host": lambda state: lines(state / "remains.jsonl") >= 15,
    "last host": lambda state: (state / "hosts" / "kvm3" / "init.log").exists(),
    "libvirtd starting": lambda state: (state / "hosts" / "kvm2" / "var-log-libvirt" / "libvirtd.log").exists(),
    "guest running": lambda state: (state / "running").exists(),
}


@pytest.mark.kvm
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_lab_killed_at_any_moment_is_swept_without_a_trace(moment: str, tmp_path: Path, image_cache: Path) -> None:
    lab_id = os.urandom(4).hex()
    state, cache = tmp_path / "state", image_cache
    with subprocess.Popen([sys.executable, "-c", UP, state, lab_id, cache], stdin=subprocess.PIPE) as lab:
        wait_until(moment, lambda: MOMENTS[moment](state), bool, 60.0, first_pause_s=0.001, longest_pause_s=0.001)
        lab.kill()
    sweep(state / "remains.jsonl")
    sweep(state / "remains.jsonl")
    # What was started but not recorded ends by itself, at once, for want of the go-ahead.
    wait_until("processes to be gone", lambda: processes_of(lab_id, state), lambda found: not found, 2.0)
    assert [path.name for path in state.iterdir() if path.name != "running"] == []
    assert [link.name for link in Path("/sys/class/net").iterdir() if lab_id in link.name] == []
    assert [str(group) for group in Path("/sys/fs/cgroup").glob("**/csl-*") if lab_id in group.name] == []
    mounts = Path("/proc/mounts").read_text().splitlines()
    assert [mount for mount in mounts if lab_id in mount or str(state) in mount] == []


@pytest.mark.kvm
def test_a_lab_killed_while_it_builds_the_guest_image_leaves_no_half_of_it(tmp_path: Path) -> None:
    lab_id, state, cache = os.urandom(4).hex(), tmp_path / "state", tmp_path / "cache"
    with subprocess.Popen([sys.executable, "-c", UP, state, lab_id, cache], stdin=subprocess.PIPE) as lab:
        wait_until("the work folder", lambda: list(cache.glob("work-*")), bool, 60.0, longest_pause_s=0.01)
        lab.kill()
    sweep(state / "remains.jsonl")
    assert list(state.iterdir()) == []
    assert [path.name for path in cache.iterdir() if path.name != "packages"] == []


def processes_of(lab_id: str, state: Path) -> list[str]:
    """Command lines of processes that carry the lab's mark in their environment or arguments."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes()
            environment = (folder / "environ").read_bytes()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        mark = lab_id.encode()
        if int(folder.name) != os.getpid() and (mark in arguments or mark in environment or bytes(state) in arguments):
            found.append(arguments.replace(b"\0", b" ").decode(errors="replace"))
    return found
