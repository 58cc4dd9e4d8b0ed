"""A fleet of real hosts for a test module, and the skip (or failure) where there can be none."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.lab.fleet import LabHost
from harness.lab.kvm.fleet import KvmFleet
from harness.lab.topology import HostSpec
from harness.waiting import wait_until

HOSTS = (
    HostSpec(name="kvm1", cluster="cluster-a", cpus=4, speed_mhz=2000, memory_mib=4096),
    HostSpec(name="kvm2", cluster="cluster-a", cpus=40, speed_mhz=2500, memory_mib=8192),
    HostSpec(name="kvm3", cluster="cluster-b", cpus=1, speed_mhz=1000, memory_mib=1024),
)


@pytest.fixture
def new_lab_id() -> str:
    return os.urandom(3).hex()


@pytest.fixture(scope="module")
def fleet(
    image_cache: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[KvmFleet]:
    fleet = KvmFleet(
        HOSTS, tmp_path_factory.mktemp("state"), os.urandom(3).hex(), image_cache, libvirt_tcp=True, acceleration="tcg"
    )
    yield fleet
    fleet.down()


@pytest.fixture(scope="module")
def hosts(fleet: KvmFleet) -> tuple[LabHost, ...]:
    return tuple(fleet.up())


@pytest.fixture
def on_host() -> Callable[..., str]:
    """Runs a command on a host by SSH, checking its key, and returns what it printed."""

    def run(host: LabHost, command: str, key_file: Path | None = None) -> str:
        known_hosts = host.ssh.key_file.with_name(f"known_{host.spec.name}")
        known_hosts.write_text(host.ssh.known_host + "\n", encoding="ascii")
        options = ["-o", f"UserKnownHostsFile={known_hosts}", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes"]
        login = ["-i", str(key_file or host.ssh.key_file), f"{host.ssh.user}@{host.ssh.address}"]
        done = subprocess.run(
            ["ssh", "-F", "none", *options, *login, command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise AssertionError(done.stderr)
        return done.stdout

    return run


@pytest.fixture
def guest_says(on_host: Callable[..., str]) -> Callable[..., object]:
    """Asks a guest's agent again and again until the answer is as wanted."""

    def ask(host: LabHost, domain: str, question: str, wanted: Callable[[list[dict[str, object]]], bool]) -> object:
        command = f"""virsh qemu-agent-command {domain} '{{"execute": "{question}"}}'"""
        return wait_until(
            f"{question} of {domain}",
            lambda: json.loads(on_host(host, command))["return"],
            wanted,
            60.0,
            longest_pause_s=0.2,
            transient=(AssertionError,),
        )

    return ask
