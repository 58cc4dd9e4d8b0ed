"""An audit from several processes finds what one finds, and the part of a worker that is killed is done once more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import distributed
import pytest

from harness.audit import Audit, Bounds
from harness.audit.spread import Spread
from harness.engine.dask import Dask
from harness.engine.here import Here
from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from harness.waiting import wait_until
from tests.audit.clouds import AuditedCloud
from tests.audit.connections import watched_connections


@pytest.fixture(scope="module")
def dask() -> Iterator[Dask]:
    with Dask("local:2") as engine:
        yield engine


def told(found: Audit) -> list[tuple[object, ...]]:
    hosts = [(line.name, line.states, line.not_seen, line.running_mhz) for line in found.hosts]
    return [*hosts, *((one.id, one.states, one.not_seen, one.prepared, one.shares) for one in found.instances)]


def test_it_finds_what_one_process_finds(cloud: AuditedCloud, dask: Dask) -> None:
    cloud.fresh()
    for host in ("kvm1", "kvm2", "kvm3", "kvm3"):
        cloud.deploy(host=host, requested=host != "kvm3")
    here = cloud.audit()
    assert told(cloud.audit(bounds=Bounds(api_rate=None, engine=Spread(dask, 4)))) == told(here)
    assert told(cloud.audit(bounds=Bounds(api_rate=None, engine=Spread(Here(), 4)))) == told(here)


def test_all_workers_together_have_no_more_connections_than_allowed(cloud: AuditedCloud, dask: Dask) -> None:
    cloud.fresh()
    for allowed in (1, 2):
        cloud.lab.faults.arm(FaultOrder(kind=Fault.SSH_HANGING, lasts=2))
        with watched_connections(cloud) as connections:
            found = cloud.audit(bounds=Bounds(api_rate=None, engine=Spread(dask, allowed)))
        assert (connections.most, found.unseen) == (allowed, 0)


def test_each_cluster_is_looked_at_from_the_workers_near_to_it(cloud: AuditedCloud, dask: Dask) -> None:
    cloud.fresh()
    cloud.deploy(host="kvm3")
    engine = Spread(dask, 4, {"cluster-b": "site-b"})
    found = cloud.audit(bounds=Bounds(api_rate=None, engine=engine))
    assert {line.name: line.not_seen for line in found.hosts} == {
        "kvm1": [],
        "kvm2": [],
        "kvm3": ["no worker's name begins with 'site-b'"],
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dask]:
    """A scheduler and two workers that were started as an operator starts them, each a process of its own."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    dask = [str(Path(sys.executable).with_name("dask"))]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    begun = [subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *common])]
    try:
        address = wait_until("the scheduler", lambda: _address(file), bool, 60)
        worker = [*dask, "worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", *common]
        begun += [subprocess.Popen([*worker, "--name", name]) for name in ("near-1", "near-2")]
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        with Dask(address.replace("tcp://", "dask://")) as engine:
            yield engine
    finally:
        # Not asked to end: a worker that closes takes its leave of a scheduler that may be gone, and waits for that.
        for process in begun:
            process.kill()
        for process in begun:
            process.wait()


def _address(file: Path) -> str:
    """As the scheduler has written it; "" before."""
    try:
        return str(json.loads(file.read_text())["address"])
    except (FileNotFoundError, ValueError):
        return ""


@pytest.mark.parametrize("kind", ["dask", "cluster"])
def test_the_part_of_a_worker_that_is_killed_is_seen_once(
    cloud: AuditedCloud, kind: str, request: pytest.FixtureRequest
) -> None:
    dask: Dask = request.getfixturevalue(kind)
    cloud.fresh()
    made = {cloud.deploy(host=host) for host in ("kvm1", "kvm2", "kvm3")}
    pids = dask.client.run(os.getpid)
    cloud.lab.faults.arm(FaultOrder(kind=Fault.SSH_HANGING, host="kvm3"))

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(lambda: cloud.audit(bounds=Bounds(api_rate=None, engine=Spread(dask, 4))))
        busy = wait_until(
            "a worker that waits for the host that hangs",
            lambda: [worker for worker, keys in dask.client.processing().items() if keys],
            lambda workers: len(workers) == 1 and cloud.lab.faults.armed[0].struck > 0,
            20,
        )
        os.kill(pids[busy[0]], signal.SIGKILL)
        cloud.lab.faults.clear()
        found = running.result()

    assert {line.id for line in found.instances} == made
    assert len(found.instances) == 3
    assert found.unseen == 0
