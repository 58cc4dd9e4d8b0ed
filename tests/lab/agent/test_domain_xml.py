"""The agent's XML against domains that CloudStack's own agent wrote."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.lab.agent.domain_xml import Hardware, domain_xml
from harness.lab.agent.hook import for_these_hosts
from harness.lab.fleet import GuestBoot
from harness.reference.domain import Domain, topology

_RECORDED = sorted((Path(__file__).parents[2] / "data" / "lab" / "domain-xml").glob("*.xml"))
_BANDWIDTH = re.compile(r"<bandwidth>.*?</bandwidth>\n", re.DOTALL)


def _one(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found is not None, pattern
    return found[1]


def _maybe(pattern: str, text: str) -> int | None:
    found = re.search(pattern, text)
    return int(found[1]) if found else None


def _read(xml: str) -> tuple[Domain, Hardware]:
    """What the recorded domain was made of."""
    max_vcpus = int(_one(r"<vcpu current=\"\d+\">(\d+)<", xml))
    max_memory_kib = _maybe(r"<maxMemory [^>]*>(\d+)<", xml)
    domain = Domain(
        prepared=max_memory_kib is not None,
        boot_memory_kib=int(_one(r"<memory>(\d+)<", xml)),
        max_memory_kib=max_memory_kib,
        vcpus=int(_one(r"<vcpu current=\"(\d+)\"", xml)),
        max_vcpus=max_vcpus,
        topology=topology(max_vcpus),
        shares=int(_one(r"<shares>(\d+)<", xml)),
        quota_us=_maybe(r"<quota>(\d+)<", xml),
        period_us=_maybe(r"<period>(\d+)<", xml),
    )
    disk_path = _one(r"<source file='(/[^']+)'/>", xml)
    hardware = Hardware(
        name=_one(r"<name>(.*)</name>", xml),
        uuid=_one(r"<uuid>(.*)</uuid>", xml),
        os_name=_one(r"<description>(.*)</description>", xml),
        disk_path=disk_path,
        disk_uuid=disk_path.rsplit("/", 1)[1],
        mac=_one(r"<mac address='(.*)'/>", xml),
        vnc_address=_one(r"<graphics [^>]*listen='([^']+)'", xml),
        vnc_password=_one(r"<graphics [^>]*passwd='([^']+)'", xml),
    )
    return domain, hardware


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in _RECORDED])
def test_it_is_to_the_letter_what_cloudstacks_agent_wrote(file: Path) -> None:
    recorded = file.read_text()
    assert domain_xml(*_read(recorded)) == _BANDWIDTH.sub("", recorded)


def _any_xml() -> str:
    return domain_xml(*_read(_RECORDED[0].read_text()))


def test_the_hook_changes_the_domain_type_and_nothing_else() -> None:
    xml = _any_xml()
    assert for_these_hosts(xml, GuestBoot("qemu")) == xml.replace("type='kvm'", "type='qemu'", 1)
    assert for_these_hosts(xml, GuestBoot("kvm")) == xml


def test_the_hook_adds_what_the_guest_boots_from_at_the_end_of_os() -> None:
    xml = _any_xml()
    boot = GuestBoot("kvm", Path("/k/vmlinuz"), Path("/k/initrd"), "console=ttyS0 a<b")
    added = "<kernel>/k/vmlinuz</kernel>\n<initrd>/k/initrd</initrd>\n<cmdline>console=ttyS0 a&lt;b</cmdline>\n</os>\n"
    assert for_these_hosts(xml, boot) == xml.replace("</os>\n", added, 1)


def test_the_hook_takes_a_kernel_alone() -> None:
    changed = for_these_hosts(_any_xml(), GuestBoot("kvm", Path("/k/vmlinuz")))
    assert "<kernel>/k/vmlinuz</kernel>\n</os>" in changed
    assert "<initrd>" not in changed
    assert "<cmdline>" not in changed
