"""A simulated lab in this process, which tests of several rooms speak to over its socket and its SSH."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.lab.api.lab_cloud import LabCloud
from harness.lab.config_files import CLOUD_FILE, write_config_files
from harness.lab.hypervisor import Hypervisor
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import DEFAULT_LAB
from harness.reference.release import SINCE


@dataclass(frozen=True)
class SimulatedLab:
    """`cloud_file` is its environment file; `hypervisors` are its hosts from behind, for tests that tamper."""

    cloud_file: Path
    hypervisors: dict[str, Hypervisor]
    endpoint: str
    api_key: str
    secret_key: str


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedLab]:
    folder = tmp_path_factory.mktemp("lab")
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, folder)
    hosts = fleet.up()
    cloud = LabCloud(DEFAULT_LAB, hosts, fleet.guest_boot, SINCE)
    try:
        endpoint = cloud.serve()
        keys = cloud.admin
        write_config_files(folder, DEFAULT_LAB, hosts, fleet.kind, endpoint, keys.api_key, keys.secret_key)
        yield SimulatedLab(
            cloud_file=folder / CLOUD_FILE,
            hypervisors={host.spec.name: host.hypervisor for host in hosts},
            endpoint=endpoint,
            api_key=keys.api_key,
            secret_key=keys.secret_key,
        )
    finally:
        cloud.shutdown()
        fleet.down()
