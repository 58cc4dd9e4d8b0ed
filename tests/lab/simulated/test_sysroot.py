"""What is written of a simulated host is what it would be if all were written anew, and no more than what changed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.lab.hypervisor import HypervisorError
from harness.lab.simulated.hypervisor import SimulatedHypervisor
from harness.lab.simulated.sysroot import Sysroot
from harness.lab.topology import HostSpec

NAMES = ("i-2-7-VM", "i-2-8-VM")
Act = tuple[str, str, int]
ACTS = st.tuples(
    st.sampled_from(["start", "destroy", "vcpus", "shares", "quota", "dimm", "guest", "libvirtd"]),
    st.sampled_from(NAMES),
    st.integers(0, 3),
)


def _files(sysroot: Sysroot) -> dict[str, str]:
    found = sysroot.root.rglob("*")
    return {str(each.relative_to(sysroot.root)): each.read_text() if each.is_file() else "a folder" for each in found}


def _done(host: SimulatedHypervisor, act: Act, xml: Callable[..., str], dimm: Callable[[int], str]) -> None:
    what, name, number = act
    match what:
        case "start":
            host.start(xml(name=name, uuid=f"2617172c-5cbb-4700-b841-5bff677a42e{name[4]}", vcpus=number + 1))
        case "destroy":
            host.destroy(name)
        case "vcpus":
            host.set_vcpus(name, number + 1)
        case "shares":
            host.set_scheduler_parameter(name, "cpu_shares", 500 + number)
        case "quota":
            host.set_scheduler_parameter(name, "vcpu_quota", 10_000 + number)
        case "dimm":
            host.attach_device(name, dimm(131_072 * (number + 1)))
        case "guest":
            host.set_guest_agent(name, answering=number % 2 == 0)
        case "libvirtd":
            host.libvirtd_answers = number % 2 == 0


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, max_size=12), version=st.sampled_from([1, 2]))
def test_it_is_what_it_would_be_written_anew(
    acts: list[Act], version: int, agent_xml: Callable[..., str], dimm: Callable[[int], str]
) -> None:
    host = SimulatedHypervisor(HostSpec("kvm1", "cluster-a", cpus=8, speed_mhz=2000, memory_mib=4096), version)
    with tempfile.TemporaryDirectory() as folder:
        kept = Sysroot(Path(folder, "kept"), host)
        for number, act in enumerate(acts):
            # An act that this host refuses, such as one on a domain that does not run, changes nothing.
            with suppress(HypervisorError):
                _done(host, act, agent_xml, dimm)
            kept.render()
            anew = Sysroot(Path(folder, str(number)), host)
            anew.render()
            running = host.snapshot(lambda _: None, lambda _: False)
            assert _without_empty(_files(kept)) == _without_empty(_files(anew))
            assert _files(kept)["virsh/names"].split() == sorted(running)


def _without_empty(files: dict[str, str]) -> dict[str, str]:
    """Without folders in which there is nothing: those that domains share stay when the last of them ends."""
    return {path: text for path, text in files.items() if text != "a folder"}


def test_only_what_changed_is_written(
    host_one: SimulatedHypervisor, agent_xml: Callable[..., str], tmp_path: Path
) -> None:
    host_one.start(agent_xml(vcpus=2))
    sysroot = Sysroot(tmp_path, host_one)
    sysroot.render()
    before = {path: (sysroot.root / path).stat().st_ino for path in _without_empty(_files(sysroot))}
    host_one.set_scheduler_parameter("i-2-7-VM", "cpu_shares", 777)
    sysroot.render()
    written = {path for path, file in before.items() if (sysroot.root / path).stat().st_ino != file}
    assert sorted(path.rpartition("/")[2] for path in written) == ["cpu.shares", "dumpxml", "schedinfo"]


def test_no_folder_of_a_domain_outlives_it(
    host_one: SimulatedHypervisor, agent_xml: Callable[..., str], tmp_path: Path
) -> None:
    sysroot = Sysroot(tmp_path, host_one)
    sysroot.render()
    host_one.start(agent_xml(vcpus=2))
    sysroot.render()
    host_one.set_vcpus("i-2-7-VM", 3)
    sysroot.render()
    assert any("vcpu2" in path for path in _files(sysroot))
    host_one.destroy("i-2-7-VM")
    sysroot.render()
    assert [path for path in _files(sysroot) if "i-2-7" in path or "vcpu" in path.rpartition("/")[2]] == []
