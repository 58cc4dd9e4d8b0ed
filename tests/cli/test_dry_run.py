"""A dry run tells what a run would change, in order, and changes nothing."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from harness.cloud.client import CloudApi
from tests.cli.test_cleanup import _state
from tests.conftest import SimulatedLab

_VERIFY = [sys.executable, "-c", "from harness.cli import main; main()", "verify"]


def _dry(lab: SimulatedLab, reports: Path, select: str, file: Path | None = None) -> subprocess.CompletedProcess[str]:
    cloud = ["--cloud", str(file or lab.cloud_file), "--select", select]
    command = [*_VERIFY, *cloud, "--reports", str(reports), "--dry-run"]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_nothing_is_changed_and_each_change_is_told_in_order(lab: SimulatedLab, tmp_path: Path) -> None:
    before = _state(lab)
    events = len(_events(lab))
    done = _dry(lab, tmp_path / "reports", "LIM-01,NEG-01,LIM-03,TAG-01,DEF-01")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _state(lab) == before
    assert len(_events(lab)) == events
    assert not (tmp_path / "reports").exists()
    lines = done.stdout.splitlines()
    zone = CloudApi(lab.endpoint, lab.api_key, lab.secret_key).list("listZones", "zone")[0]["id"]
    assert lines[0].startswith("createTags resourcetype=User ")
    assert f"cs-harness-until.{zone}." in lines[0]
    assert any(line.startswith("createAccount ") and "password=(hidden)" in line for line in lines[:9])
    assert f"updateConfiguration name=enable.dynamic.scale.vm value=true zoneid={zone}" in lines
    assert lines[-1].startswith("nothing was changed: ")
    assert re.search(
        r"(?s)\nNEG-01 .*\ncreateServiceOffering .*\ndeployVirtualMachine name=(?P<name>\S+).*"
        r"\nscaleVirtualMachine id=<id of (?P=name)> .*\ndestroyVirtualMachine id=<id of (?P=name)> expunge=true\n",
        done.stdout,
    )
    # What is made and set is told to be taken back.
    verbs = Counter(line.split()[0] for line in lines)
    assert verbs["deployVirtualMachine"] == verbs["destroyVirtualMachine"] > 3
    assert verbs["createServiceOffering"] == verbs["deleteServiceOffering"]
    assert verbs["updateConfiguration"] == verbs["resetConfiguration"] > 2
    assert not any("signature" in line.lower() for line in lines)


def test_what_is_not_allowed_is_not_told(lab: SimulatedLab, tmp_path: Path) -> None:
    file = lab.cloud_file.with_name("less.toml")
    text = re.sub(
        r"(?m)^allow = .*$", 'allow = ["instances", "offerings", "zone-settings"]', lab.cloud_file.read_text()
    )
    file.write_text(text)
    file.chmod(0o600)
    done = _dry(lab, tmp_path / "reports", "LIM-03,NEG-01", file)
    assert done.returncode == 0, done.stdout + done.stderr
    commands = {line.split()[0] for line in done.stdout.splitlines()}
    assert {"createServiceOffering", "deployVirtualMachine", "updateConfiguration"} <= commands
    assert "createAccount" not in commands
    assert not re.search(r"(?m)^updateConfiguration .*clusterid=", done.stdout)
    assert re.search(r"\(LIM-03: not verified: needs .* which this run may not do", done.stdout)


def test_a_cloud_that_does_not_answer_is_told_in_one_line(tmp_path: Path, lab: SimulatedLab) -> None:
    text = lab.cloud_file.read_text().replace(lab.endpoint, "http://127.0.0.1:1/client/api")
    file = lab.cloud_file.with_name("nowhere.toml")
    file.write_text(text)
    command = [*_VERIFY, "--cloud", str(file), "--dry-run", "--reports", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "nothing was changed" not in done.stdout


def _events(lab: SimulatedLab) -> list[dict[str, object]]:
    """Whatever changes something leaves one."""
    return CloudApi(lab.endpoint, lab.api_key, lab.secret_key).list("listEvents", "event", listall=True)
