"""Starts guests without their boot where one of the same machine has booted before.

Under emulation a boot takes seven times as much CPU time as going on from a guest that was saved right after its own.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import queue
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness.errors import HarnessError
from harness.lab.agent.disks import Disks
from harness.lab.kvm.libvirt_binding import libvirt
from harness.lab.kvm.save_image import guest_offset, write_as
from harness.waiting import wait_until

# A saved guest takes 65 MiB and more of the lab's folder.
MOST_MACHINES = 16
BOOT_SECONDS = 60.0

VARIABLE = "CS_HARNESS_SAVED_BOOTS"

_log = logging.getLogger(__name__)

Connect = Callable[[], Any]


class SavedBoots:
    """Starts the guests of a fleet, from several threads at once.

    The second guest of the same machine has such a machine booted and saved on a spare host, of which the cloud does
    not know, so that nobody can have touched it. Every later one goes on from there, as a domain of its own. What is
    kept from the saved guest: its clock, its random numbers, and the UUID and MAC address in its firmware's tables.
    """

    def __init__(self, folder: Path, spare_host: Connect) -> None:
        """`spare_host` brings that host up and returns a connection to its libvirtd; it is called once, if ever."""
        self._folder = folder
        self._disks = Disks(folder)
        self._spare_host = spare_host
        self._lock = threading.Lock()
        self._met: set[str] = set()
        self._ordered: set[str] = set()
        self._saved: dict[str, Path] = {}
        self._numbers = itertools.count(1)
        self._orders: queue.SimpleQueue[tuple[str, str] | None] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._closing = False
        # Held while something is made that a sweep at the same time could miss.
        self._making = threading.Lock()

    def start(self, connection: Any, domain_xml: str) -> None:
        """Create and start a transient domain. Raises libvirtError as createXML does."""
        try:
            machine = machine_of(domain_xml)
        except ElementTree.ParseError:
            connection.createXML(domain_xml)
            return
        saved = self._look_up(machine, domain_xml)
        trouble = None if saved is None else self._go_on(connection, saved, domain_xml)
        if saved is not None and trouble is None:
            return
        # Whatever is wrong with the domain itself is refused here as well, and in the usual words.
        connection.createXML(domain_xml)
        if trouble is not None:
            self._give_up(machine, trouble)

    def _look_up(self, machine: str, domain_xml: str) -> Path | None:
        with self._lock:
            comes_again = machine in self._met and machine not in self._ordered
            if comes_again and len(self._ordered) < MOST_MACHINES and not self._closing:
                self._ordered.add(machine)
                if self._worker is None:
                    self._worker = threading.Thread(target=self._work, name="saved-boots", daemon=True)
                    self._worker.start()
                self._orders.put((machine, domain_xml))
            self._met.add(machine)
            return self._saved.get(machine)

    def _go_on(self, connection: Any, saved: Path, domain_xml: str) -> Exception | None:
        """Start a domain from a saved guest; returns why it could not be done."""
        image = self._folder / f"start-{next(self._numbers)}"
        try:
            write_as(saved, with_usb_ports(domain_xml), image)
            connection.restore(str(image))
        except (libvirt().libvirtError, OSError, HarnessError) as error:
            return error
        finally:
            image.unlink(missing_ok=True)
        return None

    def _give_up(self, machine: str, why: Exception) -> None:
        with self._lock:
            self._saved.pop(machine, None)
            if self._closing:
                return
        _log.warning("guests of machine %s boot from now on: %s", machine, why)

    def _work(self) -> None:
        order = self._orders.get()
        if order is None:
            return
        failures = (libvirt().libvirtError, OSError, HarnessError, subprocess.SubprocessError)
        try:
            with self._making:
                self._require_open()
                spare = self._spare_host()
        except failures as error:
            # What is ordered from now on is never looked at, and boots.
            self._give_up(order[0], error)
            return
        while order is not None:
            machine, domain_xml = order
            try:
                with self._making:
                    self._require_open()
                    own_xml = self._as_spare(domain_xml)
                saved = self._boot_and_save(spare, machine, own_xml)
            except failures as error:
                self._give_up(machine, error)
            else:
                with self._lock:
                    self._saved[machine] = saved
                _log.info("guests of machine %s go on from a saved boot from now on", machine)
            order = self._orders.get()
        # Its libvirtd may be gone already.
        with contextlib.suppress(libvirt().libvirtError):
            spare.close()

    def _require_open(self) -> None:
        if self._closing:
            raise HarnessError("the lab goes down")

    def _boot_and_save(self, spare: Any, machine: str, domain_xml: str) -> Path:
        saved = self._folder / f"machine-{machine}"
        domain = spare.createXML(domain_xml)

        def agent_answers() -> Any:
            self._require_open()
            return domain.guestVcpus()

        not_yet = (libvirt().libvirtError,)
        try:
            wait_until("the guest's agent", agent_answers, bool, BOOT_SECONDS, longest_pause_s=0.2, transient=not_yet)
            domain.save(str(saved))
            guest_offset(saved)
        except (libvirt().libvirtError, HarnessError):
            saved.unlink(missing_ok=True)
            # It may have ended by itself.
            with contextlib.suppress(libvirt().libvirtError):
                domain.destroy()
            raise
        return saved

    def _as_spare(self, domain_xml: str) -> str:
        """As it can run beside the domain itself, whose disks QEMU locks, on another host, and without a CPU limit."""
        root = ElementTree.fromstring(domain_xml)  # noqa: S314 - written by the lab's agent
        for tuning in root.findall("cputune"):
            root.remove(tuning)
        for graphics in root.findall("devices/graphics"):
            graphics.set("listen", "127.0.0.1")
        for source in root.findall("devices/disk[@device='disk']/source[@file]"):
            disk = f"disk-{next(self._numbers)}"
            self._disks.create(disk)
            source.set("file", self._disks.path(disk))
        return ElementTree.tostring(root, encoding="unicode")

    def close(self) -> None:
        """Nothing is prepared any more; to be called before the hosts are taken down, and `join` after that."""
        with self._lock:
            self._closing = True
            self._orders.put(None)
        with self._making:
            pass

    def join(self) -> None:
        if self._worker is not None:
            self._worker.join()


def boots_are_saved() -> bool:
    """What the environment's CS_HARNESS_SAVED_BOOTS says: `on`, as without it, or `off`."""
    choice = os.environ.get(VARIABLE) or "on"
    if choice not in ("on", "off"):
        raise HarnessError(f"{VARIABLE}={choice}: must be on or off")
    return choice == "on"


def machine_of(domain_xml: str) -> str:
    """A short name of the machine that libvirt builds for a domain: the same for domains that differ by who they are,
    by what they are called on the host, or by their share of its CPUs."""
    root = ElementTree.fromstring(domain_xml)  # noqa: S314 - written by the lab's agent
    for parent, names in _WHO_IT_IS.items():
        for element in root.findall(parent):
            for name in names:
                for child in element.findall(name):
                    element.remove(child)
    return hashlib.sha256(ElementTree.tostring(root)).hexdigest()[:16]


_WHO_IT_IS = {
    ".": ("name", "uuid", "description", "cputune"),
    "sysinfo/system": ("entry[@name='uuid']", "entry[@name='serial']"),
    "devices/disk[@device='disk']": ("source", "serial"),
    "devices/interface": ("mac",),
    "devices/channel": ("source",),
    "devices": ("graphics",),
}


def with_usb_ports(domain_xml: str) -> str:
    """The definition with what libvirt adds when a domain boots, but not when it goes on from a saved one."""
    root = ElementTree.fromstring(domain_xml)  # noqa: S314 - written by the lab's agent
    inputs = [each for each in root.findall("devices/input[@bus='usb']") if each.find("address") is None]
    for port, each in enumerate(inputs, start=1):
        ElementTree.SubElement(each, "address", type="usb", bus="0", port=str(port))
    return ElementTree.tostring(root, encoding="unicode")
