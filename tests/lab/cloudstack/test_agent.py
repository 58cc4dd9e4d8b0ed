"""An agent that ended by itself is noticed, and not waited for."""

from __future__ import annotations

import subprocess
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from harness.lab.cloudstack.agent import AgentFiles
from harness.lab.cloudstack.build import CloudStackBuild
from harness.lab.cloudstack.daemon import last_words
from harness.lab.cloudstack.zone import Admin, ZoneError, ZoneMaker
from harness.lab.fleet import GuestBoot
from harness.lab.kvm.gate import GatedProcess
from harness.lab.kvm.network import LabNetwork
from harness.lab.remains import Remains
from harness.lab.topology import DEFAULT_LAB
from tests.conftest import SimulatedLab


@pytest.fixture
def agent(tmp_path: Path) -> AgentFiles:
    files = AgentFiles(tmp_path / "kvm1" / "agent", DEFAULT_LAB.hosts[0])
    files.folder.parent.mkdir()
    build = CloudStackBuild("tree", (), ("none.jar",), (), tmp_path)
    files.write(build, ("127.0.0.1", 1), ("zone", "pod", 1), GuestBoot("qemu"))
    return files


def test_an_agent_that_ends_leaves_word_of_it_and_what_it_said(agent: AgentFiles, tmp_path: Path) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'Exception: no main class'\nexit 1\n", encoding="ascii")
    java.chmod(0o700)
    assert not agent.ended
    script = agent.folder.parent / "service.sh"
    subprocess.run(["sh", str(script)], env={"PATH": f"{java.parent}:/usr/bin:/bin"}, check=False)
    assert agent.ended
    assert last_words(agent.log, agent.output) == f"Exception: no main class ({agent.output})"


def test_hosts_whose_agents_ended_are_not_waited_for(lab: SimulatedLab, tmp_path: Path) -> None:
    switch = GatedProcess(["true"], tmp_path / "switch.log", Remains(tmp_path / "remains"), {})
    switch.let_go()
    switch.wait_for_end(10)
    network = LabNetwork("0", IPv4Network("10.77.0.0/24"), switch)
    admin = Admin("", lab.api_key, lab.secret_key, "")
    maker = ZoneMaker(lab.endpoint, admin, DEFAULT_LAB, network)
    maker.wait_for_hosts(" and ".join, ended=tuple)
    with pytest.raises(ZoneError, match=r"^the agent of kvm2 ended: words of kvm2$"):
        maker.wait_for_hosts(lambda hosts: f"words of {hosts[0]}", ended=lambda: ("kvm2",))
