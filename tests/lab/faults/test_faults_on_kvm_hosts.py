"""Faults of hosts as clients see them on real hosts: with their own libvirtd, QEMU and sshd."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.failures import CommandTimedOut, ConnectionLost, ConnectionRefused, HandshakeFailed, HostKeyChanged
from harness.hosts.ssh import SshConnection
from harness.lab.api.lab_cloud import LabCloud
from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder, FaultRefusedError
from harness.lab.faults.registry import Faults
from harness.lab.kvm.fleet import KvmFleet
from harness.lab.topology import HostSpec, LabSpec
from harness.reference.release import SINCE
from harness.waiting import wait_until
from tests.lab.api.conftest import Entity, Lab, served

pytestmark = pytest.mark.kvm

SPEC = LabSpec(
    hosts=(
        HostSpec(name="kvm1", cluster="cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096),
        HostSpec(name="kvm2", cluster="cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096),
    )
)
Ssh = Callable[[str], SshConnection]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, image_cache: Path) -> Iterator[Lab]:
    faults = Faults()
    state = tmp_path_factory.mktemp("state")
    fleet = KvmFleet(SPEC.hosts, state, os.urandom(3).hex(), image_cache, acceleration="tcg", faults=faults)
    try:
        hosts = fleet.up()
        cloud = LabCloud(SPEC, hosts, fleet.guest_boot, SINCE, state / "primary", faults=faults)
        try:
            lab = served(cloud, hosts)
            lab.setting("enable.dynamic.scale.vm", "true")
            yield lab
        finally:
            cloud.shutdown()
    finally:
        fleet.down()


@pytest.fixture(autouse=True)
def cleared(lab: Lab) -> Iterator[None]:
    yield
    lab.cloud.faults.clear()


@pytest.fixture
def ssh(lab: Lab, tmp_path: Path) -> Iterator[Ssh]:
    opened: list[SshConnection] = []

    def connect(name: str) -> SshConnection:
        login = lab.hosts[name].ssh
        known = tmp_path / "known"
        known.write_text(f"{login.known_host}\n")
        access = HostAccess(
            name, login.address, login.port, key_file=login.key_file, known_hosts=known, connect_timeout_s=2
        )
        opened.append(SshConnection(access))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


@pytest.fixture(scope="module")
def instance(lab: Lab) -> Entity:
    return lab.deploy(lab.fixed(), "kvm1")


def _arm(lab: Lab, kind: Fault, **given: object) -> int:
    return lab.cloud.faults.arm(FaultOrder.model_validate({"kind": kind, **given})).number


def test_migration_failed_leaves_the_domain_where_it_ran(lab: Lab, instance: Entity) -> None:
    number = _arm(lab, Fault.MIGRATION_FAILED)
    there = lab.host_id("kvm2")
    job = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=there)
    assert (job["jobstatus"], job["jobresult"]["errorcode"]) == (2, 530)
    assert "gave up after 1 s" in job["jobresult"]["errortext"]
    assert lab.hosts["kvm1"].hypervisor.domain_names() == (instance["instancename"],)
    assert lab.hosts["kvm2"].hypervisor.domain_names() == ()
    lab.cloud.faults.disarm(number)
    for name in ("kvm2", "kvm1"):
        job = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id(name))
        assert job["jobstatus"] == 1, job


def test_vcpu_refused_leaves_the_dimm_plugged_in(lab: Lab, instance: Entity) -> None:
    _arm(lab, Fault.VCPU_REFUSED, host="kvm1", times=1)
    job = lab.scale(instance["id"], lab.fixed(cpus=2, memory=512))
    assert job["jobresult"] == {"errorcode": 530, "errortext": "Unable to reconfigure VM."}
    hypervisor, domain = lab.hosts["kvm1"].hypervisor, instance["instancename"]
    assert (hypervisor.max_memory_kib(domain), hypervisor.running_vcpus(domain)) == (512 * 1024, 1)


def test_libvirtd_restarted_is_another_process_and_domains_run_on(lab: Lab, instance: Entity, ssh: Ssh) -> None:
    connection = ssh("kvm1")
    before = connection.run(["cat", "/run/libvirtd.pid"]).stdout
    number = _arm(lab, Fault.LIBVIRTD_RESTARTED, host="kvm1", lasts=60)
    looked = connection.run(["virsh", "list", "--name"])
    assert looked.status == 1
    assert "Failed to connect socket" in looked.stderr
    assert lab.scale(instance["id"], lab.fixed(cpus=2))["jobresult"]["errorcode"] == 530
    lab.cloud.faults.disarm(number)
    assert connection.run(["virsh", "list", "--name"]).stdout.strip() == instance["instancename"]
    assert connection.run(["cat", "/run/libvirtd.pid"]).stdout != before


def test_ssh_refused(lab: Lab, ssh: Ssh) -> None:
    connection = ssh("kvm1")
    assert connection.run(["true"]).status == 0
    number = _arm(lab, Fault.SSH_REFUSED, host="kvm1")
    with pytest.raises((ConnectionRefused, ConnectionLost)):
        connection.run(["true"])
    with pytest.raises(ConnectionRefused):
        ssh("kvm1").run(["true"])
    assert ssh("kvm2").run(["true"]).status == 0
    lab.cloud.faults.disarm(number)
    assert ssh("kvm1").run(["true"]).status == 0


def test_ssh_host_key_changed(lab: Lab, ssh: Ssh) -> None:
    number = _arm(lab, Fault.SSH_HOST_KEY_CHANGED, host="kvm1")
    with pytest.raises(HostKeyChanged):
        ssh("kvm1").run(["true"])
    lab.cloud.faults.disarm(number)
    assert ssh("kvm1").run(["true"]).status == 0


def test_ssh_cut(lab: Lab, ssh: Ssh) -> None:
    number = _arm(lab, Fault.SSH_CUT, host="kvm1", size=5)
    with pytest.raises(ConnectionLost):
        ssh("kvm1").run(["sh", "-c", "yes"], seconds=20)
    lab.cloud.faults.disarm(number)
    assert ssh("kvm1").run(["echo", "whole"]).stdout == "whole\n"


def test_ssh_hanging(lab: Lab, ssh: Ssh) -> None:
    connection = ssh("kvm1")
    assert connection.run(["true"]).status == 0
    number = _arm(lab, Fault.SSH_HANGING, host="kvm1")
    with pytest.raises(CommandTimedOut):
        connection.run(["true"], seconds=0.3)
    with pytest.raises(HandshakeFailed):
        ssh("kvm1").run(["true"])
    lab.cloud.faults.disarm(number)
    assert ssh("kvm1").run(["true"]).status == 0


@pytest.mark.parametrize("kind", [Fault.SSH_CUT, Fault.SSH_HANGING])
def test_real_sshd_cannot_be_told_which_command_to_strike(lab: Lab, kind: Fault) -> None:
    with pytest.raises(FaultRefusedError, match="a KVM host, it is in force until it is cleared"):
        _arm(lab, kind, host="kvm1", times=1)


def test_host_down_and_back(lab: Lab, instance: Entity, ssh: Ssh) -> None:
    number = _arm(lab, Fault.HOST_DOWN, host="kvm1")
    assert lab.api.listHosts(name="kvm1")["host"][0]["state"] == "Down"
    with pytest.raises(ConnectionRefused):
        ssh("kvm1").run(["true"])
    assert lab.scale(instance["id"], lab.fixed(cpus=2))["jobresult"]["errorcode"] == 530
    lab.cloud.faults.disarm(number)
    assert wait_until("virsh", lambda: ssh("kvm1").run(["virsh", "list", "--name"]), lambda _: True, 5).stdout == "\n"
