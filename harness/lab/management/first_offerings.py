"""The service offerings that every new CloudStack has: two for instances, and those of system VMs.

Source: ConfigurationServerImpl.persistDefaultValues; ServiceOfferingDaoImpl.createSystemServiceOfferings, which its
callers have make one for shared and one for local storage.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from uuid import uuid4

from harness.lab.management.model import OfferingRecord
from harness.reference.offering import Offering

# Name, MHz and MiB of one vCPU.
_INSTANCES = (("Small Instance", 500, 512), ("Medium Instance", 1000, 1024))
# The same, and whose it is.
_SYSTEM = (
    ("System Offering For Software Router", 500, 256, "domainrouter"),
    ("System Offering For Console Proxy", 500, 1024, "consoleproxy"),
    ("System Offering For Secondary Storage VM", 500, 512, "secondarystoragevm"),
)


def first_offerings(created: datetime) -> Iterator[OfferingRecord]:
    for name, speed_mhz, memory_mib in _INSTANCES:
        yield _offering(name, speed_mhz, memory_mib, created)
    for name, speed_mhz, memory_mib, kind in _SYSTEM:
        yield _offering(name, speed_mhz, memory_mib, created, kind)
        yield _offering(f"{name} - Local Storage", speed_mhz, memory_mib, created, kind, is_local=True)


def _offering(
    name: str, speed_mhz: int, memory_mib: int, created: datetime, system_vm: str = "", *, is_local: bool = False
) -> OfferingRecord:
    disk_offering_id = str(uuid4())
    offering = Offering(
        id=str(uuid4()),
        name=name,
        cpus=1,
        speed_mhz=speed_mhz,
        memory_mib=memory_mib,
        disk_offering_id=disk_offering_id,
        local_storage=is_local,
        for_system_vms=bool(system_vm),
    )
    return OfferingRecord(
        offering=offering,
        display_text=name,
        created=created,
        disk_offering_id=disk_offering_id,
        customized=False,
        high_availability=bool(system_vm),
        storage_type="local" if is_local else "shared",
        other={"systemvmtype": system_vm} if system_vm else {},
    )
