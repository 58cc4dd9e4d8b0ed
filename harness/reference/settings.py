"""The settings that take part in live scaling: names, types, defaults, scopes, and which value wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from harness.reference import java_float, refusals
from harness.reference.refusal import Refusal

ENABLE_DYNAMIC_SCALE = "enable.dynamic.scale.vm"
MEMORY_CEILING = "kvm.memory.dynamic.scaling.capacity"
CPU_CEILING = "kvm.cpu.dynamic.scaling.capacity"
AUTO_MIGRATE = "auto.migrate.vm.on.live.scale.insufficient.capacity"
MAX_OFFERING_CPUS = "vm.serviceoffering.cpu.cores.max"
MAX_OFFERING_MEMORY = "vm.serviceoffering.ram.size.max"
CPU_OVERCOMMIT = "cpu.overprovisioning.factor"
MEMORY_OVERCOMMIT = "mem.overprovisioning.factor"
DIVIDE_MEMORY = "vm.min.memory.equals.memory.divided.by.mem.overprovisioning.factor"
DIVIDE_SPEED = "vm.min.cpu.speed.equals.cpu.speed.divided.by.cpu.overprovisioning.factor"
CPU_THRESHOLD = "cluster.cpu.allocated.capacity.disablethreshold"
MEMORY_THRESHOLD = "cluster.memory.allocated.capacity.disablethreshold"
SCALE_RETRY = "scale.retry"
DISK_FOLLOWS = "allow.diskoffering.change.during.scale.vm"
OTHER_TAGS_LISTED = "allow.different.host.tags.offerings.for.vm.scale"
STRICT_HOST_TAGS = "vm.strict.host.tags"
STRICT_LIMIT_TAGS = "vm.strict.resource.limit.host.tag.check"
LIMIT_HOST_TAGS = "resource.limit.host.tags"
CAPACITY_CHECK_PERIOD = "capacity.check.period"


class Scope(StrEnum):
    """The narrowest place where a setting can have a value of its own."""

    GLOBAL = "Global"
    ZONE = "Zone"
    CLUSTER = "Cluster"


class Kind(StrEnum):
    """The type a value is held to, as the API names it."""

    BOOLEAN = "Boolean"
    INTEGER = "Integer"
    FLOAT = "Float"
    STRING = "String"


@dataclass(frozen=True)
class Setting:
    """A setting as CloudStack declares it; `since_pull_request` marks those a 4.22 server does not have."""

    name: str
    kind: Kind
    default: str
    scope: Scope
    description: str
    since_pull_request: bool = False


SETTINGS: Mapping[str, Setting] = {
    setting.name: setting
    for setting in (
        Setting(
            MEMORY_CEILING, Kind.INTEGER, "0", Scope.CLUSTER, "Memory ceiling in MiB; 0 or less: the host's.", True
        ),
        Setting(CPU_CEILING, Kind.INTEGER, "0", Scope.CLUSTER, "vCPU ceiling; 0 or less: the host's.", True),
        Setting(AUTO_MIGRATE, Kind.BOOLEAN, "true", Scope.CLUSTER, "Migrate where a live scale lacks room.", True),
        Setting(ENABLE_DYNAMIC_SCALE, Kind.BOOLEAN, "false", Scope.ZONE, "Whether instances can be scaled live."),
        Setting(SCALE_RETRY, Kind.INTEGER, "2", Scope.GLOBAL, "Attempts of a live scale."),
        Setting(DISK_FOLLOWS, Kind.BOOLEAN, "false", Scope.ZONE, "Whether the root disk follows the new offering."),
        Setting(OTHER_TAGS_LISTED, Kind.BOOLEAN, "false", Scope.GLOBAL, "Whether offerings of other tags are listed."),
        Setting(STRICT_HOST_TAGS, Kind.STRING, "", Scope.GLOBAL, "Host tags that a scale must not ignore."),
        Setting(STRICT_LIMIT_TAGS, Kind.BOOLEAN, "true", Scope.GLOBAL, "Whether limited host tags are strict too."),
        Setting(LIMIT_HOST_TAGS, Kind.STRING, "", Scope.GLOBAL, "Host tags with resource limits of their own."),
        Setting(CAPACITY_CHECK_PERIOD, Kind.INTEGER, "300000", Scope.GLOBAL, "Milliseconds between recalculations."),
        Setting(MAX_OFFERING_CPUS, Kind.INTEGER, "0", Scope.GLOBAL, "Most vCPUs of an offering; 0: no limit."),
        Setting(MAX_OFFERING_MEMORY, Kind.INTEGER, "0", Scope.GLOBAL, "Most memory (MB) of an offering; 0: no limit."),
        Setting(CPU_OVERCOMMIT, Kind.FLOAT, "1.0", Scope.CLUSTER, "CPU overcommit."),
        Setting(MEMORY_OVERCOMMIT, Kind.FLOAT, "1.0", Scope.CLUSTER, "Memory overcommit."),
        Setting(DIVIDE_MEMORY, Kind.BOOLEAN, "true", Scope.CLUSTER, "Boot with memory divided by the overcommit."),
        Setting(DIVIDE_SPEED, Kind.BOOLEAN, "true", Scope.CLUSTER, "Minimum speed is speed divided by the overcommit."),
        Setting(CPU_THRESHOLD, Kind.FLOAT, "0.85", Scope.CLUSTER, "Share of a cluster's CPU that may be allocated."),
        Setting(
            MEMORY_THRESHOLD, Kind.FLOAT, "0.85", Scope.CLUSTER, "Share of a cluster's memory that may be allocated."
        ),
    )
}


@dataclass(frozen=True)
class Settings:
    """Values set in each scope, as text; what is not set falls back to global and then to the default.

    `zone` holds the values of the one zone that matters, `clusters` those of each cluster by its id.
    """

    global_values: Mapping[str, str] = field(default_factory=dict)
    zone: Mapping[str, str] = field(default_factory=dict)
    clusters: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def text(self, name: str, cluster_id: str | None = None) -> str:
        """The value that wins; with `cluster_id` None a cluster setting has its global value.

        Raises:
            KeyError: no such setting.
        """
        setting = SETTINGS[name]
        narrow: Mapping[str, str] = {}
        if setting.scope is Scope.ZONE:
            narrow = self.zone
        elif setting.scope is Scope.CLUSTER and cluster_id is not None:
            narrow = self.clusters.get(cluster_id, {})
        return narrow.get(name, self.global_values.get(name, setting.default))

    def flag(self, name: str, cluster_id: str | None = None) -> bool:
        """A Boolean setting; anything but "true" in any case is false, as Java's Boolean.valueOf has it."""
        return self.text(name, cluster_id).lower() == "true"

    def integer(self, name: str, cluster_id: str | None = None) -> int:
        return int(self.text(name, cluster_id))

    def tags(self, name: str) -> frozenset[str]:
        """A comma-separated list."""
        return tags_in(self.text(name))

    def number(self, name: str, cluster_id: str | None = None) -> float:
        return float(self.text(name, cluster_id))


def unknown_setting(name: str) -> Refusal:
    """How updateConfiguration answers for a setting that the release does not have."""
    return Refusal(431, f"Config parameter with name {name} doesn't exist", refusals.UNKNOWN_SETTING)


def seeded_by_upgrade(settings: Settings) -> dict[str, str]:
    """Global values that an upgrade to 4.23 gives the capacity settings, so that custom offerings scale as before.

    A fresh installation has 0 and 0. Source: the schema upgrade from 4.22.1.0 to 4.23.0.0.
    """
    return {
        MEMORY_CEILING: settings.text(MAX_OFFERING_MEMORY),
        CPU_CEILING: settings.text(MAX_OFFERING_CPUS),
    }


def tags_in(text: str | None) -> frozenset[str]:
    """The tags of a comma-separated list, as settings, hosts and offerings have them."""
    return frozenset(tag.strip() for tag in (text or "").split(",") if tag.strip())


def as_java_writes(kind: Kind, text: str) -> str:
    """A value of this kind the way a server shows it that has read it: 2.0 for 2, true for TRUE."""
    match kind:
        case Kind.BOOLEAN:
            return text.lower()
        case Kind.INTEGER:
            return str(int(text))
        case Kind.FLOAT:
            return java_float.written(float(text))
        case _:
            return text


def is_same_value(name: str, one: str, other: str) -> bool:
    """Whether two texts are one value of a setting, which a server may show otherwise than it was written."""
    setting = SETTINGS.get(name)
    if setting is None or one == other:
        return one == other
    try:
        return as_java_writes(setting.kind, one) == as_java_writes(setting.kind, other)
    except (ValueError, OverflowError):
        # No value of its kind, which a server may keep all the same.
        return False
