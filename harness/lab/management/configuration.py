"""Settings with their scopes: what exists, which values are accepted, what an override is and how it goes away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import RLock

from harness.lab.management.errors import InvalidValueError
from harness.lab.management.kept_settings import COMMANDS_TIMEOUT, KEPT, check_timeouts
from harness.reference import settings as names
from harness.reference.release import Release
from harness.reference.settings import SETTINGS, Kind, Scope, Settings, as_java_writes

_OVERCOMMIT = (names.CPU_OVERCOMMIT, names.MEMORY_OVERCOMMIT)
_THRESHOLDS = (names.CPU_THRESHOLD, names.MEMORY_THRESHOLD)
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
# What Float.parseFloat takes of what anyone writes.
_FLOAT = re.compile(r"[+-]?([0-9]{1,40}(\.[0-9]{0,40})?|\.[0-9]{1,40})([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True)
class Configuration:
    """A setting as listConfigurations describes it."""

    name: str
    default: str
    scope: Scope
    kind: Kind
    description: str
    component: str
    group: str = "Compute"
    subgroup: str = "Virtual Machine"
    parent: str = ""
    is_share: bool = False

    @property
    def shown_type(self) -> str:
        if self.is_share:
            return "Range"
        return {Kind.BOOLEAN: "Boolean", Kind.INTEGER: "Number", Kind.FLOAT: "Decimal", Kind.STRING: "String"}[
            self.kind
        ]

    @property
    def display_text(self) -> str:
        return self.name.replace(".", " ").capitalize()


@dataclass(frozen=True)
class Place:
    """Where a value is looked up or set: global, or the zone or cluster with this id."""

    scope: Scope = Scope.GLOBAL
    id: str = ""


@dataclass(frozen=True)
class Value:
    """A setting and what it is worth at a place; `text` None is shown without a value."""

    configuration: Configuration
    text: str | None
    place: Place


_COMPONENTS = {
    names.ENABLE_DYNAMIC_SCALE: "UserVmManager",
    names.AUTO_MIGRATE: "UserVmManager",
    names.MEMORY_CEILING: "CapacityManager",
    names.CPU_CEILING: "CapacityManager",
    names.CPU_OVERCOMMIT: "CapacityManager",
    names.MEMORY_OVERCOMMIT: "CapacityManager",
    names.CPU_THRESHOLD: "DeploymentClusterPlanner",
    names.MEMORY_THRESHOLD: "DeploymentClusterPlanner",
    names.SCALE_RETRY: "management-server",
    names.CAPACITY_CHECK_PERIOD: "management-server",
    names.STRICT_HOST_TAGS: "UserVmManager",
    names.STRICT_LIMIT_TAGS: "UserVmManager",
    names.DISK_FOLLOWS: "UserVmManager",
    names.OTHER_TAGS_LISTED: "UserVmManager",
}


def _catalogue(release: Release) -> dict[str, Configuration]:
    ceilings = (names.MEMORY_CEILING, names.CPU_CEILING)
    of_reference = (
        Configuration(
            name=setting.name,
            default=setting.default,
            scope=setting.scope,
            kind=setting.kind,
            description=setting.description,
            component=_COMPONENTS.get(setting.name, "ConfigurationManager"),
            group="Hypervisor" if setting.name in ceilings else "Compute",
            subgroup="KVM" if setting.name in ceilings else "Virtual Machine",
            is_share=setting.name in _THRESHOLDS,
        )
        for setting in SETTINGS.values()
        if release.scales_fixed_offerings or not setting.since_pull_request
    )
    return {entry.name: entry for entry in sorted((*of_reference, *_kept()), key=lambda entry: entry.name)}


def _kept() -> Iterator[Configuration]:
    for name, setting in KEPT.items():
        group, subgroup = setting.place
        yield Configuration(
            name=name,
            default=setting.default,
            scope=setting.scope,
            kind=setting.kind,
            description="Kept and shown; it decides nothing here.",
            component=setting.component,
            group=group,
            subgroup=subgroup,
            parent=setting.parent,
            is_share=setting.is_share,
        )


class ConfigurationStore:
    """All settings of the cloud and the values set for them.

    Its own lock guards the values; no other lock is taken while it is held.
    """

    def __init__(self, release: Release) -> None:
        self._release = release
        self._entries = _catalogue(release)
        self._lock = RLock()
        self._global: dict[str, str] = {}
        self._zone: dict[str, str] = {}
        self._clusters: dict[str, dict[str, str]] = {}

    def settings(self) -> Settings:
        """A snapshot for the reference to reckon with."""
        with self._lock:
            return Settings(
                dict(self._global), dict(self._zone), {key: dict(values) for key, values in self._clusters.items()}
            )

    def find(self, name: str) -> Configuration:
        """Raises InvalidValueError for a name that does not exist."""
        # The names in CloudStack's database have no case.
        found = self._entries.get(name) or self._entries.get(name.lower())
        if found is None:
            raise InvalidValueError(f"Config parameter with name {name} doesn't exist")
        return found

    def entries(self, place: Place) -> list[Configuration]:
        """All settings that can have a value at this place."""
        entries = list(self._entries.values())
        return entries if place.scope is Scope.GLOBAL else [e for e in entries if e.scope is place.scope]

    def value(self, configuration: Configuration, place: Place) -> Value:
        """The value in force; whether it was set there or further up does not show.

        A text that was set to nothing is shown without a value, but with an empty one after a reset (seen). In a zone
        or a cluster it is shown as Java writes it, globally as somebody wrote it (seen).
        """
        with self._lock:
            found = self._values(place).get(configuration.name, self._global.get(configuration.name))
        text = configuration.default if found is None else found or None
        if text is not None and place.scope is not Scope.GLOBAL:
            text = as_java_writes(configuration.kind, text)
        return Value(configuration, text, place)

    def set(self, name: str, text: str | None, place: Place) -> Value:
        """Set a value and give the one to answer. Without one nothing changes, and the answer has none either.

        On 4.23 the answer is the global value wherever it was set, and there has to be a value (all seen).

        Raises:
            InvalidValueError: unknown name, a scope the setting does not have, or a value not of its type.
        """
        configuration = self.find(name)
        self._check_scope(configuration, place)
        if text is None:
            if self._release.tells_global_value:
                raise InvalidValueError(f"The new value for the [{configuration.name}] configuration must be given.")
            return Value(configuration, None, place)
        text = "" if text == "null" else text.strip()
        _check_type(configuration, text)
        _check_range(configuration, text)
        with self._lock:
            self._values(place)[configuration.name] = text
            if self._release.tells_global_value:
                text = self._global.get(configuration.name, configuration.default)
        return Value(configuration, text, place)

    def reset(self, name: str, place: Place) -> Value:
        """Take an override away, or put the global value back to its default.

        An overcommit factor of a cluster is set to the global value instead (seen).
        """
        configuration = self.find(name)
        self._check_scope(configuration, place)
        with self._lock:
            if place.scope is Scope.CLUSTER and configuration.name in _OVERCOMMIT:
                self._values(place)[configuration.name] = self._global.get(configuration.name, configuration.default)
            else:
                self._values(place).pop(configuration.name, None)
        return self.value(configuration, place)

    def companions(self, name: str, place: Place) -> list[str]:
        """Names listed when one is asked for: a cluster's overcommit factors come together (seen)."""
        name = name.lower()
        if place.scope is Scope.CLUSTER and name in _OVERCOMMIT:
            return list(_OVERCOMMIT)
        return [name]

    def _values(self, place: Place) -> dict[str, str]:
        if place.scope is Scope.ZONE:
            return self._zone
        if place.scope is Scope.CLUSTER:
            return self._clusters.setdefault(place.id, {})
        return self._global

    def _check_scope(self, configuration: Configuration, place: Place) -> None:
        if place.scope is not Scope.GLOBAL and configuration.scope is not place.scope:
            raise InvalidValueError(f"Invalid scope id provided for the parameter {configuration.name}")


_JAVA: Mapping[Kind, str] = {Kind.BOOLEAN: "Boolean", Kind.INTEGER: "Integer", Kind.FLOAT: "Float"}


def _check_type(configuration: Configuration, text: str) -> None:
    if configuration.kind is not Kind.STRING and not _is_of(configuration.kind, text):
        raise InvalidValueError(f"Value [{text}] is not a valid [class java.lang.{_JAVA[configuration.kind]}].")


def _is_of(kind: Kind, text: str) -> bool:
    if kind is Kind.BOOLEAN:
        return text.lower() in ("true", "false")
    if kind is Kind.INTEGER:
        return _INTEGER.fullmatch(text) is not None and -(2**31) <= int(text) < 2**31
    return _FLOAT.fullmatch(text) is not None


def _check_range(configuration: Configuration, text: str) -> None:
    """Source: ConfigurationManagerImpl.validateValueRange."""
    if configuration.name in _OVERCOMMIT and float(text) <= 0:
        raise InvalidValueError(f"Value for configuration [{configuration.name}] should be greater than 0.")
    if configuration.name == COMMANDS_TIMEOUT:
        check_timeouts(text)
    if configuration.is_share and not 0 <= float(text) <= 1:
        raise InvalidValueError(
            f"Please enter a value between 0 and 1 for the configuration parameter: [{configuration.name}]."
        )
