"""Faults, state and ports of a kept lab, as a person reaches them in a shell."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from tests.cli.test_lab_and_verify import shell

__all__ = ["shell"]

Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def kept(shell: Shell) -> Iterator[Shell]:
    """A shell where a lab is up."""
    up = shell("lab", "up", "--hosts=simulated", "--integration-port")
    assert up.returncode == 0, up.stderr
    yield shell
    assert shell("lab", "down").returncode == 0


def test_a_fault_is_armed_shown_and_cleared_by_hand(kept: Shell) -> None:
    armed = kept("lab", "fault", "slow-answer", "--command=listZones", "--times=2", "--seconds=0.01")
    assert armed.stdout.startswith("armed slow-answer as number 1;"), armed.stderr
    assert kept("lab", "fault", "host-down", "--host=kvm3").returncode == 0
    shown = kept("lab", "status").stdout
    assert re.search(r"^host +kvm3 +cluster-b +Down ", shown, re.MULTILINE)
    assert re.search(r"^fault +1: slow-answer +armed +.*times 2.* struck 0 of 0 calls", shown, re.MULTILINE)
    assert kept("lab", "fault", "--clear", "host-down").stdout == "cleared 1\n"
    assert kept("lab", "fault", "--clear").stdout == "cleared 1\n"
    assert not re.search(r"^fault ", kept("lab", "status").stdout, re.MULTILINE)
    refused = kept("lab", "fault", "host-down", "--host=kvm9")
    assert refused.returncode == 2
    assert refused.stderr == "cs-harness: host-down: no host is named kvm9; there are kvm1, kvm2, kvm3\n"


def test_marvin_gets_the_integration_port_and_the_password(kept: Shell, tmp_path: Path) -> None:
    told = json.loads(kept("lab", "status", "--json").stdout)
    file = tmp_path / ".lab" / "lab" / "marvin.cfg"
    (server,) = json.loads(file.read_text())["mgtSvr"]
    assert server["port"] == urlsplit(told["integration"]).port
    listed = requests.get(told["integration"], {"command": "listZones", "response": "json"}, timeout=10)
    assert listed.json()["listzonesresponse"]["count"] == 1
    login = {"command": "login", "username": "admin", "password": server["passwd"], "response": "json"}
    assert requests.post(told["endpoint"], login, timeout=10).json()["loginresponse"]["username"] == "admin"
    assert oct(file.stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "name a KIND, or give --list or --clear"),
        (["earthquake"], "there is no fault earthquake"),
        (["server-error", "--status=200"], "--status: Input should be greater than or equal to 500"),
        (["server-error"], "cs-harness: no lab is up in .lab; "),
    ],
)
def test_a_fault_that_there_is_not_is_refused(shell: Shell, arguments: list[str], says: str) -> None:
    done = shell("lab", "fault", *arguments)
    assert done.returncode == 2
    assert says in done.stderr


def test_the_kinds_of_faults_can_be_listed_without_a_lab(shell: Shell) -> None:
    done = shell("lab", "fault", "--list")
    assert done.returncode == 0
    assert re.search(r"^vcpu-refused +libvirt +A scale plugs the DIMM in", done.stdout, re.MULTILINE)
