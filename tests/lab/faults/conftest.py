"""A lab to make faulty, and ways to see it as clients do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.ssh import SshConnection
from harness.lab.faults.armed import ArmedFault
from harness.lab.faults.order import FaultOrder
from tests.lab.api.conftest import Lab, LabMaker, lab, make_lab, shared_clouds

__all__ = ["lab", "make_lab", "shared_clouds"]

Arm = Callable[..., ArmedFault]


def armed(lab: Lab, kind: str, **given: object) -> ArmedFault:
    return lab.cloud.faults.arm(FaultOrder.model_validate({"kind": kind, **given}))


@pytest.fixture
def arm(lab: Lab) -> Arm:
    return partial(armed, lab)


@pytest.fixture
def own_lab(make_lab: LabMaker) -> Lab:
    """One that no other test has, so that it can be shut down."""
    return make_lab(integration_port=True)


@pytest.fixture
def ssh_to(tmp_path: Path) -> Iterator[Callable[[Lab, str], SshConnection]]:
    """Connections to hosts, whose keys are known; not opened before they are used."""
    opened: list[SshConnection] = []

    def connect(lab: Lab, name: str) -> SshConnection:
        login = lab.hosts[name].ssh
        known = tmp_path / f"known-{name}"
        known.write_text(f"{login.known_host}\n")
        access = HostAccess(name, login.address, login.port, key_file=login.key_file, known_hosts=known)
        opened.append(SshConnection(access))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


@pytest.fixture
def ssh(lab: Lab, ssh_to: Callable[[Lab, str], SshConnection]) -> Callable[[str], SshConnection]:
    return partial(ssh_to, lab)
