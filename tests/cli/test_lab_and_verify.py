"""The console door, as a person uses it: in a shell, with simulated hosts."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from harness.pytest_plugin.cases import case_id
from harness.reference.known_defects import KNOWN_DEFECTS
from harness.run.record import load
from harness.waiting import wait_until

COMMAND = str(Path(sys.executable).with_name("cs-harness"))
CASES_FOLDER = Path(__file__).parents[2] / "testcases"


# Another order and other cases each time: those of a failure are in what it prints.
_CHANCE = random.SystemRandom()


class _Ids:
    """A plugin that keeps the ids of the cases that pytest finds."""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.found = [case_id(item) for item in session.items]


@pytest.fixture(scope="module")
def case_ids() -> list[str]:
    plugin = _Ids()
    arguments = [str(CASES_FOLDER), "--collect-only", "--rootdir", str(CASES_FOLDER), "--config-file", "/dev/null"]
    assert pytest.main([*arguments, "-p", "no:terminal", "-p", "no:cacheprovider"], plugins=[plugin]) == 0
    return plugin.found


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=200, check=False)

    return run


def test_any_few_cases_are_as_expected_by_themselves_and_side_by_side(
    shell, case_ids: list[str], tmp_path: Path
) -> None:
    few = _CHANCE.sample(case_ids, 12)
    options = ["--hosts", "simulated", "--workers", "3", "--shuffle", "1", "--allow-unverified", "all"]
    done = shell("verify", *options, "--select", ",".join(few))
    assert done.returncode == 0, f"--select {','.join(few)}\n{done.stdout}{done.stderr}"
    outcomes = {case.id: case.outcome.value for case in load(tmp_path / "reports" / "latest").cases}
    assert outcomes.keys() == set(few)
    assert set(outcomes.values()) <= {"passed", "known defect"}, outcomes


@pytest.mark.parametrize("release", ["4.22", "4.23"])
def test_every_case_is_as_expected_on_either_release_in_any_order(
    shell, case_ids: list[str], tmp_path: Path, release: str
) -> None:
    done = shell("verify", "--hosts", "simulated", "--release", release, "--shuffle", str(_CHANCE.randrange(10**6)))
    assert done.returncode == 0, done.stdout + done.stderr
    record = load(tmp_path / "reports" / "latest")
    defects = {*KNOWN_DEFECTS, "RACE-02"} - ({"DEF-03", "DEF-04"} if release == "4.22" else set())
    expected = {name: "known defect" if name in defects else "passed" for name in case_ids}
    assert {case.id: case.outcome.value for case in record.cases} == expected
    assert len(record.cases) == len(case_ids) == len({case.title for case in record.cases})
    assert record.workers == 3
    assert record.environment is not None
    assert record.environment.release == release
    assert "were not verified on real parts" in done.stdout
    counted = f"{len(case_ids) - len(defects)} passed, {len(defects)} known defect on CloudStack {release}"
    assert counted in done.stdout
    assert done.stderr == ""
    assert not (tmp_path / ".lab").exists()


def test_cases_about_known_defects_pass_where_they_are_mended(shell, tmp_path: Path) -> None:
    done = shell("verify", "--hosts", "simulated", "--mended", "--select", "DEF,RACE,MIG")
    assert done.returncode == 0, done.stdout + done.stderr
    record = load(tmp_path / "reports" / "latest")
    assert {case.outcome.value for case in record.cases} == {"passed"}


def test_json_is_the_record_and_nothing_else(shell, tmp_path: Path) -> None:
    done = shell("verify", "--hosts=simulated", "--select=NEG", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout) == json.loads((tmp_path / "reports/latest/results.json").read_text())


def test_hours_on_a_virtual_clock_are_over_at_once(shell, tmp_path: Path) -> None:
    (tmp_path / "slow.toml").write_text("deploy = 3600\nscale = [1000, 2000]\n")
    done = shell("verify", "--hosts=simulated", "--select=LS-01", "--latency=slow.toml", "--clock=virtual")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify", "--hosts=simulated", "--select=FOO"], "ERROR: --select FOO: no such case; there are CAP-01"),
        (["verify", "--cloud=none.toml"], "cs-harness: none.toml: cannot be read: No such file or directory"),
        (["verify", "--hosts=simulated", "--reports=/proc/none"], "cs-harness: /proc/none: No such file or directory"),
        (["verify", "--release=next"], "cs-harness: --release next: not a CloudStack version"),
        (["lab", "up", "--hosts=simulated", "--latency=none.toml"], "cs-harness: the lab did not come up: none"),
        (["lab", "up", "--release=next"], "cs-harness: --release next: not a CloudStack version"),
    ],
)
def test_wrong_input_ends_in_one_line_and_two(shell, arguments: list[str], says: str) -> None:
    done = shell(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(says)
    assert len(done.stderr.strip().splitlines()) == 1


def test_options_that_do_not_exist_end_with_two(shell) -> None:
    assert shell("verify", "--hosts=vmware").returncode == 2
    assert shell("verify", "--unknown").returncode == 2


def test_a_lab_is_kept_for_hand_work_and_verified_by_its_own_file(shell, tmp_path: Path) -> None:
    assert shell("lab", "status").returncode == 1
    up = shell("lab", "up", "--hosts=simulated")
    assert up.returncode == 0, up.stderr
    files = {line.split(": ")[0]: line.split(": ")[1] for line in up.stdout.splitlines() if line.startswith("for ")}
    assert shell("lab", "up", "--hosts=simulated").stderr.startswith("cs-harness: a lab is up in")
    status = shell("lab", "status")
    assert status.returncode == 0
    assert re.search(r"^host +kvm2 +cluster-a +Up +16 x 2500 MHz, 8192 MiB +CPU 0 MHz", status.stdout, re.MULTILINE)
    told = json.loads(shell("lab", "status", "--json").stdout)
    assert (told["kind"], [host["name"] for host in told["state"]["hosts"]]) == ("simulated", ["kvm1", "kvm2", "kvm3"])
    done = shell("verify", "--cloud", files["for --cloud"], "--select=LS-01")
    assert done.returncode == 0, done.stdout
    listed = subprocess.run(
        [str(Path(COMMAND).with_name("cs")), "listHosts", "type=Routing"],
        env={**os.environ, "CLOUDSTACK_CONFIG": files["for cs command"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert listed.returncode == 0, listed.stderr
    assert {host["name"] for host in json.loads(listed.stdout)["host"]} == {"kvm1", "kvm2", "kvm3"}
    marvin = json.loads(Path(files["for Marvin"]).read_text())
    assert marvin["mgtSvr"][0]["port"] == urlsplit(told["endpoint"]).port
    assert marvin["zones"][0]["pods"][0]["clusters"][0]["hosts"][0]["username"] == "root"
    assert shell("lab", "down").stdout == "the lab is down\n"
    assert shell("lab", "down").stdout == "no lab is up in .lab\n"
    assert not (tmp_path / ".lab").exists()


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cleans_up_and_leaves_a_readable_record(tmp_path: Path, number: int) -> None:
    results = tmp_path / "reports" / "latest"
    process = subprocess.Popen([COMMAND, "verify", "--hosts=simulated"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def cases() -> int:
        return len(load(results).cases)

    wait_until("the first case", cases, lambda seen: seen > 0, 20, transient=(FileNotFoundError,))
    process.send_signal(number)
    out, _ = process.communicate(timeout=30)
    record = load(results)
    assert process.returncode == 2
    assert record.could_not_run == "it was interrupted"
    assert record.leftovers == []
    assert record.finished is not None
    assert b"it was interrupted" in out
    assert not (tmp_path / ".lab").exists()


def test_a_large_lab_has_the_hosts_and_instances_that_were_asked_for(shell, tmp_path: Path) -> None:
    size = ("--clusters=2", "--hosts-per-cluster=15", "--instances=40")
    up = shell("lab", "up", "--hosts=simulated", *size)
    try:
        assert "  30 hosts in 2 clusters; " in up.stdout
        listed = subprocess.run(
            [str(Path(COMMAND).with_name("cs")), "listVirtualMachines", "listall=true"],
            env={**os.environ, "CLOUDSTACK_CONFIG": str(tmp_path / ".lab" / "lab" / "cloudstack.ini")},
            capture_output=True,
            text=True,
            check=False,
        )
        assert json.loads(listed.stdout)["count"] == 40
    finally:
        shell("lab", "down")
