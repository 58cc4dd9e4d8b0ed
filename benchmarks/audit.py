"""How quick an audit of a large simulated fleet over real SSH is, beside bare ssh to the same hosts side by side."""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring import Figure, print_figures

COMMAND = str(Path(sys.executable).with_name("cs-harness"))
SECONDS_GOAL, MEMORY_GOAL_MIB, SPEED_GOAL, GROWTH_GOAL = 60.0, 300, 0.8, 2.1
# All domains of a host, one virsh for each: what a person would write.
BY_HAND = 'for domain in $(virsh list --name); do virsh dumpxml "$domain"; done'
LOOKED_AT_ONCE = 32


@dataclass(frozen=True)
class Fleet:
    """A lab that is up; `hosts` and `instances` are how many."""

    state: Path
    hosts: int
    instances: int

    @property
    def cloud_file(self) -> Path:
        return self.state / "lab" / "cloud.toml"


@dataclass(frozen=True)
class Taken:
    seconds: float
    memory_mib: float
    unseen: int


@contextmanager
def fleet(hosts: int, instances: int) -> Iterator[Fleet]:
    with tempfile.TemporaryDirectory(prefix="csh-") as folder:
        size = ["--clusters", "2", "--hosts-per-cluster", str(hosts // 2), "--instances", str(instances)]
        subprocess.run(
            [COMMAND, "lab", "up", "--hosts", "simulated", *size, "--state", folder], check=True, capture_output=True
        )
        try:
            yield Fleet(Path(folder), hosts, instances)
        finally:
            subprocess.run([COMMAND, "lab", "down", "--state", folder], check=True, capture_output=True)


def audited(of: Fleet) -> Taken:
    """From the start of the command to its end, and the most memory that its process had."""
    output = of.state / "audit"
    code = (
        "import resource, sys; from harness.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "except SystemExit as end: status = end.code\n"
        "print('most', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr); sys.exit(status)"
    )
    arguments = ["audit", "--cloud", str(of.cloud_file), "--output", str(output), "--api-rate", "100"]
    arguments += ["--max-ssh", str(LOOKED_AT_ONCE)]
    begin = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    most = re.search(r"most (\d+)", done.stderr)
    assert most is not None, done.stderr
    lines = [json.loads(line) for line in (output / "audit.jsonl").read_text().splitlines()]
    instances = [line for line in lines if line["kind"] == "instance"]
    assert len(instances) == of.instances, len(instances)
    return Taken(seconds, int(most[1]) / 1024, sum(line["libvirt"] is None for line in lines if line["kind"] == "host"))


def better(one: Taken, other: Taken) -> Taken:
    """Of two runs of the same thing the quicker, less disturbed by other work; the most memory of both."""
    return Taken(min(one.seconds, other.seconds), max(one.memory_mib, other.memory_mib), max(one.unseen, other.unseen))


def by_hand(of: Fleet) -> float:
    """The ssh program to every host, as many at once as the audit has."""
    login = tomllib.loads(of.cloud_file.read_text())["hosts"]
    known = of.cloud_file.with_name(login["known_hosts"])
    options = ["-F", "none", "-i", login["key_file"], "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]

    def one(host: dict[str, object]) -> int:
        command = ["ssh", *options, "-p", str(host["port"]), f"root@{host['address']}", BY_HAND]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        return done.stdout.count(b"</domain>")

    begin = time.perf_counter()
    with ThreadPoolExecutor(LOOKED_AT_ONCE) as threads:
        documents = sum(threads.map(one, login["overrides"].values()))
    assert documents == of.instances, documents
    return time.perf_counter() - begin


def let_hang(of: Fleet, share: float) -> int:
    """Half of so many hosts have no sshd any more, half say nothing."""
    names = list(tomllib.loads(of.cloud_file.read_text())["hosts"]["overrides"])
    away = names[:: round(1 / share)]
    for number, name in enumerate(away):
        kind = ("ssh-refused", "ssh-hanging")[number % 2]
        command = [COMMAND, "lab", "fault", kind, "--host", name, "--state", str(of.state)]
        subprocess.run(command, check=True, capture_output=True)
    return len(away)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=200)
    parser.add_argument("--instances", type=int, default=10000)
    parser.add_argument(
        "--limit", type=int, default=10, help="seconds after which a host that says nothing is given up"
    )
    arguments = parser.parse_args()
    with fleet(arguments.hosts // 2, arguments.instances // 2) as small:
        audited(small)
        half = better(audited(small), audited(small))
    with fleet(arguments.hosts, arguments.instances) as whole:
        # The lab writes each host's files at its first visit.
        first = audited(whole)
        bare = by_hand(whole)
        again = audited(whole)
        bare = min(bare, by_hand(whole))
        again = better(again, audited(whole))
        away = let_hang(whole, 0.1)
        text = whole.cloud_file.read_text()
        whole.cloud_file.write_text(text.replace("ssh = 10\n", f"ssh = {arguments.limit}\n"))
        with_dead = audited(whole)
    assert with_dead.unseen == away, with_dead
    # As the audit reckons it: the file's limit, and a twentieth of a second for each domain of the host.
    time_out = arguments.limit + 0.05 * arguments.instances / arguments.hosts
    size = f"{arguments.instances} instances on {arguments.hosts} hosts"
    print_figures(
        f"bare ssh to the same hosts, {LOOKED_AT_ONCE} at once",
        [
            Figure(f"audit of {size}", again.seconds, bare, SECONDS_GOAL),
            Figure("the same at the hosts' first visit", first.seconds, bare),
            Figure("half of it", half.seconds, bare),
            Figure(f"with {away} hosts that refuse or hang", with_dead.seconds, bare, again.seconds + time_out),
        ],
    )
    print(f"speed: {bare / again.seconds:.2f} of bare ssh's (goal: {SPEED_GOAL} or more)")
    print(
        f"growth: twice the fleet takes {again.seconds / half.seconds:.2f} times as long (goal: {GROWTH_GOAL} or less)"
    )
    print(f"memory at its most: {again.memory_mib:.0f} MiB (goal: {MEMORY_GOAL_MIB} MiB or less)")
    print(f"this script and what it started took {resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime:.0f} s of CPU")


if __name__ == "__main__":
    main()
