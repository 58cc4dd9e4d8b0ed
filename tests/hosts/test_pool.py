"""All hosts behind one object: lazily connected, once each, closed together."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from harness.hosts.access import HostAccess
from harness.hosts.failures import LibvirtFailed, LibvirtPythonMissing, UnknownHost
from harness.hosts.libvirt_transport import LibvirtHostView
from harness.hosts.observation import DomainView
from harness.hosts.pool import Hosts
from harness.lab.simulated.fleet import SimulatedFleet

Access = Callable[..., HostAccess]


def test_nothing_connects_before_the_first_look(access: Access) -> None:
    with Hosts([access(port=1)]) as hosts:
        assert hosts.names == ("kvm1",)
        assert hosts.on("kvm1") is hosts.on("kvm1")


def test_a_host_without_access_is_named_with_those_that_have_one(access: Access) -> None:
    with (
        Hosts([access()]) as hosts,
        pytest.raises(UnknownHost, match=r"host kvm9: no access is configured for it, only for kvm1; add it"),
    ):
        hosts.observe("kvm9", "i-2-7-VM")


def test_closing_ends_the_connections_and_a_later_look_connects_again(access: Access, fleet: SimulatedFleet) -> None:
    hosts = Hosts([access()])
    assert isinstance(hosts.observe("kvm1", "i-2-7-VM").domain, DomainView)
    hosts.close()
    hosts.close()

    assert hosts.facts("kvm1").cpus == 8
    hosts.close()
    assert fleet.kind == "simulated"


def test_the_libvirt_transport_without_its_package_says_what_to_install(
    access: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)

    with pytest.raises(LibvirtPythonMissing, match=r"install cloudstack-scaling-harness\[kvm\]"):
        Hosts([access()], transport="libvirt").on("kvm1")


def test_a_libvirtd_that_is_not_there_is_said_in_one_line(access: Access, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("libvirt")
    view = LibvirtHostView(access(libvirt_uri="qemu+tcp://{address}:1/system", cgroup_version=1))

    with pytest.raises(LibvirtFailed, match=r"host kvm1 .*qemu\+tcp://127.0.0.1:1/system: .*refused") as failure:
        view.observe("i-2-7-VM")
    view.close()

    assert "\n" not in str(failure.value)
    assert capfd.readouterr().err == ""


def test_facts_by_libvirt_need_the_cgroup_version(access: Access) -> None:
    pytest.importorskip("libvirt")

    with pytest.raises(LibvirtFailed, match=r"set cgroup_version \(1 or 2\) or use the ssh transport"):
        LibvirtHostView(access()).facts()
