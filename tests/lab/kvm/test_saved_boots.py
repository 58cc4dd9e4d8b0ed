"""A guest whose machine has booted before goes on from there, and is in all else as one that booted."""

from __future__ import annotations

import logging
import re
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.observation import ProcessView
from harness.hosts.pool import Hosts
from harness.lab.agent.disks import Disks
from harness.lab.agent.domain_xml import Hardware, domain_xml
from harness.lab.agent.hook import for_these_hosts
from harness.lab.fleet import GuestBoot, LabHost
from harness.lab.hypervisor import HypervisorError
from harness.lab.kvm.fleet import KvmFleet
from harness.lab.kvm.saved_boots import MOST_MACHINES, VARIABLE, boots_are_saved, machine_of, with_usb_ports
from harness.reference.domain import Domain, topology
from harness.waiting import wait_until

from .conftest import HOSTS

OnHost = Callable[..., str]
GuestSays = Callable[..., list[dict[str, object]]]
Start = Callable[..., str]

SMALL = Domain(
    prepared=True,
    boot_memory_kib=262144,
    max_memory_kib=2097152,
    vcpus=1,
    max_vcpus=4,
    topology=topology(4),
    shares=500,
    quota_us=None,
    period_us=None,
)
DIMM = "<memory model='dimm'><target><size unit='KiB'>262144</size><node>0</node></target></memory>"


def hardware(number: int, disk: Path = Path("/srv/disk"), listen: str = "10.77.0.11") -> Hardware:
    return Hardware(
        name=f"i-2-{number}-VM",
        uuid=str(uuid.uuid4()),
        os_name=f"System {number}",
        disk_path=str(disk),
        disk_uuid=str(uuid.uuid4()),
        mac=f"02:01:00:00:00:{number:02x}",
        vnc_address=listen,
        vnc_password=f"secret{number}",
    )


def online(count: int) -> Callable[[list[dict[str, object]]], bool]:
    return lambda seen: sum(1 for each in seen if each["online"]) == count


def test_instances_of_one_size_are_one_machine_whoever_they_are_and_whatever_cpu_time_they_get() -> None:
    capped = replace(SMALL, shares=1000, quota_us=5000, period_us=10000)
    assert machine_of(domain_xml(SMALL, hardware(1))) == machine_of(
        domain_xml(capped, hardware(2, Path("/other"), "::1"))
    )


@pytest.mark.parametrize(
    "other",
    [
        replace(SMALL, vcpus=2),
        replace(SMALL, boot_memory_kib=524288),
        replace(SMALL, max_memory_kib=4194304),
        replace(SMALL, max_vcpus=8),
        replace(SMALL, topology=topology(4, 2)),
        replace(SMALL, prepared=False, max_memory_kib=None),
    ],
)
def test_another_size_or_arrangement_is_another_machine(other: Domain) -> None:
    assert machine_of(domain_xml(SMALL, hardware(1))) != machine_of(domain_xml(other, hardware(1)))


@pytest.mark.parametrize(
    ("pattern", "becomes"),
    [
        ("<link state='up'/>", "<link state='down'/>"),
        ("<model type='virtio'/>", "<model type='e1000'/>"),
        ("<source file=''/>", "<source file='/srv/an.iso'/>"),
        ("machine='pc'", "machine='q35'"),
        ("</devices>\n</domain>", "<rng model='virtio'><backend model='random'/></rng></devices>\n</domain>"),
    ],
)
def test_another_device_is_another_machine(pattern: str, becomes: str) -> None:
    xml = domain_xml(SMALL, hardware(1))
    assert pattern in xml
    assert machine_of(xml) != machine_of(xml.replace(pattern, becomes))


def test_another_kernel_is_another_machine() -> None:
    xml = domain_xml(SMALL, hardware(1))
    ours = for_these_hosts(xml, GuestBoot("qemu", Path("/a/kernel"), Path("/a/initrd"), "quiet"))
    theirs = for_these_hosts(xml, GuestBoot("qemu", Path("/b/kernel"), Path("/a/initrd"), "quiet"))
    assert machine_of(ours) != machine_of(theirs)


def test_devices_of_the_usb_bus_get_ports_where_they_have_none() -> None:
    xml = (
        "<domain><devices><input type='tablet' bus='usb'/><input type='keyboard' bus='ps2'/>"
        "<input type='mouse' bus='usb'/></devices></domain>"
    )
    with_ports = with_usb_ports(xml)
    assert re.findall(
        r"<input type=\"(\w+)\" bus=\"usb\"><address type=\"usb\" bus=\"0\" port=\"(\d)\"", with_ports
    ) == [
        ("tablet", "1"),
        ("mouse", "2"),
    ]
    assert with_usb_ports(with_ports) == with_ports


@pytest.mark.parametrize(("said", "saved"), [(None, True), ("", True), ("on", True), ("off", False)])
def test_boots_are_saved_unless_the_environment_says_off(
    said: str | None, *, saved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    if said is not None:
        monkeypatch.setenv(VARIABLE, said)
    assert boots_are_saved() is saved


def test_any_other_word_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "no")
    with pytest.raises(HarnessError, match="CS_HARNESS_SAVED_BOOTS=no: must be on or off"):
        boots_are_saved()


def start_on(fleet: KvmFleet, host: LabHost, number: int, domain: Domain) -> str:
    """Start an instance; returns the name of its disk."""
    disks, disk = Disks(fleet.state_dir / "primary"), f"disk-{number}"
    disks.create(disk)
    xml = domain_xml(domain, hardware(number, Path(disks.path(disk)), host.ssh.address))
    host.hypervisor.start(for_these_hosts(xml, fleet.guest_boot))
    return disk


@pytest.fixture
def start(fleet: KvmFleet, hosts: tuple[LabHost, ...]) -> Iterator[Start]:
    """Starts an instance with a disk of its own on the first host or another one; ends those that are left."""
    disks: set[str] = set()

    def start(number: int, domain: Domain, host: LabHost = hosts[0]) -> str:
        disks.add(start_on(fleet, host, number, domain))
        return f"i-2-{number}-VM"

    yield start
    for host in hosts:
        for name in host.hypervisor.domain_names():
            host.hypervisor.destroy(name)
    for disk in disks:
        Disks(fleet.state_dir / "primary").remove(disk)


def saved(fleet: KvmFleet) -> set[str]:
    return {path.name for path in (fleet.state_dir / "boots").glob("machine-*")}


def went_on(fleet: KvmFleet, host: LabHost, name: str) -> bool:
    """Whether QEMU was last started to take a guest over, by the domain's log."""
    log = fleet.state_dir / "hosts" / host.spec.name / "var-log-libvirt" / "qemu" / f"{name}.log"
    return "-incoming" in log.read_text(encoding="utf-8").rpartition("starting up libvirt")[2]


def until_saved(fleet: KvmFleet, caplog: pytest.LogCaptureFixture) -> None:
    told = "go on from a saved boot"
    wait_until("a saved boot", lambda: caplog.text, lambda said: told in said, 60.0, longest_pause_s=0.1)
    assert saved(fleet)


def came_by_migration(host: LabHost, name: str, folder: Path) -> bool:
    """As the harness sees it."""
    known = folder / host.spec.name
    known.write_text(f"{host.ssh.known_host}\n", encoding="ascii")
    access = HostAccess(host.spec.name, host.ssh.address, key_file=host.ssh.key_file, known_hosts=known)
    with Hosts([access]) as views:
        process = views.on(host.spec.name).observe(name).process
    assert isinstance(process, ProcessView)
    return process.took_over


# Lines of a live domain that differ between any two instances.
OWN_LINES = (
    *("<domain ", "<name>", "<uuid>", "<entry name='uuid'", "<entry name='serial'", "<description>", "<serial>"),
    *("<source ", "<mac ", "<target dev='vnet", "<console ", "<graphics ", "<listen "),
)


def who_it_is_left_out(xml: str) -> list[str]:
    return [line for line in xml.splitlines() if not line.strip().startswith(OWN_LINES)]


@pytest.mark.kvm
def test_the_third_guest_of_a_machine_goes_on_and_is_scaled_migrated_and_switched_off_as_any(
    fleet: KvmFleet,
    hosts: tuple[LabHost, ...],
    start: Start,
    on_host: OnHost,
    guest_says: GuestSays,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    caplog.set_level(logging.INFO)
    here, there = hosts[:2]
    booted = [start(number, SMALL) for number in (1, 2)]
    until_saved(fleet, caplog)
    third = start(3, SMALL)
    assert [went_on(fleet, here, name) for name in (*booted, third)] == [False, False, True]
    # The spare host and what it boots are in nobody's sight.
    assert set(on_host(here, "virsh list --all --name").split()) == {*booted, third}
    assert here.hypervisor.domain_names() == tuple(sorted((*booted, third)))
    assert len(hosts) == len(HOSTS)

    guest_says(here, booted[0], "guest-get-vcpus", online(1))
    xmls = [here.hypervisor.dump_xml(name) for name in (booted[0], third)]
    assert who_it_is_left_out(xmls[0]) == who_it_is_left_out(xmls[1])
    assert xmls[0] != xmls[1]
    assert f"<name>{third}</name>" in xmls[1]

    guest_says(here, third, "guest-get-vcpus", online(1))
    guest_says(here, third, "guest-get-memory-blocks", online(2))
    # Its QEMU waited for a guest, as a migration's destination does.
    assert not came_by_migration(here, third, tmp_path)
    here.hypervisor.set_vcpus(third, 3)
    here.hypervisor.attach_device(third, DIMM)
    guest_says(here, third, "guest-get-vcpus", online(3))
    guest_says(here, third, "guest-get-memory-blocks", online(4))
    xml = here.hypervisor.migratable_xml(third).replace(here.ssh.address, there.ssh.address)
    here.hypervisor.migrate(third, there.hypervisor, xml, 60.0)
    guest_says(there, third, "guest-get-vcpus", online(3))
    assert came_by_migration(there, third, tmp_path)
    there.hypervisor.press_power_button(third)
    wait_until("the guest to switch off", there.hypervisor.domain_names, lambda names: not names, 30.0)


@pytest.mark.kvm
def test_a_guest_with_a_cpu_cap_goes_on_with_its_cap_and_on_any_host(
    fleet: KvmFleet, hosts: tuple[LabHost, ...], start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    two = replace(SMALL, vcpus=2)
    start(1, two)
    start(2, two)
    until_saved(fleet, caplog)
    name = start(3, replace(two, shares=700, quota_us=7000, period_us=10000), hosts[1])
    assert went_on(fleet, hosts[1], name)
    parameters = hosts[1].hypervisor.scheduler_parameters(name)
    assert (parameters["cpu_shares"], parameters["vcpu_quota"], parameters["vcpu_period"]) == (700, 7000, 10000)


@pytest.mark.kvm
def test_what_is_refused_at_a_boot_is_refused_in_the_same_words(
    fleet: KvmFleet, hosts: tuple[LabHost, ...], start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    unprepared = replace(SMALL, prepared=False, max_memory_kib=None, max_vcpus=1, topology=topology(1))
    start(1, unprepared)
    with pytest.raises(HypervisorError) as at_boot:
        start(1, unprepared)
    until_saved(fleet, caplog)
    with pytest.raises(HypervisorError) as later:
        start(1, unprepared)
    without_uuid = [re.sub(r"[0-9a-f-]{36}", "", str(error.value)) for error in (at_boot, later)]
    assert without_uuid[0] == without_uuid[1] != ""
    with pytest.raises(HypervisorError, match="domain_definition"):
        hosts[0].hypervisor.start("<domain")
    assert "WARNING" not in caplog.text
    # Neither of them has made the others boot.
    assert went_on(fleet, hosts[0], start(4, unprepared))


@pytest.mark.kvm
def test_where_the_saved_guest_is_spoilt_guests_boot_and_the_lab_says_so(
    fleet: KvmFleet,
    hosts: tuple[LabHost, ...],
    start: Start,
    guest_says: GuestSays,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    large = replace(SMALL, boot_memory_kib=524288)
    before = saved(fleet)
    start(1, large)
    start(2, large)
    until_saved(fleet, caplog)
    (new,) = saved(fleet) - before
    file = fleet.state_dir / "boots" / new
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    third = start(3, large)
    assert f"guests of machine {new.removeprefix('machine-')} boot from now on" in caplog.text
    guest_says(hosts[0], third, "guest-get-vcpus", online(1))
    fourth = start(4, large)
    assert not went_on(fleet, hosts[0], fourth)
    assert [path.name for path in (fleet.state_dir / "boots").glob("start-*")] == []


def start_alike(fleet: KvmFleet, host: LabHost, numbers: range) -> None:
    for number in numbers:
        start_on(fleet, host, number, SMALL)


@pytest.mark.kvm
@pytest.mark.parametrize("when", ["at once", "once its guest boots"])
def test_a_fleet_goes_down_whole_while_a_boot_is_being_saved(
    when: str, image_cache: Path, tmp_path: Path, new_lab_id: str
) -> None:
    fleet = KvmFleet(HOSTS[:1], tmp_path, new_lab_id, image_cache, acceleration="tcg")
    try:
        (host,) = fleet.up()
        start_alike(fleet, host, range(1, 3))
        if when != "at once":
            logs = tmp_path / "hosts" / f"spare-{new_lab_id}" / "var-log-libvirt" / "qemu"
            wait_until("the spare host's guest", lambda: list(logs.glob("*.log")), bool, 30.0)
    finally:
        fleet.down()
    assert list(tmp_path.iterdir()) == []
    groups = subprocess.run(["find", "/sys/fs/cgroup", "-name", f"csl-{new_lab_id}*"], capture_output=True, check=True)
    assert groups.stdout == b""
    assert not [link for link in Path("/sys/class/net").iterdir() if new_lab_id in link.name]


@pytest.mark.kvm
def test_where_the_spare_host_does_not_come_up_guests_boot_and_the_lab_says_so_once(
    image_cache: Path,
    tmp_path: Path,
    new_lab_id: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = tmp_path / "init.sh"
    broken.write_text("echo the spare disk is on fire >&2; exit 3\n", encoding="utf-8")
    fleet = KvmFleet(HOSTS[:1], tmp_path / "state", new_lab_id, image_cache, acceleration="tcg")
    try:
        (host,) = fleet.up()
        monkeypatch.setattr("harness.lab.kvm.host.INIT_SCRIPT", broken)
        start_alike(fleet, host, range(1, 3))
        wait_until("the complaint", lambda: caplog.text, lambda said: "the spare disk is on fire" in said, 30.0)
        start_alike(fleet, host, range(3, 5))
        assert host.hypervisor.domain_names() == tuple(f"i-2-{number}-VM" for number in range(1, 5))
        assert not any(went_on(fleet, host, name) for name in host.hypervisor.domain_names())
        assert len(caplog.messages) == 1
    finally:
        fleet.down()
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.kvm
def test_where_the_folder_has_no_room_guests_boot_and_the_lab_says_so(
    image_cache: Path, tmp_path: Path, new_lab_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    fleet = KvmFleet(HOSTS[:1], tmp_path, new_lab_id, image_cache, acceleration="tcg")
    boots = tmp_path / "boots"
    try:
        (host,) = fleet.up()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=10m", "tmpfs", str(boots)], check=True)
        try:
            start_alike(fleet, host, range(1, 3))
            wait_until("the complaint", lambda: caplog.text, lambda said: "boot from now on" in said, 60.0)
            assert not list(boots.glob("machine-*"))
            start_alike(fleet, host, range(3, 4))
            assert not went_on(fleet, host, "i-2-3-VM")
        finally:
            subprocess.run(["umount", "--lazy", str(boots)], check=True)
    finally:
        fleet.down()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.kvm
@pytest.mark.parametrize(("variable", "most"), [("off", MOST_MACHINES), ("on", 0)])
def test_every_guest_boots_where_the_environment_says_off_or_enough_are_saved(
    variable: str, most: int, image_cache: Path, tmp_path: Path, new_lab_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, variable)
    monkeypatch.setattr("harness.lab.kvm.saved_boots.MOST_MACHINES", most)
    fleet = KvmFleet(HOSTS[:1], tmp_path, new_lab_id, image_cache, acceleration="tcg")
    try:
        (host,) = fleet.up()
        start_alike(fleet, host, range(1, 4))
        assert not list((tmp_path / "boots").iterdir())
        assert {path.name for path in (tmp_path / "hosts").iterdir()} == {"kvm1", "switch.log"}
    finally:
        fleet.down()
