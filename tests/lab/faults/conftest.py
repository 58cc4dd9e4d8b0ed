"""A lab to make faulty, and ways to see it as clients do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.ssh import SshConnection
from harness.lab.faults.armed import ArmedFault
from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from tests.lab.api.conftest import Lab, lab, make_lab, shared_clouds

__all__ = ["lab", "make_lab", "shared_clouds"]

Arm = Callable[..., ArmedFault]


@pytest.fixture
def arm(lab: Lab) -> Arm:
    return lambda kind, **given: lab.cloud.faults.arm(FaultOrder(kind=Fault(kind), **given))


@pytest.fixture
def ssh(lab: Lab, tmp_path: Path) -> Iterator[Callable[[str], SshConnection]]:
    """Connections to hosts, whose keys are known; not opened before they are used."""
    opened: list[SshConnection] = []

    def connect(name: str) -> SshConnection:
        login = lab.hosts[name].ssh
        known = tmp_path / f"known-{name}"
        known.write_text(f"{login.known_host}\n")
        access = HostAccess(name, login.address, login.port, key_file=login.key_file, known_hosts=known)
        opened.append(SshConnection(access))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()
