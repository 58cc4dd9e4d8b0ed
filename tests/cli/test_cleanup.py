"""After a run that was killed, `cs-harness cleanup` brings the cloud back to what it was."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cloud import configuration
from harness.cloud.client import CloudApi
from harness.cloud.configuration import Place
from harness.reference.settings import ENABLE_DYNAMIC_SCALE, SETTINGS
from harness.run.ledger import LEDGER_FILE, InstanceMade, Ledger, OfferingMade, SettingChanged
from harness.waiting import wait_until
from tests.conftest import SimulatedLab

_CLI = [sys.executable, "-c", "from harness.cli import main; main()"]


def _cleanup(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*_CLI, "cleanup", *options], capture_output=True, text=True, timeout=120, check=False)


def _state(lab: SimulatedLab) -> dict[str, Any]:
    """Everything that a run may have touched."""
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    zone = api.list("listZones", "zone")[0]["id"]
    places = [Place(), Place(zone_id=zone)]
    places += [Place(cluster_id=cluster["id"]) for cluster in api.list("listClusters", "cluster")]
    settings = [
        (place, item["name"], item.get("value"))
        for place in places
        for item in api.list("listConfigurations", "configuration", **place.parameters())
        if item["name"] in SETTINGS
    ]
    lists = [
        ("listVirtualMachines", "virtualmachine"),
        ("listServiceOfferings", "serviceoffering"),
        ("listAccounts", "account"),
    ]
    named = {command: sorted(part["name"] for part in api.list(command, key, listall=True)) for command, key in lists}
    tags = [(host["name"], host.get("hosttags")) for host in api.list("listHosts", "host", type="Routing")]
    domains = {name: hypervisor.domain_names() for name, hypervisor in lab.hypervisors.items()}
    locks = [tag["key"] for tag in api.list("listTags", "tag", resourcetype="User", listall=True)]
    return {"locks": locks, "settings": settings, "named": named, "tags": tags, "domains": domains}


def _offerings(lab: SimulatedLab) -> set[str]:
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    return {offering["id"] for offering in api.list("listServiceOfferings", "serviceoffering")}


def _killed_run(
    lab: SimulatedLab,
    reports: Path,
    *,
    after_lines: int = 0,
    with_offering: bool = False,
    workers: int,
    cloud_file: Path | None = None,
) -> Path:
    """A run that is killed without warning once its ledger has so many unsettled lines; gives its folder.

    With `with_offering` one of them is of an offering that the cloud has by then.
    """
    cloud = str(cloud_file or lab.cloud_file)
    command = [*_CLI, "verify", "--cloud", cloud, "--reports", str(reports), "--workers", str(workers)]
    command += ["--select", "CAP,LIM,NEG,XML-0*"]
    nothing = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=nothing, stderr=nothing, start_new_session=True) as run:
        latest = reports / "latest" / LEDGER_FILE
        wait_until("the run's ledger", latest.exists, bool, 60)
        ledger = Ledger(latest)

        def is_time() -> bool:
            lines = ledger.unsettled()
            made = {line.change.id for line in lines if isinstance(line.change, OfferingMade) and line.change.id}
            return len(lines) >= after_lines and (not with_offering or bool(made & _offerings(lab)))

        def is_held_in_time() -> bool:
            """What the run has now may be gone in a moment, so it is held while that is looked at."""
            if not is_time():
                return False
            os.killpg(run.pid, signal.SIGSTOP)
            if is_time():
                return True
            os.killpg(run.pid, signal.SIGCONT)
            return False

        wait_until("lines in it", is_held_in_time, bool, 60, longest_pause_s=0.02)
        os.kill(run.pid, signal.SIGKILL)
        # Its workers end by themselves, as after a kill without a pause before.
        os.killpg(run.pid, signal.SIGCONT)
        run.wait()
    return (reports / "latest").resolve()


@pytest.mark.parametrize(("after_lines", "workers"), [(1, 1), (4, 1), (5, 3), (9, 3)])
def test_a_killed_run_is_cleaned_up_after(
    lab: SimulatedLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after_lines: int, workers: int
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    before = _state(lab)
    folder = _killed_run(lab, tmp_path / "reports", after_lines=after_lines, workers=workers)
    assert Ledger(folder / LEDGER_FILE).unsettled()
    done = _cleanup("--reports", str(tmp_path / "reports"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{folder.name}: taken back: " in done.stdout
    assert _state(lab) == before
    # pytest's own it removes when there are more than three.
    assert [file.name for file in temporary.iterdir() if not file.name.startswith("pytest-of-")] == []
    assert _cleanup("--reports", str(tmp_path / "reports")).stdout == "nothing is left of any run\n"


def test_what_somebody_else_set_meanwhile_stays_and_is_told(lab: SimulatedLab, tmp_path: Path) -> None:
    folder = _killed_run(lab, tmp_path / "reports", after_lines=2, workers=1)
    ledger = Ledger(folder / LEDGER_FILE)
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    cluster = api.list("listClusters", "cluster")[0]["id"]
    change = SettingChanged(
        name="cpu.overprovisioning.factor", former="1.0", ours="2.0", inherited=True, cluster_id=cluster
    )
    ledger.intend("CAP-01", change)
    configuration.update(api, change.name, "3.0", change.place)
    try:
        done = _cleanup("--reports", str(tmp_path / "reports"), "--run", folder.name)
        assert done.returncode == 2
        assert f"{folder.name}: stayed: setting cpu.overprovisioning.factor back to 1.0" in done.stdout
        assert "somebody else has set it to 3.0; left alone" in done.stdout
    finally:
        configuration.update(api, change.name, "2.0", change.place)
    assert _cleanup("--reports", str(tmp_path / "reports")).returncode == 0


def test_without_ledgers_what_bears_the_name_of_a_run_is_taken_away(lab: SimulatedLab, tmp_path: Path) -> None:
    before = _state(lab)
    folder = _killed_run(lab, tmp_path / "reports", with_offering=True, workers=1)
    ledger = Ledger(folder / LEDGER_FILE)
    settings = [line for line in ledger.unsettled() if isinstance(line.change, SettingChanged)]
    assert _cleanup("--from-cloud", "--cloud", str(lab.cloud_file), "--run", "20260101-000000-1").returncode == 0
    assert _state(lab)["named"] != before["named"]
    told = _cleanup("--from-cloud", "--cloud", str(lab.cloud_file))
    assert told.returncode == 2
    assert f"{folder.name}: stayed: offering csh-{folder.name}" in told.stdout
    # Nobody can see from here that the run is dead, whose lock holds for minutes.
    careful = _cleanup("--from-cloud", "--cloud", str(lab.cloud_file), "--all")
    assert careful.returncode == 2
    assert f"{folder.name}: stayed: its lock holds for " in careful.stdout
    assert _state(lab)["named"] != before["named"]
    done = _cleanup("--from-cloud", "--cloud", str(lab.cloud_file), "--run", folder.name)
    assert done.returncode == 0, done.stderr
    assert f"{folder.name}: taken back: offering csh-{folder.name}" in done.stdout
    assert _state(lab)["named"] == before["named"]
    assert settings
    assert _cleanup("--reports", str(tmp_path / "reports")).returncode == 0
    assert _state(lab) == before


def test_without_ledgers_settings_are_put_back_by_the_notes_on_the_cloud(lab: SimulatedLab, tmp_path: Path) -> None:
    before = _state(lab)
    reports, somebodys = tmp_path / "reports", lab.cloud_file.with_name("somebodys.toml")
    # A cloud that does not go with a lab.
    text = lab.cloud_file.read_text()
    begin = text.index("[lab]\n")
    end = text.find("\n[", begin)
    somebodys.write_text(text[:begin] + (text[end + 1 :] if end > 0 else ""))
    folder = _killed_run(lab, reports, with_offering=True, workers=2, cloud_file=somebodys)
    settings = [line for line in Ledger(folder / LEDGER_FILE).unsettled() if isinstance(line.change, SettingChanged)]
    assert settings
    shutil.rmtree(reports)
    told = _cleanup("--from-cloud", "--cloud", str(somebodys))
    assert f"{folder.name}: stayed: setting {settings[0].change.name} back to " in told.stdout
    done = _cleanup("--from-cloud", "--cloud", str(somebodys), "--run", folder.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{folder.name}: taken back: setting {settings[0].change.name} back to " in done.stdout
    wait_until("notes to be gone", lambda: _state(lab), lambda now: now == before, 5)


def test_a_run_leaves_no_notes_on_the_cloud(lab: SimulatedLab, tmp_path: Path) -> None:
    before, somebodys = _state(lab), lab.cloud_file.with_name("somebodys.toml")
    command = [*_CLI, "verify", f"--cloud={somebodys}", f"--reports={tmp_path}", "--select=LIM-05,LIM-06"]
    subprocess.run(command, capture_output=True, timeout=120, check=False)
    wait_until("notes to be gone", lambda: _state(lab)["locks"], lambda now: now == [], 5)
    assert _state(lab)["settings"] == before["settings"]


def test_a_run_that_goes_on_is_left_alone(lab: SimulatedLab, tmp_path: Path) -> None:
    command = [*_CLI, "verify", "--cloud", str(lab.cloud_file), "--reports", str(tmp_path), "--select", "CAP,NEG"]
    with subprocess.Popen([*command, "--workers", "1"], stdout=subprocess.DEVNULL) as run:
        latest = tmp_path / "latest" / LEDGER_FILE
        wait_until("the run's ledger", latest.exists, bool, 60)
        wait_until("a line in it", Ledger(latest).unsettled, bool, 60)
        done = _cleanup("--reports", str(tmp_path))
        assert done.returncode == 2
        assert "the run is still going on" in done.stdout
        second = subprocess.run([*command[:-1], "CAP-01"], capture_output=True, text=True, timeout=120, check=False)
        assert second.returncode == 2
        assert "zone lab-zone is locked by csh-" in second.stderr
        assert run.wait(timeout=120) == 0
    api = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    zone = api.list("listZones", "zone")[0]["id"]
    assert configuration.value(api, ENABLE_DYNAMIC_SCALE, Place(zone_id=zone)) == "false"


def test_what_was_on_a_lab_is_gone_with_it(tmp_path: Path) -> None:
    command = [*_CLI, "verify", "--hosts", "simulated", "--state", str(tmp_path / "state"), "--workers", "1"]
    with subprocess.Popen([*command, "--reports", str(tmp_path)], stdout=subprocess.DEVNULL) as run:
        latest = tmp_path / "latest" / LEDGER_FILE
        wait_until("the run's ledger", latest.exists, bool, 60)
        ledger = Ledger(latest)
        wait_until(
            "an instance in it",
            lambda: any(isinstance(line.change, InstanceMade) for line in ledger.unsettled()),
            bool,
            60,
        )
        run.kill()
    _remove_dead_labs(tmp_path / "state")
    done = _cleanup("--reports", str(tmp_path))
    assert done.returncode == 0, done.stdout
    assert "(gone with its lab)" in done.stdout


def _remove_dead_labs(state: Path) -> None:
    """What the next use of the state directory does."""
    subprocess.run([*_CLI, "lab", "down", "--state", str(state)], check=True, stdout=subprocess.DEVNULL)


def test_a_mistake_is_told_in_one_line(tmp_path: Path) -> None:
    nothing = _cleanup("--reports", str(tmp_path), "--run", "20260101-000000-1")
    assert nothing.returncode == 2
    assert nothing.stderr.startswith("cs-harness: --run 20260101-000000-1: there is no ledger in ")
    assert "give one of them" in _cleanup("--run", "x", "--all").stderr
    assert "--from-cloud needs --cloud FILE" in _cleanup("--from-cloud").stderr
