"""Marvin's configuration and Marvin's modules at the console's door."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.lab.config_files import MARVIN_FILE
from harness.run.record import load
from tests.conftest import SimulatedLab

COMMAND = str(Path(sys.executable).with_name("cs-harness"))

MODULE = """
from marvin.cloudstackTestCase import cloudstackTestCase
from marvin.lib.common import get_zone
from nose.plugins.attrib import attr

class TestIt(cloudstackTestCase):
    @attr(tags=["advanced"], required_hardware="false")
    def test_zone(self):
        zone = get_zone(self.testClient.getApiClient(), self.testClient.getZoneForTests())
        self.assertEqual(zone.name, self.config.zones[0].name)

    @attr(tags=["sg"], required_hardware="false")
    def test_other(self):
        self.fail("not selected")
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)

    return run


def test_cases_run_on_the_cloud_of_a_marvin_configuration(shell, lab: SimulatedLab, tmp_path: Path) -> None:
    done = shell("verify", "--marvin-config", str(lab.cloud_file.with_name(MARVIN_FILE)), "--select=NEG-01")
    assert done.returncode == 0, done.stdout + done.stderr
    record = load(tmp_path / "reports" / "latest")
    assert record.environment is not None
    assert record.environment.endpoint == lab.endpoint


def test_the_variable_names_the_configuration_too(shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARVIN_CONFIG", "nowhere.cfg")
    done = shell("verify", "--select=NEG-01")
    assert done.returncode == 2
    assert "nowhere.cfg: cannot be read: No such file or directory; give --marvin-config" in done.stderr


def test_noses_own_command_line_runs_a_module_on_an_embedded_lab(shell, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MODULE)
    done = shell(
        "marvin",
        *("--with-xunit", "--xunit-file=all.xml", "--with-marvin", "-s", "-v", "--hosts=simulated"),
        *("-a", "tags=advanced,required_hardware=false", "--zone=lab-zone", "--hypervisor=kvm", "test_it.py"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_zone PASSED" in done.stdout
    assert "1 passed, 1 deselected" in done.stdout
    assert 'name="test_zone"' in (tmp_path / "all.xml").read_text()
    # The embedded lab is gone, and what it wrote for Marvin to log into lies where the run was.
    assert not (tmp_path / ".lab").exists()
    [folder] = (tmp_path / "marvin-logs" / "MarvinLogs").iterdir()
    assert {file.name for file in folder.iterdir()} == {
        ".alive",
        "failed_plus_exceptions.txt",
        "ledger.sqlite",
        "results.txt",
        "runinfo.txt",
        "trillian.txt",
        "xunit",
    }


def test_a_mistake_in_a_configuration_is_one_line(shell, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MODULE)
    (tmp_path / "some.cfg").write_text(json.dumps({"zones": []}))
    done = shell("marvin", "--marvin-config=some.cfg", "test_it.py")
    assert done.returncode == 2
    assert "some.cfg: mgtSvr: Field required" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
