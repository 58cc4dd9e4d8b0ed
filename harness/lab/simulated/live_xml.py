"""Dumps a simulated domain as libvirt 9.0 dumps a running one, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.etree import ElementTree

from harness.lab.simulated.domain import SimulatedDomain

# The order in which virDomainDefFormat writes devices; memory devices come last.
_DEVICE_ORDER = (
    "emulator",
    "disk",
    "controller",
    "interface",
    "serial",
    "console",
    "channel",
    "input",
    "tpm",
    "graphics",
    "sound",
    "audio",
    "video",
    "hostdev",
    "watchdog",
    "memballoon",
    "rng",
)
_EMULATOR = "/usr/bin/qemu-system-x86_64"
_MACHINES = {"pc": "pc-i440fx-7.2", "q35": "pc-q35-7.2"}


def dump(domain: SimulatedDomain) -> str:
    """The live XML: two spaces for each level, single quotes, the order of elements as virDomainDefFormat has it."""
    return "".join(f"{line}\n" for line in _lines(_domain(domain), 0))


def _domain(domain: SimulatedDomain) -> ElementTree.Element:
    definition = domain.definition
    root = ElementTree.Element("domain", {"type": definition.domain_type, "id": str(domain.number)})
    _child(root, "name", definition.name)
    _child(root, "uuid", definition.uuid)
    if definition.description is not None:
        _child(root, "description", definition.description)
    if definition.max_memory_kib is not None:
        _child(
            root, "maxMemory", str(definition.max_memory_kib), {"slots": str(definition.memory_slots), "unit": "KiB"}
        )
    _child(root, "memory", str(domain.memory_kib), {"unit": "KiB"})
    ballooned = definition.memory_kib - definition.current_memory_kib
    _child(root, "currentMemory", str(domain.memory_kib - ballooned), {"unit": "KiB"})
    fewer = {"current": str(domain.vcpus)} if domain.vcpus < definition.max_vcpus else {}
    _child(root, "vcpu", str(definition.max_vcpus), {"placement": "static", **fewer})
    _cputune(root, domain)
    _child(_child(root, "resource"), "partition", "/machine.slice" if domain.cgroup_version == 2 else "/machine")
    others = {child.tag: child for child in definition.others}
    for tag in ("sysinfo", "os", "features"):
        if tag in others:
            root.append(_os(others[tag]) if tag == "os" else _sorted_features(others[tag]))
    _cpu(root, domain)
    if "clock" in others:
        root.append(others["clock"])
    for tag in ("on_poweroff", "on_reboot", "on_crash"):
        _child(root, tag, getattr(definition, tag))
    for tag, child in others.items():
        if tag not in ("sysinfo", "os", "features", "clock"):
            root.append(child)
    root.append(_devices(domain))
    label = _child(root, "seclabel", attributes={"type": "dynamic", "model": "dac", "relabel": "yes"})
    _child(label, "label", "+0:+0")
    _child(label, "imagelabel", "+0:+0")
    return root


def _cputune(root: ElementTree.Element, domain: SimulatedDomain) -> None:
    """Shares, period, quota in this order, each only when it was once set; none at all leaves the element out."""
    values = (("shares", domain.shares), ("period", domain.period_us), ("quota", domain.quota_us))
    shown = [(name, value) for name, value in values if value is not None]
    if shown:
        cputune = _child(root, "cputune")
        for name, value in shown:
            _child(cputune, name, str(value))


def _cpu(root: ElementTree.Element, domain: SimulatedDomain) -> None:
    cpu = _child(root, "cpu", attributes={"mode": "custom", "match": "exact", "check": "full"})
    _child(cpu, "model", "qemu64", {"fallback": "forbid"})
    if domain.definition.topology is not None:
        sockets, cores, threads = (str(number) for number in domain.definition.topology)
        _child(cpu, "topology", attributes={"sockets": sockets, "dies": "1", "cores": cores, "threads": threads})
    if domain.definition.numa:
        numa = _child(cpu, "numa")
        for cell in domain.definition.numa:
            # libvirt writes a range of one CPU as that CPU.
            first, _, last = cell.cpus.partition("-")
            attributes = {
                "id": str(cell.number),
                "cpus": first if first == last else cell.cpus,
                "memory": str(cell.memory_kib),
                "unit": "KiB",
            }
            _child(numa, "cell", attributes=attributes)


def _os(element: ElementTree.Element) -> ElementTree.Element:
    """The machine's alias is written out as the machine it stands for."""
    copy = _without_blanks(element)
    kind = copy.find("type")
    if kind is not None:
        machine = kind.get("machine", "pc")
        kind.attrib = {"arch": kind.get("arch", "x86_64"), "machine": _MACHINES.get(machine, machine)}
    return copy


def _sorted_features(element: ElementTree.Element) -> ElementTree.Element:
    copy = _without_blanks(element)
    if copy.tag == "features":
        copy[:] = sorted(copy, key=lambda child: child.tag)
    return copy


def _devices(domain: SimulatedDomain) -> ElementTree.Element:
    devices = ElementTree.Element("devices")
    written = [_device(device, domain) for device in domain.definition.devices if device.tag != "memory"]
    if not any(device.tag == "emulator" for device in written):
        _child(devices, "emulator", _EMULATOR)
    rank = {tag: index for index, tag in enumerate(_DEVICE_ORDER)}
    devices.extend(sorted(written, key=lambda device: rank.get(device.tag, len(rank))))
    for dimm in domain.dimms:
        memory = _child(devices, "memory", attributes={"model": "dimm"})
        target = _child(memory, "target")
        _child(target, "size", str(dimm.size_kib), {"unit": "KiB"})
        _child(target, "node", "0")
        _child(memory, "alias", attributes={"name": f"dimm{dimm.slot}"})
        _child(memory, "address", attributes={"type": "dimm", "slot": str(dimm.slot), "base": f"{dimm.base:#x}"})
    return devices


def _device(device: ElementTree.Element, domain: SimulatedDomain) -> ElementTree.Element:
    copy = _without_blanks(device)
    if copy.tag == "emulator" and not (copy.text or "").strip():
        copy.text = _EMULATOR
    elif copy.tag == "disk":
        # A drive without a medium has no source.
        copy[:] = [child for child in copy if child.tag != "source" or child.get("file") != ""]
    elif copy.tag == "graphics":
        # Secrets are in a dump only when asked for with --security-info.
        copy.attrib.pop("passwd", None)
    elif copy.tag == "channel":
        target = copy.find("target")
        if target is not None and target.get("name") == "org.qemu.guest_agent.0":
            target.set("state", "disconnected" if domain.guest_answers() is None else "connected")
    elif copy.tag == "memballoon":
        # A statistics period of 0 is the default and not written.
        copy[:] = [child for child in copy if child.tag != "stats" or child.get("period") != "0"]
    return copy


def _without_blanks(element: ElementTree.Element) -> ElementTree.Element:
    copy = ElementTree.Element(element.tag, dict(element.attrib))
    copy.text = element.text if element.text and element.text.strip() else None
    copy.extend(_without_blanks(child) for child in element)
    return copy


def _child(
    parent: ElementTree.Element, tag: str, text: str | None = None, attributes: dict[str, str] | None = None
) -> ElementTree.Element:
    child = ElementTree.SubElement(parent, tag, attributes or {})
    child.text = text
    return child


def _lines(element: ElementTree.Element, level: int) -> Iterator[str]:
    indent = "  " * level
    opening = element.tag + "".join(f" {name}='{_escaped(value)}'" for name, value in element.attrib.items())
    children: Iterable[ElementTree.Element] = element
    text = (element.text or "").strip()
    if len(element):
        yield f"{indent}<{opening}>"
        for child in children:
            yield from _lines(child, level + 1)
        yield f"{indent}</{element.tag}>"
    elif text:
        yield f"{indent}<{opening}>{_escaped(text)}</{element.tag}>"
    else:
        yield f"{indent}<{opening}/>"


def _escaped(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("'", "&apos;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text
