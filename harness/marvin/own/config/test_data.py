"""What tests create, by the keys that Marvin's modules ask for; sizes that fit hosts of a few GHz."""

from __future__ import annotations

from typing import Any


def _offering(name: str, cpus: int, speed_mhz: int, memory_mib: int) -> dict[str, Any]:
    return {"name": name, "displaytext": name, "cpunumber": cpus, "cpuspeed": speed_mhz, "memory": memory_mib}


_KVM_TEMPLATE = {"name": "tiny-kvm", "displaytext": "tiny-kvm", "format": "QCOW2", "hypervisor": "kvm"}

test_data: dict[str, Any] = {
    "account": {
        "username": "marvin",
        "firstname": "Marvin",
        "lastname": "Test",
        "email": "marvin@example.org",
        "password": "password",
    },
    "domain": {"name": "marvin"},
    "small": {
        "displayname": "marvin",
        "username": "root",
        "password": "password",
        "ssh_port": 22,
        "hypervisor": "KVM",
        "privateport": 22,
        "publicport": 22,
        "protocol": "TCP",
    },
    "service_offering": _offering("marvin-tiny", 1, 256, 256),
    "service_offerings": {
        "tiny": _offering("marvin-tiny", 1, 256, 256),
        "small": _offering("marvin-small", 1, 256, 256),
        "medium": _offering("marvin-medium", 1, 512, 256),
        "big": _offering("marvin-big", 1, 512, 512),
    },
    "disk_offering": {"name": "marvin-disk", "displaytext": "marvin-disk", "disksize": 1},
    "ioburst": {
        "name": "marvin-io-burst",
        "displaytext": "marvin-io-burst",
        "bytesReadRate": 1000,
        "bytesReadRateMax": 4000,
        "bytesReadRateMaxLength": 60,
        "bytesWriteRate": 1001,
        "bytesWriteRateMax": 4001,
        "bytesWriteRateMaxLength": 61,
        "iopsReadRate": 100,
        "iopsReadRateMax": 400,
        "iopsReadRateMaxLength": 62,
        "iopsWriteRate": 101,
        "iopsWriteRateMax": 401,
        "iopsWriteRateMaxLength": 63,
    },
    "ostype": "Other Linux (64-bit)",
    "test_templates": {"kvm": _KVM_TEMPLATE},
    "mode": "advanced",
    "sleep": 10,
    "timeout": 10,
}
