"""The things a management server keeps: plain records, replaced as a whole when they change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from harness.lab.hypervisor import NodeInfo
from harness.reference.domain import Domain
from harness.reference.offering import CustomParameters, Offering, Size, size_at_start


class State(StrEnum):
    """States of an instance."""

    STOPPED = "Stopped"
    STARTING = "Starting"
    RUNNING = "Running"
    STOPPING = "Stopping"
    MIGRATING = "Migrating"
    DESTROYED = "Destroyed"
    EXPUNGING = "Expunging"
    ERROR = "Error"


class Role(StrEnum):
    """Types of a role, as the API names them; each has one role, and each but the second has accounts."""

    ADMIN = "Admin"
    RESOURCE_ADMIN = "ResourceAdmin"
    DOMAIN_ADMIN = "DomainAdmin"
    USER = "User"

    @property
    def rank(self) -> int:
        """The smaller, the more it may."""
        return list(Role).index(self)

    @property
    def account_type(self) -> int:
        return {Role.ADMIN: 1, Role.RESOURCE_ADMIN: 3, Role.DOMAIN_ADMIN: 2, Role.USER: 0}[self]

    @property
    def shown(self) -> str:
        return {Role.ADMIN: "Root Admin", Role.RESOURCE_ADMIN: "Resource Admin", Role.DOMAIN_ADMIN: "Domain Admin"}.get(
            self, "User"
        )


class Standing(StrEnum):
    """What an account or a user may do: everything its role allows, or nothing."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    LOCKED = "locked"


@dataclass(frozen=True)
class RoleRule:
    """Whether the commands that match `rule`, a name with `*` for anything, may be called."""

    id: str
    rule: str
    allows: bool
    description: str = ""


@dataclass(frozen=True)
class RoleRecord:
    """A role; what no rule of its own decides its type does."""

    id: str
    name: str
    type: Role
    description: str = ""
    is_default: bool = False
    is_public: bool = True
    rules: tuple[RoleRule, ...] = ()


@dataclass(frozen=True)
class Zone:
    """`enabled` of this and of what is in it: whether anything may be started there."""

    id: str
    name: str
    enabled: bool = True


@dataclass(frozen=True)
class Pod:
    id: str
    name: str
    enabled: bool = True


@dataclass(frozen=True)
class Cluster:
    id: str
    name: str
    enabled: bool = True


class ResourceState(StrEnum):
    """What an admin has decided of a host."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PREPARING = "PrepareForMaintenance"
    FAILED = "ErrorInPrepareForMaintenance"
    MAINTENANCE = "Maintenance"


@dataclass(frozen=True)
class HostRecord:
    """A host as its agent reported it when it connected."""

    id: str
    database_id: int
    name: str
    cluster_id: str
    address: str
    node: NodeInfo
    created: datetime
    tags: frozenset[str] = frozenset()
    resource_state: ResourceState = ResourceState.ENABLED

    @property
    def memory_bytes(self) -> int:
        return self.node.memory_kib * 1024


@dataclass(frozen=True)
class AccountDomain:
    """A domain of accounts (not of libvirt). `path` is such as "/" or "/sub/lower/"."""

    id: str
    database_id: int
    name: str
    parent_id: str | None
    path: str
    created: datetime
    network_domain: str = ""
    level: int = 0

    @property
    def shown_path(self) -> str:
        """As in "ROOT/sub/lower"."""
        return f"ROOT{self.path}".rstrip("/")


@dataclass(frozen=True)
class Account:
    id: str
    database_id: int
    name: str
    role: Role
    created: datetime
    domain_id: str
    role_id: str
    standing: Standing = Standing.ENABLED
    network_domain: str = ""
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Person:
    """Who a user is. Without a password there is no login."""

    name: str
    first_name: str = ""
    last_name: str = "User"
    email: str = ""
    password: str = field(default="", repr=False)
    timezone: str = ""


@dataclass(frozen=True)
class User:
    """A user; `api_key` is empty before keys are registered. `older_keys` are good beside it (key and secret key)."""

    id: str
    database_id: int
    name: str
    account_id: str
    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    created: datetime
    person: Person = Person("")
    standing: Standing = Standing.ENABLED
    older_keys: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def with_each_key(self) -> Iterator[User]:
        """The user as each of the keys shows who signed."""
        if self.api_key:
            yield self
        for api_key, secret_key in self.older_keys:
            yield replace(self, api_key=api_key, secret_key=secret_key)


@dataclass(frozen=True)
class OfferingRecord:
    """A service offering with what the API keeps of it besides the reference's view.

    With `domain_ids` it is for accounts of these domains and of those below them only.
    """

    offering: Offering
    display_text: str
    created: datetime
    disk_offering_id: str
    customized: bool
    removed: bool = False
    high_availability: bool = False
    storage_type: str = "shared"
    details: Mapping[str, str] = field(default_factory=dict)
    other: Mapping[str, object] = field(default_factory=dict)
    domain_ids: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.offering.id

    @property
    def name(self) -> str:
        return self.offering.name


@dataclass(frozen=True)
class InstanceRecord:
    """An instance. `domain` is its libvirt domain as it was last started, None before the first start.

    `root_offering_id` is the service offering whose disk offering the root volume has.
    """

    id: str
    database_id: int
    instance_name: str
    name: str
    display_name: str
    account_id: str
    user_id: str
    template_id: str
    network_id: str
    offering_id: str
    root_offering_id: str
    flag: bool
    cpu_cap: bool
    volume_id: str
    nic_id: str
    mac: str
    created: datetime
    updated: datetime
    state: State = State.STOPPED
    host_id: str | None = None
    last_host_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    domain: Domain | None = None
    affinity_group_ids: tuple[str, ...] = ()
    key_pair: str = ""
    iso_id: str = ""


# In the order of CustomParameters.
SIZE_DETAILS = ("cpuNumber", "cpuSpeed", "memory")


def _detail(details: Mapping[str, str], name: str) -> int | None:
    text = details.get(name)
    return int(text) if text else None


def parameters_of(details: Mapping[str, str]) -> CustomParameters:
    """The sizes among an instance's or a request's details."""
    return CustomParameters(*(details.get(name) for name in SIZE_DETAILS))


def size_in_force(offering: Offering, details: Mapping[str, str]) -> Size:
    """The size with which an instance starts and is counted."""
    return size_at_start(offering, parameters_of(details))


def size_shown(offering: Offering, details: Mapping[str, str]) -> Size:
    """The size listVirtualMachines shows: here the offering wins. Source: the view user_vm_view."""
    return Size(
        cpus=_first(offering.cpus, _detail(details, "cpuNumber")),
        speed_mhz=_first(offering.speed_mhz, _detail(details, "cpuSpeed")),
        memory_mib=_first(offering.memory_mib, _detail(details, "memory")),
    )


def _first(fixed: int | None, saved: int | None) -> int:
    return fixed if fixed is not None else saved or 0
