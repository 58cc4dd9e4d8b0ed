"""What a real management server and its agents did, done again by the lab on real libvirt and QEMU."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.lab.api.lab_cloud import LabCloud
from harness.lab.fleet import LabHost
from harness.lab.kvm.fleet import KvmFleet
from tests.lab.api.conftest import served
from tests.lab.api.recorded import RECORDED_LAB, RELEASES, replay, scenarios

pytestmark = pytest.mark.kvm


@pytest.fixture(scope="module")
def fleet(image_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KvmFleet]:
    fleet = KvmFleet(RECORDED_LAB.hosts, tmp_path_factory.mktemp("state"), os.urandom(3).hex(), image_cache)
    yield fleet
    fleet.down()


@pytest.fixture(scope="module")
def hosts(fleet: KvmFleet) -> Sequence[LabHost]:
    return fleet.up()


@pytest.mark.parametrize(("version", "steps"), scenarios())
def test_real_hosts_do_what_a_real_cloud_did(
    fleet: KvmFleet, hosts: Sequence[LabHost], version: str, steps: list[dict[str, Any]]
) -> None:
    disks: Path = fleet.state_dir / "primary"
    cloud = LabCloud(RECORDED_LAB, hosts, fleet.guest_boot, RELEASES[version], disks)
    try:
        lab = served(cloud, hosts)
        lab.setting("enable.dynamic.scale.vm", "true")
        replay(lab, steps)
    finally:
        cloud.shutdown()
    assert list(disks.iterdir()) == []
