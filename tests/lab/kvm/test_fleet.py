"""Real hosts come up as declared, can be reached as they say, and stay apart."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.lab.fleet import LabHost
from harness.lab.kvm.fleet import KvmFleet, host_pids
from harness.lab.kvm.libvirt_hypervisor import LibvirtHypervisor

from .conftest import HOSTS

pytestmark = pytest.mark.kvm

OnHost = Callable[..., str]


def test_every_reading_agrees_with_the_declared_capacity(hosts: tuple[LabHost, ...], on_host: OnHost) -> None:
    for host in hosts:
        spec = host.spec
        node = host.hypervisor.node_info()
        assert (node.cpus, node.speed_mhz, node.memory_kib) == (spec.cpus, spec.speed_mhz, spec.memory_mib * 1024)
        said = on_host(host, "virsh nodeinfo; grep MemTotal /proc/meminfo; grep -c ^processor /proc/cpuinfo")
        assert re.search(rf"^CPU\(s\): +{spec.cpus}$", said, re.MULTILINE)
        assert re.search(rf"^CPU frequency: +{spec.speed_mhz} MHz$", said, re.MULTILINE)
        assert re.search(rf"^Memory size: +{spec.memory_mib * 1024} KiB$", said, re.MULTILINE)
        assert re.search(rf"^MemTotal: +{spec.memory_mib * 1024} kB$", said, re.MULTILINE)
        assert said.endswith(f"\n{spec.cpus}\n")


def test_hosts_have_names_addresses_and_domains_of_their_own_and_no_way_out(
    hosts: tuple[LabHost, ...], on_host: OnHost
) -> None:
    for host in hosts:
        said = on_host(host, "hostname; ip -4 route; getent hosts kvm1 | cut -d' ' -f1; virsh list --all --name")
        name, route, neighbour, domains = said.split("\n", 3)
        assert name == host.spec.name
        assert "default" not in said
        assert route.endswith(f"src {host.ssh.address} ")
        assert neighbour == hosts[0].ssh.address
        assert not domains.strip()


def test_hosts_reach_each_other(hosts: tuple[LabHost, ...], on_host: OnHost) -> None:
    command = f"bash -c 'exec 3<>/dev/tcp/{hosts[1].ssh.address}/22; head -c 7 <&3'"
    assert on_host(hosts[0], command) == "SSH-2.0"


def test_what_an_agent_logs_is_at_its_usual_place_in_its_host_alone(
    hosts: tuple[LabHost, ...], on_host: OnHost
) -> None:
    for host in hosts[:2]:
        assert host.agent_log is not None
        host.agent_log.write_text(f"of {host.spec.name}")
    for host in hosts[:2]:
        assert on_host(host, "cat /var/log/cloudstack/agent/agent.log") == f"of {host.spec.name}"
    assert not Path("/var/log/cloudstack").exists()


def test_what_runs_in_a_host_gets_no_huge_pages(hosts: tuple[LabHost, ...], on_host: OnHost) -> None:
    status = "cat /run/libvirtd.pid | xargs -I{} grep THP_enabled /proc/{}/status"
    assert {on_host(host, status).split()[-1] for host in hosts} == {"0"}


def test_only_the_key_of_the_lab_opens_a_host(hosts: tuple[LabHost, ...], on_host: OnHost, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    with pytest.raises(AssertionError, match="Permission denied"):
        on_host(hosts[0], "true", key_file=tmp_path / "other")


def test_libvirtd_listens_on_tcp_only_when_asked_to(hosts: tuple[LabHost, ...]) -> None:
    by_tcp = LibvirtHypervisor("kvm1", f"qemu+tcp://{hosts[0].ssh.address}/system", hosts[0].ssh.address, 1)
    assert by_tcp.node_info() == hosts[0].hypervisor.node_info()
    by_tcp.close()


def test_a_second_lab_runs_beside_the_first_and_leaves_it_alone(
    hosts: tuple[LabHost, ...], image_cache: Path, tmp_path: Path, new_lab_id: str, on_host: OnHost
) -> None:
    second = KvmFleet(HOSTS[:1], tmp_path, new_lab_id, image_cache, acceleration="tcg")
    try:
        (other,) = second.up()
        assert other.ssh.address.rsplit(".", 1)[0] != hosts[0].ssh.address.rsplit(".", 1)[0]
        assert set(host_pids(second.record)) == {"kvm1"}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((other.ssh.address, 16509), timeout=5)
    finally:
        second.down()
    second.down()
    assert host_pids(second.record) == {}
    assert list(tmp_path.iterdir()) == []
    assert on_host(hosts[0], "hostname") == "kvm1\n"


def test_a_fleet_that_cannot_come_up_says_why_and_leaves_nothing(
    image_cache: Path,
    tmp_path: Path,
    new_lab_id: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broken = tmp_path / "init.sh"
    broken.write_text("echo the disk is on fire >&2; exit 3\n", encoding="utf-8")
    monkeypatch.setattr("harness.lab.kvm.host.INIT_SCRIPT", broken)
    state = tmp_path / "state"
    fleet = KvmFleet(HOSTS, state, new_lab_id, image_cache, acceleration="tcg")
    with pytest.raises(HarnessError, match="the disk is on fire"):
        fleet.up()
    assert list(state.iterdir()) == []
    assert not [link for link in Path("/sys/class/net").iterdir() if new_lab_id in link.name]


def test_a_state_folder_that_hosts_could_not_see_is_refused(tmp_path: Path, new_lab_id: str) -> None:
    fleet = KvmFleet(HOSTS, Path("/run/somewhere"), new_lab_id, tmp_path)
    with pytest.raises(HarnessError, match="/run/somewhere lies beneath /run"):
        fleet.up()


def test_a_lab_id_that_links_cannot_carry_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="hexadecimal"):
        KvmFleet(HOSTS, tmp_path, "my-lab", tmp_path)
