"""The probe brings every part in one exec, and what it could not bring is said, never left empty."""

from __future__ import annotations

import dataclasses
import gzip
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.failures import BadInstanceName, ProbeFailed
from harness.hosts.observation import (
    Absent,
    CgroupView,
    DomainView,
    GuestView,
    HostFacts,
    NotSeen,
    ProcessView,
    SchedulerView,
    Topology,
    VcpuBandwidth,
    VcpuCounts,
)
from harness.hosts.probe import Parts, cut
from harness.hosts.ssh import CommandResult, SshConnection
from harness.hosts.ssh_transport import SshHostView
from harness.lab.fleet import LabHost
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.simulated.sysroot import shown

Access = Callable[..., HostAccess]
NAME = "i-2-7-VM"
MARK = "0123"
SCRIPT = resources.files("harness.hosts").joinpath("probe.sh").read_text()


@pytest.fixture
def view(access: Access) -> Iterator[SshHostView]:
    view = SshHostView(access())
    yield view
    view.close()


@pytest.fixture
def files(host: LabHost, fleet: SimulatedFleet) -> Iterator[Path]:
    """The host's files, which a test may spoil; they are as before afterwards."""
    assert fleet.kind == "simulated"
    folder = host.ssh.key_file.parents[1] / "hosts" / "kvm1"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    yield folder
    for path, content in before.items():
        path.write_bytes(content)


def test_one_look_brings_all_parts(view: SshHostView) -> None:
    look = view.observe(NAME)

    assert (look.instance_name, look.host, look.transport) == (NAME, "kvm1", "ssh")
    assert isinstance(look.domain, DomainView)
    assert look.domain.topology == Topology(sockets=2, cores=4, threads=1)
    assert look.scheduler == SchedulerView(shares=1000, period_us=10000, quota_us=2500)
    quota = VcpuBandwidth(2500, 10000)
    assert look.cgroup == CgroupView(version=1, weight=1000, vcpus={0: quota, 1: quota})
    assert look.vcpus == VcpuCounts(current=2, maximum=8)
    assert look.guest == GuestView(online_cpus=2, online_memory_mib=256)
    assert view.guest(NAME) == look.guest


def test_one_look_is_one_command_on_the_host(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[CommandResult] = []
    run = SshConnection.run

    def counted(self: SshConnection, *given: object, **named: object) -> CommandResult:
        commands.append(run(self, *given, **named))  # type: ignore[arg-type]
        return commands[-1]

    monkeypatch.setattr(SshConnection, "run", counted)
    view = SshHostView(access())
    view.observe(NAME)
    view.close()

    assert len(commands) == 1


def test_an_unknown_domain_is_absent(view: SshHostView) -> None:
    assert view.observe("i-2-8-VM").domain == Absent()
    assert isinstance(view.guest("i-2-8-VM"), NotSeen)


@pytest.mark.parametrize("name", ["", "-c", "a b", "a;b", "a'b", 'a"b', "$(id)", "a\nb", "é", "a" * 256])
def test_a_name_that_could_be_more_than_a_name_is_not_sent(view: SshHostView, name: str) -> None:
    with pytest.raises(BadInstanceName):
        view.observe(name)


def test_facts_and_names_are_told(view: SshHostView) -> None:
    facts = view.facts()

    kernel = subprocess.run(["uname", "-r"], capture_output=True, text=True, check=True).stdout.strip()
    assert facts == HostFacts("kvm1", 8, 2000, 4096 * 1024, 1, "9.0.0", "7.2.22", kernel)
    assert view.domain_names() == (NAME,)


def test_a_dead_libvirtd_leaves_the_domain_not_seen_rather_than_absent(access: Access, files: Path) -> None:
    virsh = files / "bin" / "virsh"
    real = virsh.read_text()
    virsh.write_text(
        "#!/bin/sh\nfor i in 1 2 3; do echo 'error: failed to connect to the hypervisor' >&2; done; exit 1\n"
    )
    view = SshHostView(access())
    try:
        # A first look: a view that was answered before looks again until there is one.
        look = view.observe(NAME)
        with pytest.raises(ProbeFailed, match=r"failed to connect to the hypervisor.*is libvirtd running there"):
            view.facts()
        with pytest.raises(ProbeFailed):
            view.domain_names()
    finally:
        virsh.write_text(real)
        view.close()

    assert isinstance(look.domain, NotSeen)
    assert "failed to connect to the hypervisor" in look.domain.reason
    assert isinstance(look.scheduler, NotSeen)
    assert isinstance(look.vcpus, NotSeen)
    assert isinstance(look.guest, NotSeen)


@pytest.mark.parametrize("lost", ["cpu.shares", "vcpu1/cpu.cfs_quota_us"])
def test_a_cgroup_file_that_cannot_be_read_is_named(view: SshHostView, files: Path, lost: str) -> None:
    view.observe(NAME)
    (scope,) = (files / "root" / "sys" / "fs" / "cgroup" / "cpu" / "machine").iterdir()
    (scope / lost).unlink()

    seen = view.observe(NAME).cgroup

    assert isinstance(seen, NotSeen)
    assert seen.reason.endswith(f"{scope.name}/{lost}")


def test_a_process_tells_whether_it_took_its_guest_over(view: SshHostView, files: Path) -> None:
    assert view.observe(NAME).process == ProcessView(took_over=False)
    pid = (files / "root" / "run" / "libvirt" / "qemu" / f"{NAME}.pid").read_text()
    command_line = files / "root" / "proc" / pid / "cmdline"
    command_line.write_text(f"qemu-system-x86_64\0-name\0guest={NAME},of=-incoming\0")
    assert view.observe(NAME).process == ProcessView(took_over=False)
    command_line.write_text(f"qemu-system-x86_64\0-name\0guest={NAME}\0-incoming\0defer\0")
    (state,) = files.rglob(f"{NAME}/domstate")
    for reason, took_over in (("migrated", True), ("unpaused", True), ("restored", False), ("from snapshot", False)):
        state.write_text(f"printf '%s\\n' 'running ({reason})'\n")
        assert view.observe(NAME).process == ProcessView(took_over=took_over), reason
    state.write_text("printf 'error: Disconnected\\n'\n")
    assert view.observe(NAME).process == NotSeen(
        "QEMU process took its guest over, and libvirt does not tell from where: Disconnected"
    )
    command_line.unlink()
    assert view.observe(NAME).process == NotSeen(f"QEMU process: cannot read /proc/{pid}/cmdline")


def test_a_missing_pid_or_process_is_said(view: SshHostView, files: Path) -> None:
    view.observe(NAME)
    pid_file = files / "root" / "run" / "libvirt" / "qemu" / f"{NAME}.pid"
    pid_file.write_text("1")
    no_process = view.observe(NAME).cgroup
    pid_file.unlink()
    no_pid = view.observe(NAME).cgroup

    assert no_process == NotSeen("cannot read /proc/1/cgroup")
    assert isinstance(no_pid, NotSeen)
    assert "no QEMU pid" in no_pid.reason


def test_a_dump_that_is_no_xml_is_not_seen(view: SshHostView, files: Path) -> None:
    view.observe(NAME)
    (files / "root" / "virsh" / NAME / "dumpxml").write_text(shown("<domain id='1'>"))

    assert isinstance(view.observe(NAME).domain, NotSeen)


def test_a_domain_that_is_only_defined_is_not_seen(view: SshHostView, files: Path) -> None:
    view.observe(NAME)
    dump = files / "root" / "virsh" / NAME / "dumpxml"
    right, quoted = dump.read_text(), shlex.quote(" id='1'")[1:-1]
    assert quoted in right
    dump.write_text(right.replace(quoted, ""))

    assert view.observe(NAME).domain == NotSeen("the domain is defined on this host but not running")


@pytest.mark.parametrize(
    ("groups", "weight_at", "vcpus_at"),
    [
        ("4:cpu,cpuacct:/machine.slice/{}/libvirt/emulator\n", "cpu,cpuacct/machine.slice/{}", "libvirt"),
        ("4:cpuacct,cpu:/machine.slice/{}/emulator\n0::/x\n", "cpu/machine.slice/{}", "."),
        ("1:name=systemd:/y\n0::/machine.slice/{}/libvirt/emulator\n", "machine.slice/{}", "libvirt"),
        ("1:name=systemd:/y\n0::/machine/{}/emulator\n", "unified/machine/{}", "."),
    ],
)
def test_the_cgroup_is_found_in_every_layout(
    view: SshHostView, files: Path, groups: str, weight_at: str, vcpus_at: str
) -> None:
    scope = "machine-qemu\\x2d1\\x2di\\x2d2\\x2d7\\x2dVM.scope"
    view.observe(NAME)
    root = files / "root"
    pid = (root / "run" / "libvirt" / "qemu" / f"{NAME}.pid").read_text()
    (root / "proc" / pid / "cgroup").write_text(groups.format(scope))
    group = root / "sys" / "fs" / "cgroup" / weight_at.format(scope)
    vcpu = group / vcpus_at / "vcpu0"
    vcpu.mkdir(parents=True)
    version = 1 if "cpu:" in groups or "cpu," in groups else 2
    try:
        if version == 1:
            (group / "cpu.shares").write_text("63\n")
            (vcpu / "cpu.cfs_quota_us").write_text("2500\n")
            (vcpu / "cpu.cfs_period_us").write_text("10000\n")
        else:
            (group / "cpu.weight").write_text("63\n")
            (vcpu / "cpu.max").write_text("2500 10000\n")

        assert view.observe(NAME).cgroup == CgroupView(version, 63, {0: VcpuBandwidth(2500, 10000)})
    finally:
        shutil.rmtree(group)


def test_a_host_without_virsh_is_named_with_the_mend(access: Access, tmp_path: Path) -> None:
    printed = subprocess.run(
        ["/bin/sh", "-c", SCRIPT, "probe", "look", MARK, NAME, "1"],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    with pytest.raises(ProbeFailed, match=r"host kvm1 .*virsh is not on the PATH there; install libvirt-clients"):
        cut(access(), CommandResult("sh", 0, printed.stdout, printed.stderr, 0.1), MARK)


def test_sudo_that_wants_a_password_is_said_with_the_mend(access: Access, files: Path) -> None:
    sudo = files / "bin" / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    sudo.chmod(0o755)
    view = SshHostView(access(sudo=True))
    try:
        with pytest.raises(ProbeFailed, match="let 'root' run sh by sudo without a password, or log in as root"):
            view.observe(NAME)
        sudo.write_text('#!/bin/sh\n[ "$1" = -n ] && shift && exec "$@"\n')
        assert isinstance(view.observe(NAME).domain, DomainView)
    finally:
        view.close()
        sudo.unlink()


def test_an_answer_that_was_cut_short_is_not_taken_for_an_answer(access: Access) -> None:
    with pytest.raises(ProbeFailed, match="the probe ended with status 137"):
        cut(access(), CommandResult("sh", 137, f"\n@{MARK} domain\n<domain", "", 0.1), MARK)


def test_a_mark_of_another_look_cuts_nothing(access: Access) -> None:
    printed = f"\n@{MARK} domain\n<domain>\n@4567 list\n</domain>\n@{MARK} end\n"

    parts = cut(access(), CommandResult("sh", 0, printed, "", 0.1), MARK)

    assert parts.text("domain") == "<domain>\n@4567 list\n</domain>"
    assert isinstance(parts.text("list"), NotSeen)


@pytest.mark.parametrize("text", ["", "error: no\nerror: way", "error:"])
def test_an_empty_or_failed_part_is_not_seen(text: str) -> None:
    seen = Parts({"domain": text}).text("domain")

    assert isinstance(seen, NotSeen)
    assert seen.reason


def test_an_agent_that_hangs_is_asked_once(view: SshHostView, files: Path, tmp_path: Path) -> None:
    view.observe(NAME)
    for command in ("guest-ping", "guest-get-vcpus", "guest-get-memory-blocks", "guest-get-memory-block-info"):
        (files / "root" / "virsh" / NAME / command).unlink()
    virsh = files / "bin" / "virsh"
    real = virsh.read_text()
    asked = tmp_path / "asked"
    virsh.write_text(real.replace("agent_command() {", f"agent_command() {{\n    printf x >>{asked}"))
    try:
        assert isinstance(view.guest(NAME), NotSeen)
        assert isinstance(view.observe(NAME).guest, NotSeen)
    finally:
        virsh.write_text(real)

    assert asked.read_text() == "xx"


def _has_event(virsh: Path, body: str) -> None:
    """Let virsh's command `event` do this."""
    text = virsh.read_text()
    (line,) = [line for line in text.splitlines() if line.startswith("event() {")]
    virsh.write_text(text.replace(line, f"event() {{ {body}; }}"))


Waiting = Callable[[SshHostView], GuestView | NotSeen]

either_look = pytest.mark.parametrize(
    "look_for", [lambda view: view.guest(NAME, 7), lambda view: view.observe(NAME, 7).guest], ids=["guest", "observe"]
)


def _waited(
    view: SshHostView, look_for: Waiting, files: Path, tmp_path: Path, event: str
) -> tuple[GuestView | NotSeen, str]:
    """What a look shows of a guest whose agent is not there and may be waited for, and what was asked in it."""
    view.observe(NAME)
    answers, asked = files / "root" / "virsh" / NAME, tmp_path / "asked"
    for answer in answers.glob("guest-*"):
        answer.rename(tmp_path / answer.name)
    virsh = files / "bin" / "virsh"
    virsh.write_text(virsh.read_text().replace("agent_command() {", f"agent_command() {{\n    printf x >>{asked}"))
    _has_event(virsh, f'printf %s "$*" >>{asked}; {event}')
    return look_for(view), asked.read_text()


@either_look
def test_a_look_that_waits_sees_the_guest_whose_agent_connects(
    view: SshHostView, look_for: Waiting, files: Path, tmp_path: Path
) -> None:
    seen, asked = _waited(view, look_for, files, tmp_path, f"mv {tmp_path}/guest-* {files}/root/virsh/{NAME}")
    assert seen == GuestView(online_cpus=2, online_memory_mib=256)
    assert asked == f"x--domain {NAME} --event agent-lifecycle --timeout 7xxx"


@either_look
def test_a_look_that_waited_in_vain_has_not_seen_the_guest(
    view: SshHostView, look_for: Waiting, files: Path, tmp_path: Path
) -> None:
    seen, asked = _waited(view, look_for, files, tmp_path, "echo error: unknown command")
    assert isinstance(seen, NotSeen)
    assert "not connected" in seen.reason
    assert asked == f"x--domain {NAME} --event agent-lifecycle --timeout 7x"


@either_look
def test_a_look_does_not_wait_for_an_agent_that_answers(
    view: SshHostView, look_for: Waiting, files: Path, tmp_path: Path
) -> None:
    view.observe(NAME)
    _has_event(files / "bin" / "virsh", f": >{tmp_path}/waited")
    assert look_for(view) == GuestView(online_cpus=2, online_memory_mib=256)
    assert not (tmp_path / "waited").exists()


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox", "ksh", "zsh"])
def test_the_script_runs_under_every_usual_shell(view: SshHostView, host: LabHost, shell: str) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    view.observe(NAME)
    emulation = {"busybox": [path, "sh"], "zsh": [path, "--emulate", "sh"]}.get(shell, [path])
    directory = host.ssh.key_file.parents[1] / "hosts" / "kvm1"
    printed = subprocess.run(
        [*emulation, "-c", SCRIPT, "probe", "look", MARK, NAME, "1"],
        env={"PATH": f"{directory / 'bin'}:/usr/bin:/bin", "HARNESS_SYSROOT": str(directory / "root")},
        capture_output=True,
        text=True,
        check=True,
    )

    parts = cut(HostAccess("kvm1", "127.0.0.1"), CommandResult("sh", 0, printed.stdout, "", 0.1), MARK)

    assert printed.stderr == ""
    assert set(parts.texts) == {
        *("domain", "list", "state", "scheduler", "vcpus", "guest_cpus"),
        *("blocks", "block_size", "cgroup", "process", "end"),
    }
    assert not [name for name in parts.texts if name != "end" and isinstance(parts.text(name), NotSeen)]


def test_what_is_said_of_all_domains_is_packed_on_the_host(view: SshHostView, host: LabHost) -> None:
    view.observe(NAME)
    directory = host.ssh.key_file.parents[1] / "hosts" / "kvm1"
    environment = {"PATH": f"{directory / 'bin'}:/usr/bin:/bin", "HARNESS_SYSROOT": str(directory / "root")}
    command = ["/bin/sh", "-c", SCRIPT, "probe", "fleet", MARK, "none", "1", "*", "no"]
    printed = subprocess.run(command, env=environment, capture_output=True, check=True)

    assert f"@{MARK} domain_1" in gzip.decompress(printed.stdout).decode()


def test_a_host_without_gzip_tells_of_all_its_domains_as_they_are(
    view: SshHostView, host: LabHost, tmp_path: Path
) -> None:
    view.observe(NAME)
    directory = host.ssh.key_file.parents[1] / "hosts" / "kvm1"
    for tool in ("cat", "uname", "stat"):
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    environment = {"PATH": f"{directory / 'bin'}:{tmp_path}", "HARNESS_SYSROOT": str(directory / "root")}
    command = ["/bin/sh", "-c", SCRIPT, "probe", "fleet", MARK, "none", "1", "*", "no"]
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)

    parts = cut(HostAccess("kvm1", "127.0.0.1"), CommandResult("sh", 0, printed.stdout, "", 0.1), MARK)

    assert printed.stderr == ""
    assert set(parts.texts) >= {"nodeinfo", "list", "domain_1", "scheduler_1", "end"}


def test_an_access_shows_host_address_and_port(access: Access) -> None:
    assert dataclasses.replace(access(), port=2222).where == "kvm1 (127.0.0.1:2222)"
