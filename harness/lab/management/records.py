"""What the cloud only keeps and shows: templates, networks, disk and network offerings, data volumes, groups, keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from harness.lab.management.directory import stable_id

OS_NAME = "Debian GNU/Linux 12 (64-bit)"
# Types of operating systems by category, of the several hundred that a real server has.
_OS_TYPES = {
    "Debian": (OS_NAME, "Debian GNU/Linux 11 (64-bit)"),
    "CentOS": ("CentOS 5.6 (64-bit)", "CentOS 7"),
    "Ubuntu": ("Ubuntu 22.04 LTS", "Ubuntu 24.04 LTS"),
    "RedHat": ("Red Hat Enterprise Linux 9",),
    "Windows": ("Windows Server 2022 (64-bit)",),
    "Other": ("Other Linux (64-bit)", "Other (64-bit)"),
}
OS_CATEGORIES = {stable_id("oscategory", name): name for name in _OS_TYPES}
DEFAULT_OS_CATEGORY_ID = next(iter(OS_CATEGORIES))


@dataclass(frozen=True)
class OsType:
    id: str
    name: str
    category_id: str


OS_TYPES = {
    each.id: each
    for category, names in _OS_TYPES.items()
    for each in (OsType(stable_id("ostype", name), name, stable_id("oscategory", category)) for name in names)
}
DEFAULT_OS_TYPE_ID = next(iter(OS_TYPES))


class GuestType(StrEnum):
    """Types of a network, as the API names them."""

    L2 = "L2"
    ISOLATED = "Isolated"
    SHARED = "Shared"


@dataclass(frozen=True)
class Template:
    """A template or an ISO. Whatever it is, instances boot the lab's own guest.

    It is for everybody if public, and for the accounts that it was shared with. `direct` ones hosts would fetch.
    """

    id: str
    name: str
    display_text: str
    dynamically_scalable: bool
    created: datetime
    account_id: str
    is_iso: bool = False
    is_public: bool = True
    is_featured: bool = True
    is_extractable: bool = False
    password_enabled: bool = False
    bootable: bool = True
    os_type_id: str = DEFAULT_OS_TYPE_ID
    url: str = ""
    direct: bool = True
    shared_with: frozenset[str] = frozenset()
    details: Mapping[str, str] = field(default_factory=dict)
    removed: bool = False


@dataclass(frozen=True)
class NetworkOffering:
    id: str
    name: str
    display_text: str
    guest_type: GuestType
    created: datetime
    enabled: bool = True
    is_default: bool = False
    specify_vlan: bool = False
    availability: str = "Optional"
    services: tuple[str, ...] = ()
    domain_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class VpcOffering:
    """`services` has the providers of each."""

    id: str
    name: str
    display_text: str
    created: datetime
    enabled: bool
    services: Mapping[str, tuple[str, ...]]
    domain_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """`for_all` marks the one that every account may use though one account has it."""

    id: str
    name: str
    offering_id: str
    created: datetime
    account_id: str
    display_text: str = ""
    for_all: bool = False
    gateway: str = ""
    netmask: str = ""
    network_domain: str = ""
    vlan: str = "untagged"


@dataclass(frozen=True)
class DiskOffering:
    """Without a size it is customized: whoever makes a volume says how large."""

    id: str
    name: str
    display_text: str
    created: datetime
    size_gib: int | None
    storage_type: str = "shared"
    tags: str = ""
    encrypted: bool = False
    active: bool = True
    other: Mapping[str, object] = field(default_factory=dict)
    domain_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Volume:
    """A data volume; root volumes are those of their instances."""

    id: str
    name: str
    account_id: str
    offering_id: str
    size_bytes: int
    created: datetime
    instance_id: str | None = None
    device_id: int | None = None
    attached: datetime | None = None
    was_attached: bool = False


@dataclass(frozen=True)
class AffinityGroup:
    """Kept and shown; where instances start does not depend on it."""

    id: str
    name: str
    kind: str
    description: str
    account_id: str


@dataclass(frozen=True)
class KeyPair:
    id: str
    name: str
    fingerprint: str
    account_id: str
