"""Two hundred scales at once."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import cycle, islice
from typing import Any

import pytest

from harness.lab.management.latency import Latencies, Operation
from harness.lab.topology import grid
from harness.reference.release import BEFORE, SINCE, Release
from tests.lab.api.conftest import Lab, LabMaker

_INSTANCES, _SIZES = 40, (2, 3, 5, 6, 8)


def _details(cpus: int) -> dict[str, int]:
    return {"details[0].cpuNumber": cpus, "details[0].cpuSpeed": 500, "details[0].memory": 256 * cpus}


def _instances(lab: Lab) -> list[dict[str, Any]]:
    return list(lab.api.listVirtualMachines(listall="true")["virtualmachine"])


def _allocated(lab: Lab) -> dict[str, tuple[int, int]]:
    hosts = lab.api.listHosts(type="Routing")["host"]
    return {host["id"]: (host["cpuallocatedvalue"], host["memoryallocatedbytes"]) for host in hosts}


@pytest.mark.parametrize("latency", [0.0, 0.02])
@pytest.mark.parametrize("release", [BEFORE.mended, SINCE.mended], ids=lambda release: release.name)
def test_all_end_in_order_and_every_host_counts_what_it_runs(
    make_lab: LabMaker, release: Release, latency: float
) -> None:
    latencies = Latencies({Operation.SCALE: (0.0, latency)} if latency else {})
    lab = make_lab(release, grid(2, 5), latencies=latencies)
    # What 4.22 scales is custom.
    offering = lab.offering(customized="true", name="any")["id"]
    place = {**lab.place(offering), **_details(1)}
    hosts = list(islice(cycle(host["id"] for host in lab.api.listHosts(type="Routing")["host"]), _INSTANCES))
    for job in [lab.api.deployVirtualMachine(fetch_result=False, hostid=host, **place) for host in hosts]:
        lab.instance_of(lab.finished(job))
    instances = _instances(lab)

    def ask(instance: dict[str, Any]) -> list[str]:
        jobs = []
        for cpus in _SIZES:
            given = {"id": instance["id"], "serviceofferingid": offering, **_details(cpus)}
            jobs.append(lab.raw.call("scaleVirtualMachine", **given).body["jobid"])
        return jobs

    with ThreadPoolExecutor(8) as clients:
        asked = list(clients.map(ask, instances))
    ended = [[lab.finished({"jobid": job}) for job in jobs] for jobs in asked]
    shown = [[lab.instance_of(job)["cpunumber"] for job in jobs] for jobs in ended]
    assert shown == [list(_SIZES)] * _INSTANCES
    for jobs in ended:
        moments = [datetime.strptime(job["completed"], "%Y-%m-%dT%H:%M:%S%z") for job in jobs]
        assert moments == sorted(moments)
    running: Counter[str] = Counter(instance["hostid"] for instance in _instances(lab))
    assert _allocated(lab) == {
        host: (running[host] * _SIZES[-1] * 500, running[host] * _SIZES[-1] * 256 << 20) for host in running
    }
