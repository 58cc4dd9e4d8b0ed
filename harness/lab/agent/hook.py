"""The one change the lab makes to CloudStack's domain XML: what its hosts need to boot a guest at all.

CloudStack's agent has an extension point for this (agent.hooks.libvirt_vm_xml_transformer); a real agent on hosts
without hardware virtualisation is given the same treatment there. Two things may change, and nothing else:

1. the domain type, kvm becomes GuestBoot.domain_type (qemu, where the host's QEMU has to emulate);
2. where GuestBoot names a kernel, `<kernel>`, `<initrd>` and `<cmdline>` are added at the end of `<os>`, so that the
   lab's guest starts without a boot loader on the disk.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from harness.lab.fleet import GuestBoot

_DOMAIN = "<domain type='kvm'>"
_END_OF_OS = "</os>\n"


def for_these_hosts(xml: str, boot: GuestBoot) -> str:
    """The XML of the agent as the lab's hosts can run it."""
    xml = xml.replace(_DOMAIN, f"<domain type='{boot.domain_type}'>", 1)
    if boot.kernel is None:
        return xml
    added = f"<kernel>{escape(str(boot.kernel))}</kernel>\n"
    if boot.initrd is not None:
        added += f"<initrd>{escape(str(boot.initrd))}</initrd>\n"
    if boot.command_line:
        added += f"<cmdline>{escape(boot.command_line)}</cmdline>\n"
    return xml.replace(_END_OF_OS, added + _END_OF_OS, 1)
