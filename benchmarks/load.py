"""How much a lab bears: a large cloud's start and size, calls a second, paging, many scales at once, and a reset."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from hashlib import sha1
from hmac import digest
from http.client import HTTPConnection
from itertools import cycle, islice
from pathlib import Path
from threading import local
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from measuring import Figure, bare_interpreter, median_of_calls, print_figures
from predict import document

from harness.lab.api.lab_cloud import LabCloud
from harness.lab.management.population import populate
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import DEFAULT_LAB

COMMAND = str(Path(sys.executable).with_name("cs-harness"))
PAGE = 500
START_GOAL, CALL_GOAL, INSTANCE_GOAL, RESET_GOAL = 5.0, 1 / 500, 1 / 5000, 0.05
MEMORY_GOAL_MIB = 600

Body = dict[str, Any]


class Client:
    """Signs by itself and keeps one connection for each thread: what is measured is the lab, not a library."""

    def __init__(self, endpoint: str, ini: Path) -> None:
        lines = dict(line.split(" = ", 1) for line in ini.read_text().splitlines() if " = " in line)
        self._key, self._secret = lines["key"], lines["secret"].encode()
        self._address = urlsplit(endpoint)
        self._own = local()
        self._connections: list[HTTPConnection] = []

    def call(self, command: str, **given: object) -> Body:
        texts = {name: str(value) for name, value in given.items()}
        parameters = {"command": command, "apiKey": self._key, "response": "json", **texts}
        text = "&".join(f"{name}={quote(parameters[name], safe='*')}" for name in sorted(parameters)).lower()
        parameters["signature"] = b64encode(digest(self._secret, text.encode(), sha1)).decode()
        if not hasattr(self._own, "connection"):
            self._own.connection = HTTPConnection(self._address.hostname or "", self._address.port)
            self._connections.append(self._own.connection)
        connection = self._own.connection
        connection.request("GET", f"{self._address.path}?{urlencode(parameters)}")
        body = json.loads(connection.getresponse().read())
        (answer,) = body.values()
        assert "errorcode" not in answer, answer
        return dict(answer)

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def ended(self, job_id: str) -> Body:
        while True:
            job = self.call("queryAsyncJobResult", jobid=job_id)
            if job["jobstatus"]:
                assert job["jobstatus"] == 1, job
                return job
            time.sleep(0.01)

    def all(self, command: str, name: str) -> list[Body]:
        found: list[Body] = []
        while len(found) % PAGE == 0:
            page = self.call(command, listall="true", page=len(found) // PAGE + 1, pagesize=PAGE).get(name)
            if not page:
                break
            found += page
        return found


def calls_figure(client: Client, number: int, reference: float) -> Figure:
    seconds = median_of_calls(lambda: client.call("listZones"), number)
    return Figure("a signed list call", seconds, reference, CALL_GOAL)


def pages_figure(client: Client, instances: int, reference: float) -> Figure:
    begin = time.perf_counter()
    listed = client.all("listVirtualMachines", "virtualmachine")
    seconds = time.perf_counter() - begin
    assert len({instance["id"] for instance in listed}) == instances
    return Figure(f"an instance of a list, {PAGE} to a page", seconds / instances, reference, INSTANCE_GOAL)


def scales_figure(client: Client, jobs: int, reference: float) -> Figure:
    """Half as many new instances as jobs, each scaled twice; asserts their order, and what hosts count afterwards."""
    client.call("updateConfiguration", name="enable.dynamic.scale.vm", value="true")
    small, *larger = [offering(client, cpus) for cpus in (1, 2, 4)]
    zone = client.call("listZones")["zone"][0]["id"]
    template = client.call("listTemplates", templatefilter="all", name="lab-guest")["template"][0]["id"]
    place = {"zoneid": zone, "templateid": template, "serviceofferingid": small}
    # Spread, so that no scale has to migrate: there the books are not exact, by CloudStack's own doing.
    hosts = islice(cycle(host["id"] for host in client.all("listHosts", "host")), jobs // 2)
    deployed = [client.call("deployVirtualMachine", hostid=host, **place) for host in hosts]
    instances = [client.ended(each["jobid"])["jobresult"]["virtualmachine"] for each in deployed]

    def ask(instance: Body) -> list[str]:
        return [
            client.call("scaleVirtualMachine", id=instance["id"], serviceofferingid=each)["jobid"] for each in larger
        ]

    begin = time.perf_counter()
    with ThreadPoolExecutor(4) as pool:
        asked = list(pool.map(ask, instances))
    ends = [[client.ended(job)["jobresult"]["virtualmachine"]["cpunumber"] for job in both] for both in asked]
    seconds = time.perf_counter() - begin
    assert ends == [[2, 4]] * len(instances)
    running: Counter[str] = Counter()
    for instance in client.all("listVirtualMachines", "virtualmachine"):
        running[instance["hostid"]] += instance["cpunumber"] * instance["cpuspeed"]
    shown = {host["id"]: host["cpuallocatedvalue"] for host in client.all("listHosts", "host")}
    assert {host: cpu for host, cpu in shown.items() if cpu} == dict(running)
    return Figure(f"{jobs} scales at once", seconds, reference)


def offering(client: Client, cpus: int) -> str:
    size = {"cpunumber": cpus, "cpuspeed": 500, "memory": cpus * 256}
    made = client.call("createServiceOffering", name=f"of {cpus}", displaytext="of", **size)
    return str(made["serviceoffering"]["id"])


def reset_figure(number: int, reference: float) -> Figure:
    """The usual three hosts, with ten instances running each time."""
    times = []
    with tempfile.TemporaryDirectory(prefix="csh-") as folder:
        fleet = SimulatedFleet(DEFAULT_LAB.hosts, Path(folder) / "lab")
        cloud = LabCloud(DEFAULT_LAB, fleet.up(), fleet.guest_boot)
        try:
            cloud.serve()
            for _ in range(number):
                populate(cloud.inside, 10)
                begin = time.perf_counter()
                cloud.reset()
                times.append(time.perf_counter() - begin)
        finally:
            cloud.shutdown()
            fleet.down()
    return Figure("reset", statistics.median(times), reference, RESET_GOAL)


def memory_mib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM:"))


def cpu_seconds(pid: int) -> float:
    """What a process has used so far; beside other work it says more than the time that passed."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clusters", type=int, default=20)
    parser.add_argument("--hosts-per-cluster", type=int, default=50)
    parser.add_argument("--instances", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=3000)
    parser.add_argument("--jobs", type=int, default=200)
    given = parser.parse_args()
    answer = document()
    reference, process = median_of_calls(lambda: json.loads(answer), 1000), bare_interpreter(5)
    hosts = given.clusters * given.hosts_per_cluster
    with tempfile.TemporaryDirectory(prefix="csh-") as state:
        size = [f"--clusters={given.clusters}", f"--hosts-per-cluster={given.hosts_per_cluster}"]
        size.append(f"--instances={given.instances}")
        up = [COMMAND, "lab", "up", "--hosts=simulated", "--mended", "--json", f"--state={state}", *size]
        try:
            begin = time.perf_counter()
            told = subprocess.run(up, check=True, capture_output=True, text=True).stdout
            start = Figure(
                f"{hosts} hosts, {given.instances} instances up", time.perf_counter() - begin, process, START_GOAL
            )
            lab = json.loads(told)
            cpu = cpu_seconds(lab["pid"])
            with closing(Client(lab["endpoint"], Path(state) / "lab" / "cloudstack.ini")) as client:
                figures = [calls_figure(client, given.calls, reference)]
                paged = cpu_seconds(lab["pid"])
                figures.append(pages_figure(client, given.instances, reference))
                paged = cpu_seconds(lab["pid"]) - paged
                figures += [
                    scales_figure(client, given.jobs, reference),
                    reset_figure(20, reference),
                ]
            memory = memory_mib(lab["pid"])
        finally:
            subprocess.run([COMMAND, "lab", "down", f"--state={state}"], check=True, capture_output=True)
    print_figures("starting a bare Python", [start])
    print()
    print_figures(f"json.loads of {len(answer)} characters", figures)
    print(f"\nCPU time of the lab's process until it was up: {cpu:.1f} s")
    print(f"CPU time of the lab's process for an instance of a list: {paged / given.instances * 1e6:.0f} us")
    kept = "kept" if memory <= MEMORY_GOAL_MIB else "missed"
    print(f"memory of the lab's process at its most: {memory} MiB; goal {kept} ({MEMORY_GOAL_MIB} MiB)")


if __name__ == "__main__":
    main()
