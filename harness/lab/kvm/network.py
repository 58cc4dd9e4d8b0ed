"""The lab's own network: a free subnet, and a switch in a namespace of its own that joins the hosts and us."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.kvm.gate import LAB_VARIABLE, GatedProcess
from harness.lab.remains import Remains
from harness.waiting import wait_until

RANGE = IPv4Network("10.77.0.0/16")
LOCK_SECONDS = 30.0
NAMESPACE_SECONDS = 10.0


class NetworkRefusedError(HarnessError):
    """The kernel or `ip` would not make the lab's network."""


@dataclass(frozen=True)
class LabNetwork:
    """The subnet of one lab; we have its first address, hosts follow from the eleventh."""

    lab_id: str
    subnet: IPv4Network
    switch: GatedProcess

    @property
    def own_address(self) -> IPv4Address:
        """Ours, as hosts see it."""
        return self.subnet[1]

    def host_address(self, index: int) -> IPv4Address:
        return self.subnet[11 + index]


def uplink_name(lab_id: str) -> str:
    """Our end of the cable to the switch: the lab's only link outside its namespaces."""
    return f"csl{lab_id}"


def start_switch(lab_id: str, folder: Path, remains: Remains) -> GatedProcess:
    """A process, held back, whose network namespace will be the switch.

    Our end of the cable goes on record first, so that a sweep looks for it last: an `ip` that outlives us could still
    make it, but not once the switch is gone.
    """
    uplink = uplink_name(lab_id)
    if Path("/sys/class/net", uplink).exists():
        raise NetworkRefusedError(f"a network link named {uplink} exists already; another lab has the id {lab_id}")
    remains.links(uplink)
    return GatedProcess(
        ["unshare", "--net", "sleep", "infinity"], folder / "switch.log", remains, {LAB_VARIABLE: lab_id}
    )


def open_network(lab_id: str, switch: GatedProcess) -> LabNetwork:
    """Set the switch up and claim a subnet by giving our end of the cable to it an address there.

    The bridge stands in a namespace of its own because firewalls of the machine (Docker's, say) also filter what
    crosses the machine's own bridges, and would cut the hosts off from each other.
    """
    switch.let_go()
    switch.wait_for_own_network(NAMESPACE_SECONDS)
    uplink, bridge = uplink_name(lab_id), f"cslb{lab_id}"
    with _machine_wide_lock():
        subnet = _free_subnet(_taken_subnets())
        run_ip(
            f"link add {uplink} type veth peer name {uplink} netns {switch.pid}",
            f"address add {subnet[1]}/{subnet.prefixlen} dev {uplink}",
            f"link set {uplink} up",
        )
    run_ip(
        f"link add {bridge} type bridge",
        f"link set {bridge} up",
        f"link set {uplink} master {bridge} up",
        namespace_of=switch.pid,
    )
    return LabNetwork(lab_id, subnet, switch)


def plug_in(network: LabNetwork, host_pids: Sequence[int], *, first_port: int = 1) -> None:
    """Give each host, by the pid of a process in its namespace, an `eth0` on the switch."""
    lines: list[str] = []
    for number, pid in enumerate(host_pids, start=first_port):
        port = f"csl{network.lab_id}p{number}"
        lines.append(f"link add {port} type veth peer name eth0 netns {pid}")
        lines.append(f"link set {port} master cslb{network.lab_id} up")
    run_ip(*lines, namespace_of=network.switch.pid)


def run_ip(*lines: str, namespace_of: int | None = None) -> None:
    """Run `ip` commands in one go, in our network namespace or in that of a process."""
    enter = [] if namespace_of is None else ["nsenter", f"--net=/proc/{namespace_of}/ns/net"]
    done = subprocess.run(
        [*enter, "ip", "-batch", "-"], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NetworkRefusedError(f"ip refused: {' '.join(done.stderr.split())}")


def _taken_subnets() -> list[IPv4Network]:
    done = subprocess.run(
        ["ip", "-json", "-4", "route", "show", "table", "all"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise NetworkRefusedError(f"ip route refused: {done.stderr.strip()}")
    destinations = [route["dst"] for route in json.loads(done.stdout or "[]")]
    return [IPv4Network(destination, strict=False) for destination in destinations if destination != "default"]


def _free_subnet(taken: Sequence[IPv4Network]) -> IPv4Network:
    # A route wider than the range (a company's 10.0.0.0/8) does not tell that our range is used.
    narrow = [network for network in taken if network.prefixlen >= RANGE.prefixlen]
    for subnet in RANGE.subnets(new_prefix=24):
        if not any(subnet.overlaps(network) for network in narrow):
            return subnet
    raise NetworkRefusedError(f"no /24 of {RANGE} is free on this machine; take down a lab or a route in it")


@contextmanager
def _machine_wide_lock() -> Iterator[None]:
    folder = Path("/run/lock")
    path = (folder if folder.is_dir() else Path(tempfile.gettempdir())) / "cs-harness-subnets.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        wait_until(f"the lock {path}", lambda: _try_lock(descriptor), bool, LOCK_SECONDS, longest_pause_s=0.1)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
