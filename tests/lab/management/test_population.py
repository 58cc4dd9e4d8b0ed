"""A cloud that is full from the beginning."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from harness.lab.api.lab_cloud import LabCloud
from harness.lab.management.errors import NoCapacityError
from harness.lab.management.latency import Latencies, Operation
from harness.lab.management.model import State
from harness.lab.management.population import OFFERING, populate
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import HostSpec, LabSpec, grid
from harness.reference.release import SINCE


@pytest.fixture
def make_cloud(tmp_path: Path):
    ends = []

    def make(spec: LabSpec, **given) -> LabCloud:
        fleet = SimulatedFleet(spec.hosts, tmp_path / "lab")
        hosts = fleet.up()
        ends.append(fleet.down)
        cloud = LabCloud(spec, hosts, fleet.guest_boot, SINCE, **given)
        ends.append(cloud.shutdown)
        return cloud

    yield make
    for end in reversed(ends):
        end()


def test_a_grid_has_clusters_of_hosts() -> None:
    spec = grid(3, 4)
    assert [host.name for host in spec.hosts] == [f"kvm{number}" for number in range(1, 13)]
    assert Counter(host.cluster for host in spec.hosts) == {"cluster-1": 4, "cluster-2": 4, "cluster-3": 4}


def test_instances_run_evenly_spread_and_are_counted_whatever_time_operations_take(make_cloud) -> None:
    cloud = make_cloud(grid(2, 3), latencies=Latencies({Operation.DEPLOY: (1000, 1000)})).inside
    populate(cloud, 20)
    instances = list(cloud.state.instances.values())
    assert {instance.state for instance in instances} == {State.RUNNING}
    assert sorted(Counter(instance.host_id for instance in instances).values()) == [3, 3, 3, 3, 4, 4]
    for host_id, count in Counter(instance.host_id for instance in instances).items():
        host = cloud.state.host(host_id or "")
        assert (host.used_cpu_mhz, host.used_memory_bytes) == (count * 500, count * 256 << 20)
        assert len(cloud.agents[host.id].hypervisor.domain_names()) == count
    used = {cloud.state.offerings[instance.offering_id].name for instance in instances}
    assert used == {OFFERING}


def test_nothing_is_made_where_nobody_is_to_live(make_cloud) -> None:
    cloud = make_cloud(grid(1, 1)).inside
    before = dict(cloud.state.offerings)
    populate(cloud, 0)
    assert cloud.state.offerings == before


def test_a_cloud_can_be_too_small(make_cloud) -> None:
    cloud = make_cloud(LabSpec((HostSpec("kvm1", "cluster-a", cpus=1, speed_mhz=1000, memory_mib=4096),))).inside
    with pytest.raises(NoCapacityError):
        populate(cloud, 3)
