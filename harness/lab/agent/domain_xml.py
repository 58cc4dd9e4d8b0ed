"""The domain XML of an instance, element for element as CloudStack's agent writes it."""

from __future__ import annotations

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from harness.reference.domain import MEMORY_SLOTS, Domain

BRIDGE = "cloudbr0"
# With these four attributes and this spelling a live domain counts as prepared (LibvirtScaleVmCommandWrapper).
PREPARED_MARK = f"<maxMemory slots='{MEMORY_SLOTS}' unit='KiB'>"


@dataclass(frozen=True)
class Hardware:
    """What a domain has besides CPU and memory. `domain_type` is as CloudStack asks for it: kvm."""

    name: str
    uuid: str
    os_name: str
    disk_path: str
    disk_uuid: str
    mac: str
    vnc_address: str
    vnc_password: str
    domain_type: str = "kvm"

    @property
    def guest_agent_socket(self) -> str:
        return f"/var/lib/libvirt/qemu/{self.name}.org.qemu.guest_agent.0"


def domain_xml(domain: Domain, hardware: Hardware) -> str:
    """The XML handed to libvirt; recorded domains of a real agent are this text but for names and numbers."""
    return "".join(
        (
            f"<domain type='{hardware.domain_type}'>\n",
            _identity(domain, hardware),
            _guest_resources(domain),
            "<features>\n<pae/>\n<apic/>\n<acpi/>\n</features>\n",
            _cpu_tuning(domain),
            "<clock offset='utc'>\n<timer name='kvmclock' >\n</timer>\n</clock>\n",
            _devices(hardware),
            "</domain>\n",
        )
    )


def _identity(domain: Domain, hardware: Hardware) -> str:
    topology = domain.topology
    return (
        f"<name>{escape(hardware.name)}</name>\n"
        f"<uuid>{hardware.uuid}</uuid>\n"
        f"<description>{escape(hardware.os_name)}</description>\n"
        f"<cpu><topology sockets='{topology.sockets}' cores='{topology.cores}' threads='{topology.threads}' /></cpu>"
        "<sysinfo type='smbios'>\n"
        "<system>\n"
        "<entry name='manufacturer'>Apache Software Foundation</entry>\n"
        "<entry name='product'>CloudStack KVM Hypervisor</entry>\n"
        f"<entry name='uuid'>{hardware.uuid}</entry>\n"
        f"<entry name='serial'>{hardware.uuid}</entry>\n"
        "</system>\n"
        "</sysinfo>\n"
        "<os>\n"
        "<type  arch='x86_64' machine='pc'>hvm</type>\n"
        "<boot dev='cdrom'/>\n"
        "<boot dev='hd'/>\n"
        "<smbios mode='sysinfo'/>\n"
        "</os>\n"
        "<on_reboot>restart</on_reboot>\n"
        "<on_poweroff>destroy</on_poweroff>\n"
        "<on_crash>destroy</on_crash>\n"
    )


def _guest_resources(domain: Domain) -> str:
    boot_kib = domain.boot_memory_kib
    lines = [f"<memory>{boot_kib}</memory>", f"<currentMemory>{boot_kib}</currentMemory>"]
    if domain.max_memory_kib is not None:
        lines.append(f"{PREPARED_MARK}{domain.max_memory_kib}</maxMemory>")
        # CloudStack writes the range with both ends even where there is one CPU; libvirt makes "0" of "0-0".
        lines.append(
            f"<cpu> <numa> <cell id='0' cpus='0-{domain.max_vcpus - 1}' memory='{boot_kib}' unit='KiB'/> </numa> </cpu>"
        )
    lines += ["<devices>", "<memballoon model='virtio'>", "<stats period='0'/>", "</memballoon>", "</devices>"]
    lines.append(f'<vcpu current="{domain.vcpus}">{domain.max_vcpus}</vcpu>')
    return "\n".join(lines) + "\n"


def _cpu_tuning(domain: Domain) -> str:
    lines = ["<cputune>", f"<shares>{domain.shares}</shares>"]
    if domain.quota_us is not None:
        lines.append(f"<quota>{domain.quota_us}</quota>")
    if domain.period_us is not None:
        lines.append(f"<period>{domain.period_us}</period>")
    return "\n".join([*lines, "</cputune>"]) + "\n"


def _devices(hardware: Hardware) -> str:
    serial = hardware.disk_uuid.replace("-", "")[:20]
    return (
        "<devices>\n"
        "<emulator></emulator>\n"
        "<watchdog model='i6300esb' action='none'/>\n"
        "<console type='pty'>\n<target port='0'/>\n</console>\n"
        "<disk  device='disk' type='file'>\n"
        "<driver name='qemu' type='qcow2' cache='none' />\n"
        f"<source file={quoteattr(hardware.disk_path).replace(chr(34), chr(39))}/>\n"
        "<target dev='vda' bus='virtio'/>\n"
        f"<serial>{serial}</serial>\n"
        "</disk>\n"
        "<disk  device='cdrom' type='file'>\n"
        "<driver name='qemu' type='raw' />\n"
        "<source file=''/>\n"
        "<target dev='hdc' bus='ide'/>\n"
        "</disk>\n"
        "<serial type='pty'>\n<target port='0'/>\n</serial>\n"
        f"<graphics type='vnc' autoport='yes' listen='{hardware.vnc_address}' passwd='{hardware.vnc_password}'/>\n"
        "<channel type='unix'>\n"
        f"<source mode='bind' path='{hardware.guest_agent_socket}'/>\n"
        "<address type='virtio-serial'/>\n"
        "<target type='virtio' name='org.qemu.guest_agent.0'/>\n"
        "</channel>\n"
        "<input type='tablet' bus='usb'/>\n"
        "<interface type='bridge'>\n"
        f"<source bridge='{BRIDGE}'/>\n"
        f"<mac address='{hardware.mac}'/>\n"
        "<model type='virtio'/>\n"
        "<link state='up'/>\n"
        "</interface>\n"
        "</devices>\n"
    )
