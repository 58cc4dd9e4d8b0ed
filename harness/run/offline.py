"""The file that asks the reference without a cloud: hosts, settings, an instance, and what is requested of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from harness.errors import HarnessError
from harness.reference.world import KVM, RUNNING
from harness.toml_file import Table, read

Value = str | bool | int | float
# CloudStack's sizes are Java ints.
Whole = Annotated[int, Field(ge=0, lt=2**31, strict=True)]
Positive = Annotated[int, Field(ge=1, lt=2**31, strict=True)]
# A limit of -1 is none.
Limit = Annotated[int, Field(ge=-1, lt=2**31, strict=True)]


class OfflineFileError(HarnessError):
    """The file cannot be used; the text names the file and the key."""


def _with_dotted_keys(given: object) -> object:
    """TOML makes nested tables of `cpu.overprovisioning.factor = 2`; this makes one name of each path again."""
    if not isinstance(given, dict):
        return given
    flat: dict[str, object] = {}
    for name, value in given.items():
        inner = _with_dotted_keys(value)
        if isinstance(inner, dict):
            flat |= {f"{name}.{rest}": below for rest, below in inner.items()}
        else:
            flat[name] = inner
    return flat


SettingValues = Annotated[dict[str, Value], BeforeValidator(_with_dotted_keys)]


class HostTable(Table):
    """A host: raw totals and what is allocated there, the instance included; where that is not said, it alone."""

    name: str
    cluster: str = "cluster"
    cpus: Positive
    speed_mhz: Positive
    memory_mib: Positive
    used_cpu_mhz: Whole | None = None
    used_memory_mib: Whole | None = None
    reserved_cpu_mhz: Whole = 0
    reserved_memory_mib: Whole = 0
    tags: frozenset[str] = frozenset()
    up: bool = True
    enabled: bool = True
    cgroup_version: Literal[1, 2] = 2


class SettingsTable(Table):
    """Settings by scope, named as CloudStack names them."""

    everywhere: SettingValues = Field(default_factory=dict, alias="global")
    zone: SettingValues = Field(default_factory=dict)
    clusters: dict[str, SettingValues] = Field(default_factory=dict)


class OfferingTable(Table):
    """A service offering; a size that is left out is left to the instance, which makes the offering custom."""

    name: str | None = None
    cpus: Positive | None = None
    speed_mhz: Positive | None = None
    memory_mib: Positive | None = None
    cpu_cap: bool = False
    dynamic_scaling: bool = True
    min_cpus: Positive | None = None
    max_cpus: Positive | None = None
    min_memory_mib: Positive | None = None
    max_memory_mib: Positive | None = None
    active: bool = True
    host_tags: frozenset[str] = frozenset()
    storage_tags: frozenset[str] = frozenset()
    local_storage: bool = False
    disk_offering: str = ""
    disk_strict: bool = False
    vgpu_type: str = ""


class SizeTable(Table):
    """Sizes that are not all given."""

    cpus: Positive | None = None
    speed_mhz: Positive | None = None
    memory_mib: Positive | None = None


class Start(SizeTable):
    """How the instance started, where that differs from how it is now."""

    host: str | None = None
    release: Literal["4.22", "4.23"] | None = None
    cpu_cap: bool | None = None
    prepared: bool | None = None
    settings: SettingValues = Field(default_factory=dict)


class Limits(Table):
    """Resource limits of the instance's owner, and what it uses."""

    cpus: Limit = -1
    memory_mib: Limit = -1
    used_cpus: Whole | None = None
    used_memory_mib: Whole | None = None


class InstanceTable(SizeTable):
    """The instance before the scale; its sizes are for what its offering leaves open."""

    name: str = "i-2-3-VM"
    state: str = RUNNING
    host: str | None = None
    last_host: str | None = None
    owner: str = "owner"
    offering: OfferingTable
    requested: bool = True
    template: bool = True
    flag: bool | None = None
    cpu_cap: bool | None = None
    saved: SizeTable | None = None
    start: Start = Start()
    limits: Limits | None = None
    template_tags: frozenset[str] = frozenset()
    affinity_conflict: bool = False
    hypervisor: str = KVM


class Request(Table):
    """What scaleVirtualMachine is given. Parameters may be text: CloudStack reads them itself."""

    offering: OfferingTable | None = None
    cpus: int | str | None = None
    speed_mhz: int | str | None = None
    memory_mib: int | str | None = None
    caller: str | None = None
    lands_on: str | None = None


class OfflineFile(Table):
    """A whole file."""

    release: Literal["4.22", "4.23"] = "4.23"
    hosts: list[HostTable] = Field(min_length=1)
    settings: SettingsTable = SettingsTable()
    instance: InstanceTable
    request: Request
    _file: Path = PrivateAttr(default=Path())

    def wrong(self, key: str, text: str) -> OfflineFileError:
        """An error that names the file and a key whose value does not go with the rest."""
        return OfflineFileError(f"{self._file}: {key}: {text}")


def load(file: Path) -> OfflineFile:
    """Read such a file.

    Raises:
        OfflineFileError: it is not there, is not TOML, or has a missing, unknown or unusable key.
    """
    offline = read(file, OfflineFile, OfflineFileError, given_as="--offline")
    offline._file = file
    return offline
