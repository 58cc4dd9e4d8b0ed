"""Reads live domain XML, as `virsh dumpxml` prints it, into the few values that scaling is about."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from harness.errors import HarnessError
from harness.hosts.observation import DomainView, Topology
from harness.xml_document import MalformedXmlError, read_xml

MAX_BYTES = 1024 * 1024
# libvirt's own documents have eight or nine levels.
MAX_DEPTH = 64

# libvirt: formatdomain, "Memory Allocation" — the default unit is KiB; KB, MB, ... are powers of 1000.
_UNIT_BYTES = {
    "b": 1,
    "bytes": 1,
    "KB": 10**3,
    "k": 2**10,
    "KiB": 2**10,
    "MB": 10**6,
    "M": 2**20,
    "MiB": 2**20,
    "GB": 10**9,
    "G": 2**30,
    "GiB": 2**30,
    "TB": 10**12,
    "T": 2**40,
    "TiB": 2**40,
}


class MalformedDomainXml(HarnessError):
    """The document is no domain XML that this module understands; `what` says where it goes wrong."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"domain XML: {what}")


def read_domain(xml: str) -> DomainView:
    """Read one document.

    `memory_kib` is `<memory>`: of a running domain, boot memory plus all DIMMs. NUMA values are joined over all cells:
    `numa_cpus` by commas, `numa_memory_kib` as sum.

    Raises:
        MalformedDomainXml: larger than 1 MiB, nested deeper than 64 levels, has a DOCTYPE, is not well-formed, or
            lacks or garbles a value.
    """
    root = _parse(xml)
    vcpu = _required(root, "vcpu")
    max_vcpus = _whole(vcpu.text, "vcpu", at_least=1)
    current = vcpu.get("current")
    max_memory = root.find("maxMemory")
    cells = root.findall("cpu/numa/cell")
    return DomainView(
        memory_kib=_memory_kib(_required(root, "memory")),
        current_memory_kib=_memory_kib(_required(root, "currentMemory")),
        max_memory_kib=None if max_memory is None else _memory_kib(max_memory),
        memory_slots=None if max_memory is None else _optional_whole(max_memory.get("slots"), "maxMemory slots"),
        vcpus=max_vcpus if current is None else _whole(current, "vcpu current", at_least=1),
        max_vcpus=max_vcpus,
        numa_cpus=",".join(cell.get("cpus", "") for cell in cells) if cells else None,
        numa_memory_kib=sum(_cell_memory_kib(cell) for cell in cells) if cells else None,
        topology=_topology(root.find("cpu/topology")),
        shares=_optional_whole(root.findtext("cputune/shares"), "shares"),
        quota_us=_optional_whole(root.findtext("cputune/quota"), "quota", at_least=None),
        period_us=_optional_whole(root.findtext("cputune/period"), "period"),
        dimms_kib=tuple(
            _memory_kib(_required(device, "target/size"))
            for device in root.findall("devices/memory")
            if device.get("model") == "dimm"
        ),
        xml=xml,
        number=_optional_whole(root.get("id"), "domain id"),
    )


def is_running(xml: str) -> bool:
    """Whether the dump is of a running domain: libvirt writes the `id` attribute for those only."""
    return _parse(xml).get("id") is not None


def console_file(xml: str) -> str | None:
    """The file on the host in which what the guest's console shows is kept, or None. Raises MalformedDomainXml."""
    devices = _parse(xml).find("devices")
    for device in [] if devices is None else [*devices.findall("console"), *devices.findall("serial")]:
        log, source = device.find("log"), device.find("source")
        if log is not None and log.get("file"):
            return log.get("file")
        if device.get("type") == "file" and source is not None and source.get("path"):
            return source.get("path")
    return None


def _parse(xml: str) -> ElementTree.Element:
    try:
        root = read_xml(xml, most_bytes=MAX_BYTES, deepest=MAX_DEPTH)
    except MalformedXmlError as malformed:
        raise MalformedDomainXml(malformed.what) from malformed
    if root.tag != "domain":
        raise MalformedDomainXml(f"root element is {root.tag[:80]!r}, not 'domain'")
    return root


def _required(parent: ElementTree.Element, path: str) -> ElementTree.Element:
    element = parent.find(path)
    if element is None:
        raise MalformedDomainXml(f"has no <{path}>")
    return element


def _memory_kib(element: ElementTree.Element) -> int:
    return _to_kib(element.text, element.get("unit", "KiB"), element.tag)


def _cell_memory_kib(cell: ElementTree.Element) -> int:
    return _to_kib(cell.get("memory"), cell.get("unit", "KiB"), "numa cell")


def _to_kib(number: str | None, unit: str, what: str) -> int:
    if unit not in _UNIT_BYTES:
        raise MalformedDomainXml(f"{what} has the unknown unit {unit[:20]!r}")
    # libvirt rounds up to whole KiB (virDomainParseMemory).
    return -(-_whole(number, what) * _UNIT_BYTES[unit] // 1024)


def _topology(element: ElementTree.Element | None) -> Topology | None:
    """Dies and clusters stay 1 with CloudStack; others count as more sockets, so that the product still holds."""
    if element is None:
        return None
    sockets = 1
    for attribute in ("sockets", "dies", "clusters"):
        sockets *= _whole(element.get(attribute, "1"), f"topology {attribute}", at_least=1)
    return Topology(
        sockets=sockets,
        cores=_whole(element.get("cores", "1"), "topology cores", at_least=1),
        threads=_whole(element.get("threads", "1"), "topology threads", at_least=1),
    )


def _optional_whole(text: str | None, what: str, at_least: int | None = 0) -> int | None:
    return None if text is None else _whole(text, what, at_least)


def _whole(text: str | None, what: str, at_least: int | None = 0) -> int:
    stripped = (text or "").strip()
    if not re.fullmatch(r"-?[0-9]{1,20}", stripped):
        raise MalformedDomainXml(f"{what} is {stripped[:40]!r}, not a whole number")
    number = int(stripped)
    if at_least is not None and number < at_least:
        raise MalformedDomainXml(f"{what} is {number}, less than {at_least}")
    return number
