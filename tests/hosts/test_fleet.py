"""All domains of a host come with one connection and one command, and what could not be had is told for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.failures import BadInstanceName, HostFailure, ProbeFailed
from harness.hosts.fleet import look_at_fleet
from harness.hosts.observation import DomainView, GuestView, NotSeen, SchedulerView
from harness.lab.fleet import LabHost
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.simulated.sysroot import shown

Access = Callable[..., HostAccess]
FIRST = "i-2-7-VM"
MORE = [f"i-2-{number}-VM" for number in range(100, 190)]


@pytest.fixture(scope="module")
def hypervisor(host: LabHost, domain_xml: str) -> Iterator[SimulatedHypervisor]:
    hypervisor = host.hypervisor
    assert isinstance(hypervisor, SimulatedHypervisor)
    for number, name in enumerate(MORE):
        xml = domain_xml.replace(FIRST, name).replace("2617172c", f"{number:08x}")
        hypervisor.start(xml)
    yield hypervisor
    for name in MORE:
        hypervisor.destroy(name)


@pytest.mark.usefixtures("hypervisor")
def test_every_domain_of_a_host_is_seen_with_its_scheduler(access: Access) -> None:
    look = look_at_fleet(access())

    assert set(look.names) == set(look.members) == {FIRST, *MORE}
    assert (look.facts.host, look.facts.cpus, look.facts.cgroup_version) == ("kvm1", 8, 1)
    for member in look.members.values():
        assert isinstance(member.domain, DomainView)
        assert (member.domain.vcpus, member.domain.memory_kib) == (2, 262144)
        assert member.scheduler == SchedulerView(shares=1000, period_us=10000, quota_us=2500)
        assert member.since is not None


def test_it_takes_one_connection_and_one_command(
    access: Access, fleet: SimulatedFleet, hypervisor: SimulatedHypervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, commands, visits = fleet.ssh_server("kvm1"), [], []
    run, visit = server.run, server._doorman._visits
    monkeypatch.setattr(server, "run", lambda channel, command: (commands.append(command), run(channel, command)))
    listener = next(one for one in visit if one.getsockname()[1] == server.port)
    welcome = visit[listener]
    monkeypatch.setitem(visit, listener, lambda connection: (visits.append(1), welcome(connection)))

    look = look_at_fleet(access(), guests=True)

    assert len(look.members) == len(hypervisor.domain_names())
    assert (len(visits), len(commands)) == (1, 1)


@pytest.mark.usefixtures("hypervisor")
def test_only_what_is_wanted_is_looked_at(access: Access) -> None:
    look = look_at_fleet(access(), [MORE[3], "i-2-999-VM"])
    assert set(look.members) == {MORE[3]}
    assert len(look.names) == 1 + len(MORE)


def test_a_guest_is_asked_only_when_that_is_wanted(access: Access, hypervisor: SimulatedHypervisor) -> None:
    hypervisor.set_guest_agent(MORE[0], answering=False)
    asked = look_at_fleet(access(), [FIRST, MORE[0]], guests=True).members
    assert asked[FIRST].guest == GuestView(online_cpus=2, online_memory_mib=256)
    silent = asked[MORE[0]].guest
    assert isinstance(silent, NotSeen)
    assert "not connected" in silent.reason
    assert look_at_fleet(access(), [FIRST]).members[FIRST].guest == NotSeen("guests were not asked")


def test_a_name_that_is_more_than_a_name_is_sent_to_no_shell(access: Access) -> None:
    with pytest.raises(BadInstanceName):
        look_at_fleet(access(), ["i-2-7-VM; reboot"])


@pytest.mark.usefixtures("hypervisor")
def test_a_domain_that_garbles_its_document_is_told_and_harms_no_other(access: Access, host: LabHost) -> None:
    look_at_fleet(access())
    file = host.ssh.key_file.parents[1] / "hosts" / "kvm1" / "root" / "virsh" / MORE[1] / "dumpxml"
    right = file.read_text()
    file.write_text(shown("<domain><memory>"))
    try:
        members = look_at_fleet(access()).members
    finally:
        file.write_text(right)
    assert isinstance(members[MORE[1]].domain, NotSeen)
    assert isinstance(members[MORE[2]].domain, DomainView)


def test_a_libvirtd_that_does_not_answer_is_a_failure_and_no_empty_host(
    access: Access, hypervisor: SimulatedHypervisor
) -> None:
    hypervisor.libvirtd_answers = False
    try:
        with pytest.raises(ProbeFailed, match="libvirtd"):
            look_at_fleet(access())
    finally:
        hypervisor.libvirtd_answers = True


def test_a_host_that_is_away_is_a_failure(access: Access) -> None:
    with pytest.raises(HostFailure, match="kvm1"):
        look_at_fleet(access(port=1))
