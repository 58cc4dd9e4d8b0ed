"""Reads the domain XML that CloudStack's agent writes, and refuses what libvirt refuses at start."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree

from harness.lab.hypervisor import HypervisorError
from harness.lab.simulated import ranges


@dataclass(frozen=True)
class NumaCell:
    """One `<cell>`; libvirt writes ids, CPU lists and KiB back."""

    number: int
    cpus: str
    memory_kib: int


@dataclass(frozen=True)
class Definition:
    """A domain as defined. `topology` is (sockets, cores, threads); `devices` are those of all `<devices>` elements."""

    name: str
    uuid: str
    domain_type: str
    description: str | None
    memory_kib: int
    current_memory_kib: int
    max_memory_kib: int | None
    memory_slots: int
    vcpus: int
    max_vcpus: int
    topology: tuple[int, int, int] | None
    numa: tuple[NumaCell, ...]
    shares: int | None
    period_us: int | None
    quota_us: int | None
    on_poweroff: str
    on_reboot: str
    on_crash: str
    others: tuple[ElementTree.Element, ...]
    devices: tuple[ElementTree.Element, ...]

    @property
    def has_guest_agent(self) -> bool:
        """Whether the domain has the channel through which a guest agent could answer."""
        targets = (device.find("target") for device in self.devices if device.tag == "channel")
        return any(target is not None and target.get("name") == "org.qemu.guest_agent.0" for target in targets)


# Elements that are written back from values; everything else is carried through.
_WRITTEN = {
    "name", "uuid", "description", "memory", "currentMemory", "maxMemory", "vcpu", "cputune", "cpu", "devices",
    "on_poweroff", "on_reboot", "on_crash", "resource", "seclabel",
}  # fmt: skip


def parse_xml(xml: str) -> ElementTree.Element:
    """Parse a document or fail as libvirt does.

    Raises:
        HypervisorError: not well-formed.
    """
    try:
        # Comes from the lab's own agent, over no wire; entities cannot be declared without a DOCTYPE.
        if "<!DOCTYPE" in xml:
            raise HypervisorError("XML error: DOCTYPE is not taken")
        return ElementTree.fromstring(xml)  # noqa: S314
    except ElementTree.ParseError as failure:
        raise HypervisorError(f"(domain_definition): {failure}") from failure


def read_definition(xml: str, cgroup_version: int) -> Definition:
    """Read a domain to start.

    CloudStack writes two `<cpu>` and two `<devices>` elements; libvirt merges them, and so does this.
    Texts of refusals are libvirt 9.0's, as seen on a real host.

    Raises:
        HypervisorError: the text libvirt gives for the first rule broken.
    """
    root = parse_xml(xml)
    if root.tag != "domain":
        raise HypervisorError(f"XML error: unexpected root element <{root.tag}>, expecting <domain>")
    name = (root.findtext("name") or "").strip()
    if not name:
        raise HypervisorError("missing name information")
    if "/" in name:
        raise HypervisorError(f"XML error: name {name} cannot contain '/'")
    # QEMU's memory comes in whole MiB: libvirt rounds up (qemuDomainAlignMemorySizes).
    cells = tuple(
        NumaCell(
            number=int(cell.get("id", index)),
            cpus=cell.get("cpus", ""),
            memory_kib=_whole_mib(int(cell.get("memory", "0"))),
        )
        for index, cell in enumerate(root.findall("cpu/numa/cell"))
    )
    memory = sum(cell.memory_kib for cell in cells) or _whole_mib(_number(root, "memory"))
    max_memory = root.find("maxMemory")
    vcpu = root.find("vcpu")
    max_vcpus = int(vcpu.text or "1") if vcpu is not None else 1
    definition = Definition(
        name=name,
        uuid=(root.findtext("uuid") or "").strip(),
        domain_type=root.get("type", "kvm"),
        description=root.findtext("description"),
        memory_kib=memory,
        # A larger currentMemory is cut to the memory (virDomainDefPostParseMemory).
        current_memory_kib=min(memory, _whole_mib(_number(root, "currentMemory", memory))),
        max_memory_kib=None if max_memory is None else int(max_memory.text or "0"),
        memory_slots=0 if max_memory is None else int(max_memory.get("slots", "0")),
        vcpus=max_vcpus if vcpu is None else int(vcpu.get("current", max_vcpus)),
        max_vcpus=max_vcpus,
        topology=_topology(root),
        numa=cells,
        shares=_optional(root, "cputune/shares"),
        period_us=_optional(root, "cputune/period"),
        quota_us=_optional(root, "cputune/quota"),
        on_poweroff=root.findtext("on_poweroff", "destroy"),
        on_reboot=root.findtext("on_reboot", "restart"),
        on_crash=root.findtext("on_crash", "destroy"),
        others=tuple(child for child in root if child.tag not in _WRITTEN),
        devices=tuple(device for devices in root.findall("devices") for device in devices),
    )
    _check(definition, cgroup_version)
    return definition


def _check(definition: Definition, cgroup_version: int) -> None:
    if definition.vcpus > definition.max_vcpus:
        raise HypervisorError("unsupported configuration: maximum vCPU count must not be less than current vCPU count")
    if definition.topology is not None:
        sockets, cores, threads = definition.topology
        if sockets * cores * threads != definition.max_vcpus:
            raise HypervisorError("unsupported configuration: CPU topology doesn't match maximum vcpu count")
    if definition.max_memory_kib is not None:
        if definition.max_memory_kib < definition.memory_kib:
            raise HypervisorError("XML error: maximum memory size must be equal or greater than the actual memory size")
        if not definition.numa:
            raise HypervisorError(
                "unsupported configuration: At least one numa node has to be configured when enabling memory hotplug"
            )
    ranges.check_cputune("shares", definition.shares, ranges.shares(cgroup_version))
    ranges.check_cputune("period", definition.period_us, ranges.PERIOD_US)
    ranges.check_cputune("quota", definition.quota_us, ranges.QUOTA_US)


def _topology(root: ElementTree.Element) -> tuple[int, int, int] | None:
    element = root.find("cpu/topology")
    if element is None:
        return None
    return int(element.get("sockets", "1")), int(element.get("cores", "1")), int(element.get("threads", "1"))


def _number(root: ElementTree.Element, path: str, otherwise: int = 0) -> int:
    text = root.findtext(path)
    return otherwise if text is None else int(text)


def _optional(root: ElementTree.Element, path: str) -> int | None:
    text = root.findtext(path)
    return None if text is None else int(text)


def _whole_mib(kib: int) -> int:
    return -(-kib // 1024) * 1024
