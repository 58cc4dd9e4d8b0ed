"""What clients of the API and of SSH see of faults of agents, libvirt, SSH servers and whole hosts; simulated hosts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.hosts.failures import CommandTimedOut, ConnectionLost, ConnectionRefused, HostKeyChanged
from harness.hosts.ssh import SshConnection
from harness.waiting import wait_until
from tests.lab.api.conftest import Entity, Lab
from tests.lab.faults.conftest import Arm, armed

Ssh = Callable[[str], SshConnection]


def _instance(lab: Lab, **given: object) -> Entity:
    offering = lab.fixed(dynamicscalingenabled=True)
    return lab.deploy(offering, "kvm1", **given)


def _shown(lab: Lab, instance: Entity) -> Entity:
    return dict(lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0])


def _host_state(lab: Lab, name: str) -> str:
    return str(lab.api.listHosts(name=name)["host"][0]["state"])


def test_agent_disconnected_fails_a_scale_while_the_host_says_up(lab: Lab, arm: Arm) -> None:
    instance, before = (made := _instance(lab)), lab.xml("kvm1", made)
    arm("agent-disconnected", host="kvm1", command="scale")
    job = lab.scale(instance["id"], lab.fixed(cpus=2))
    assert job["jobresult"] == {"errorcode": 530, "errortext": "Unable to reconfigure VM."}
    assert _host_state(lab, "kvm1") == "Up"
    assert lab.xml("kvm1", instance) == before
    lab.cloud.faults.clear()
    assert lab.scale(instance["id"], lab.fixed(cpus=2))["jobstatus"] == 1


def test_agent_disconnected_lets_a_forced_stop_report_stopped_while_the_domain_runs(lab: Lab, arm: Arm) -> None:
    instance = _instance(lab)
    arm("agent-disconnected", host="kvm1")
    assert lab.run("stopVirtualMachine", id=instance["id"], forced=True)["jobstatus"] == 1
    assert _shown(lab, instance)["state"] == "Stopped"
    assert instance["instancename"] in lab.hosts["kvm1"].hypervisor.domain_names()


def test_agent_disconnected_for_one_command_counts_it_once(lab: Lab, arm: Arm) -> None:
    instance = _instance(lab, name="web")
    fault = arm("agent-disconnected", instance="web", times=1)
    assert lab.run("stopVirtualMachine", id=instance["id"])["jobstatus"] == 2
    assert _shown(lab, instance)["state"] == "Running"
    assert fault.struck == 1
    assert lab.run("stopVirtualMachine", id=instance["id"])["jobstatus"] == 1


def test_a_deployment_goes_round_a_disconnected_agent(lab: Lab, arm: Arm) -> None:
    arm("agent-disconnected", host="kvm1")
    assert lab.deploy(lab.fixed())["hostname"] != "kvm1"


def test_migration_failed_leaves_the_instance_where_it_ran(lab: Lab, arm: Arm) -> None:
    instance = _instance(lab)
    arm("migration-failed", host="kvm1", times=1)
    job = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("kvm2"))
    assert (job["jobstatus"], job["jobresult"]["errorcode"]) == (2, 530)
    assert "migration out job: unexpectedly failed" in job["jobresult"]["errortext"]
    shown = _shown(lab, instance)
    assert (shown["state"], shown["hostname"]) == ("Running", "kvm1")
    assert lab.hosts["kvm2"].hypervisor.domain_names() == ()
    assert lab.api.listHosts(name="kvm2")["host"][0]["memoryallocated"] == 0
    job = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("kvm2"))
    assert job["jobstatus"] == 1


def test_vcpu_refused_leaves_the_dimm_plugged_in(lab: Lab, arm: Arm) -> None:
    instance = _instance(lab)
    arm("vcpu-refused", instance=instance["id"])
    job = lab.scale(instance["id"], lab.fixed(cpus=2, memory=512))
    assert job["jobresult"] == {"errorcode": 530, "errortext": "Unable to reconfigure VM."}
    hypervisor, domain = lab.hosts["kvm1"].hypervisor, instance["instancename"]
    assert (hypervisor.max_memory_kib(domain), hypervisor.running_vcpus(domain)) == (512 * 1024, 1)
    assert (_shown(lab, instance)["cpunumber"], _shown(lab, instance)["memory"]) == (1, 256)


def test_vcpu_refused_does_not_strike_a_scale_without_new_vcpus(lab: Lab, arm: Arm) -> None:
    instance = _instance(lab)
    fault = arm("vcpu-refused")
    assert lab.scale(instance["id"], lab.fixed(memory=512))["jobstatus"] == 1
    assert fault.matched == 0


def test_libvirtd_restarted_is_away_for_a_while_and_domains_run_on(lab: Lab, arm: Arm, ssh: Ssh) -> None:
    instance = _instance(lab)
    fault = arm("libvirtd-restarted", host="kvm1", lasts=3600)
    looked = ssh("kvm1").run(["virsh", "list", "--name"])
    assert looked.status == 1
    assert "Failed to connect socket to '/var/run/libvirt/libvirt-sock'" in looked.stderr
    assert lab.scale(instance["id"], lab.fixed(cpus=2))["jobresult"]["errorcode"] == 530
    lab.cloud.faults.disarm(fault.number)
    assert ssh("kvm1").run(["virsh", "list", "--name"]).stdout.strip() == instance["instancename"]
    assert lab.scale(instance["id"], lab.fixed(cpus=2))["jobstatus"] == 1


def test_libvirtd_restarted_is_over_by_itself(lab: Lab, arm: Arm) -> None:
    fault = arm("libvirtd-restarted", host="kvm1", lasts=0.05)
    assert fault.over.wait(10)
    wait_until(
        "libvirtd",
        lambda: lab.hosts["kvm1"].hypervisor.libvirtd_answers,
        bool,
        5,
        first_pause_s=0.01,
    )


def test_ssh_refused_closes_the_port_and_ends_connections(lab: Lab, arm: Arm, ssh: Ssh) -> None:
    one, other = ssh("kvm1"), ssh("kvm2")
    assert one.run(["true"]).status == other.run(["true"]).status == 0
    fault = arm("ssh-refused", host="kvm1")
    with pytest.raises((ConnectionRefused, ConnectionLost)):
        one.run(["true"])
    with pytest.raises(ConnectionRefused):
        ssh("kvm1").run(["true"])
    assert other.run(["true"]).status == 0
    lab.cloud.faults.disarm(fault.number)
    assert ssh("kvm1").run(["true"]).status == 0


def test_ssh_host_key_changed_is_noticed_by_who_knows_the_old_one(lab: Lab, arm: Arm, ssh: Ssh) -> None:
    fault = arm("ssh-host-key-changed", host="kvm1")
    with pytest.raises(HostKeyChanged):
        ssh("kvm1").run(["true"])
    lab.cloud.faults.disarm(fault.number)
    assert ssh("kvm1").run(["true"]).status == 0


def test_ssh_cut_ends_the_connection_in_the_middle_of_the_output(arm: Arm, ssh: Ssh) -> None:
    fault = arm("ssh-cut", host="kvm1", nth=2, times=1, size=5)
    assert ssh("kvm1").run(["echo", "whole output"]).stdout == "whole output\n"
    with pytest.raises(ConnectionLost):
        ssh("kvm1").run(["sh", "-c", "echo whole output; exec sleep 3600"], seconds=20)
    assert fault.struck == 1
    assert ssh("kvm1").run(["echo", "whole output"]).stdout == "whole output\n"


def test_ssh_hanging_says_nothing_until_it_is_cleared(lab: Lab, arm: Arm, ssh: Ssh) -> None:
    fault = arm("ssh-hanging", host="kvm1")
    with pytest.raises(CommandTimedOut):
        ssh("kvm1").run(["echo", "here"], seconds=0.2)
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(ssh("kvm1").run, ["echo", "here"], seconds=20)
        wait_until("the second command", lambda: fault.struck, lambda struck: struck == 2, 10)
        assert not waiting.done()
        lab.cloud.faults.clear()
        assert waiting.result(20).stdout == "here\n"


def test_a_lab_with_a_hanging_ssh_command_goes_down(own_lab: Lab, ssh_to: Callable[[Lab, str], SshConnection]) -> None:
    hanging = armed(own_lab, "ssh-hanging")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(ssh_to(own_lab, "kvm1").run, ["echo", "here"], seconds=20)
        wait_until("the command", lambda: hanging.struck, bool, 10)
        own_lab.cloud.shutdown()
        waiting.result(20)


def test_host_down_takes_everything_with_it_and_comes_back_empty(lab: Lab, arm: Arm, ssh: Ssh) -> None:
    instance = _instance(lab)
    fault = arm("host-down", host="kvm1")
    assert (_host_state(lab, "kvm1"), _host_state(lab, "kvm2")) == ("Down", "Up")
    with pytest.raises(ConnectionRefused):
        ssh("kvm1").run(["true"])
    assert lab.scale(instance["id"], lab.fixed(cpus=2))["jobresult"]["errorcode"] == 530
    assert lab.deploy(lab.fixed())["hostname"] != "kvm1"
    place = lab.place(lab.fixed())
    assert lab.run("deployVirtualMachine", hostid=lab.host_id("kvm1"), **place)["jobresult"]["errorcode"] == 533
    lab.cloud.faults.disarm(fault.number)
    assert _host_state(lab, "kvm1") == "Up"
    assert ssh("kvm1").run(["virsh", "list", "--name"]).stdout.strip() == ""
    assert lab.deploy(lab.fixed(), "kvm1")["hostname"] == "kvm1"


def test_nothing_is_moved_to_a_host_that_is_down(lab: Lab, arm: Arm) -> None:
    instance = _instance(lab)
    lab.api.updateHost(id=lab.host_id("kvm2"), name="renamed")
    arm("host-down", host="kvm2")
    moved = lab.run("migrateVirtualMachine", virtualmachineid=instance["id"], hostid=lab.host_id("renamed"))
    assert moved["jobresult"]["errortext"] == (
        "Cannot migrate VM, destination host is not in correct state, has status: Down, state: Enabled"
    )
    targets = lab.api.findHostsForMigration(virtualmachineid=instance["id"])["host"]
    assert [each["suitableformigration"] for each in targets if each["name"] == "renamed"] == [False]
    too_large_for_kvm1 = lab.fixed(memory=6000)
    refused = lab.scale(instance["id"], too_large_for_kvm1)["jobresult"]
    assert refused["errorcode"] == 530
    assert lab.api.listVirtualMachines(id=instance["id"])["virtualmachine"][0]["hostname"] == "kvm1"


def test_two_faults_of_one_host_end_each_on_its_own(lab: Lab, arm: Arm, ssh: Ssh) -> None:
    down, refused = arm("host-down", host="kvm1"), arm("ssh-refused", host="kvm1")
    lab.cloud.faults.disarm(down.number)
    with pytest.raises(ConnectionRefused):
        ssh("kvm1").run(["true"])
    lab.cloud.faults.disarm(refused.number)
    assert ssh("kvm1").run(["virsh", "list"]).status == 0
