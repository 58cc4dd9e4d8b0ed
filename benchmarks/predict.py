"""How long one prediction takes, and how long the reference takes to be imported."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from dataclasses import replace

from measuring import Figure, bare_interpreter, median_of_calls, print_figures

from harness.reference.capacity import Host
from harness.reference.domain import domain_at_start
from harness.reference.offering import NO_PARAMETERS, Offering, Size
from harness.reference.release import SINCE
from harness.reference.scaling import RUNNING, Instance, Outcome, World, predict
from harness.reference.settings import ENABLE_DYNAMIC_SCALE, Settings

PREDICTION_GOAL = 60e-6
IMPORT_GOAL = 50e-3
GIB = 1024**3

# All modules of the package, in a process that has loaded nothing else; prints the time and what came with them.
IMPORT_PROGRAM = """
import json, pkgutil, sys, time
import harness
before = set(sys.modules)
begin = time.perf_counter()
import harness.reference
for module in list(pkgutil.iter_modules(harness.reference.__path__)):
    __import__(f"harness.reference.{module.name}")
seconds = time.perf_counter() - begin
print(json.dumps([seconds, sorted(set(sys.modules) - before)]))
"""


def document() -> str:
    """The reference workload's: an answer with ten instances, such as listVirtualMachines gives."""
    instance = {
        "name": "i-2-3-VM",
        "state": "Running",
        "cpunumber": 2,
        "cpuspeed": 1000,
        "memory": 1024,
        "isdynamicallyscalable": True,
        "details": {"cpuNumber": "2", "cpuSpeed": "1000", "memory": "1024"},
        "nic": [{"ipaddress": "10.1.1.1", "macaddress": "02:00:00:00:00:01", "isdefault": True}],
    }
    answer = {"count": 10, "virtualmachine": [{**instance, "id": str(number)} for number in range(10)]}
    return json.dumps({"listvirtualmachinesresponse": answer})


def request(used_memory_gib: int) -> tuple[World, Instance, Offering]:
    """A capped instance that gets more of everything, in a cluster of two and a zone of three hosts."""
    settings = Settings(zone={ENABLE_DYNAMIC_SCALE: "true"})
    small = Host("h1", "kvm1", "a", 8, 2000, 4 * GIB, used_cpu_mhz=2000, used_memory_bytes=used_memory_gib * GIB)
    large = replace(small, id="h2", name="kvm2", cpus=16, speed_mhz=2500, memory_bytes=8 * GIB, used_memory_bytes=0)
    other = replace(large, id="h3", name="kvm3", cluster_id="b")
    world = World(SINCE, settings, (small, large, other))
    current = Offering("small", "small", 2, 1000, 1024, cpu_cap=True)
    size = Size(2, 1000, 1024)
    domain = domain_at_start(SINCE, settings, small, current, size, cpu_cap=True, prepared=True)
    instance = Instance("i-2-3-VM", RUNNING, current, size, True, True, True, "h1", domain)
    return world, instance, Offering("large", "large", 4, 1500, 2048, cpu_cap=True)


def prediction_figure(outcome: Outcome, used_memory_gib: int, reference: float, number: int) -> Figure:
    world, instance, offering = request(used_memory_gib)
    assert predict(world, instance, offering, NO_PARAMETERS).outcome is outcome
    seconds = median_of_calls(lambda: predict(world, instance, offering, NO_PARAMETERS), number)
    return Figure(f"prediction, {outcome}", seconds, reference, PREDICTION_GOAL)


def import_figure(rounds: int) -> Figure:
    """Asserts that nothing outside the standard library comes with the reference."""
    times = []
    for _ in range(rounds):
        done = subprocess.run([sys.executable, "-c", IMPORT_PROGRAM], check=True, capture_output=True, text=True)
        seconds, modules = json.loads(done.stdout)
        times.append(seconds)
        tops = {module.split(".")[0] for module in modules if not module.startswith("harness.reference")}
        foreign = tops - sys.stdlib_module_names
        assert not foreign, f"harness.reference loads {', '.join(sorted(foreign))}"
    return Figure("import of harness.reference", statistics.median(times), bare_interpreter(rounds), IMPORT_GOAL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--number", type=int, default=20_000, help="predictions of each kind")
    parser.add_argument("--rounds", type=int, default=15, help="processes for the import")
    arguments = parser.parse_args()
    text = document()
    reference = median_of_calls(lambda: json.loads(text), arguments.number)
    figures = [
        # With 1 GiB used the growth fits; with all of the small host's memory in use it does not.
        prediction_figure(Outcome.IN_PLACE, 1, reference, arguments.number),
        prediction_figure(Outcome.MIGRATED, 4, reference, arguments.number),
    ]
    print_figures(f"json.loads of {len(text)} characters", figures)
    print()
    print_figures("starting a bare Python", [import_figure(arguments.rounds)])


if __name__ == "__main__":
    main()
