"""Reads a Marvin configuration: JSON in which lines that begin with # do not count."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from harness.errors import HarnessError

INTEGRATION_PORT = 8096
API_PORT = 8080
NOT_GIVEN = "NA"


class MarvinConfigError(HarnessError):
    """The configuration cannot be used; the text names the file and the key."""


class Section(BaseModel):
    """A part of the file: what this harness has no use for is let through, because others have."""

    model_config = ConfigDict(extra="allow", frozen=True, populate_by_name=True)


class HostEntry(Section):
    """One host of a cluster. `url` may be an address alone."""

    url: str
    username: str = "root"
    password: str = ""

    @property
    def address(self) -> str:
        return urlsplit(self.url if "//" in self.url else f"//{self.url}").hostname or ""

    @property
    def port(self) -> int | None:
        """The SSH port, where the url names one."""
        return urlsplit(self.url if "//" in self.url else f"//{self.url}").port


class ClusterEntry(Section):
    name: str = Field(default="", alias="clustername")
    hypervisor: str | None = None
    hosts: list[HostEntry] = []


class PodEntry(Section):
    name: str = ""
    clusters: list[ClusterEntry | None] = []


class ZoneEntry(Section):
    name: str
    network_type: str = Field(default="Advanced", alias="networktype")
    pods: list[PodEntry | None] = []


class ManagementServer(Section):
    """`api_port` is where signed requests go when `port` is the integration port, which Marvin takes for 8080."""

    address: str = Field(alias="mgtSvrIp")
    port: int = Field(default=INTEGRATION_PORT, ge=1, le=65535)
    user: str = "admin"
    password: str = Field(default="password", alias="passwd")
    hypervisor: str | None = None
    https: bool = Field(default=False, alias="useHttps")
    ca_file: str = Field(default=NOT_GIVEN, alias="certCAPath")
    client_certificate: str = Field(default=NOT_GIVEN, alias="certPath")
    api_key: str | None = Field(default=None, alias="apiKey")
    secret_key: str | None = Field(default=None, alias="securityKey")
    api_port: int | None = Field(default=None, alias="apiPort", ge=1, le=65535)

    @property
    def is_integration_port(self) -> bool:
        """Whether `port` answers without keys; one that is not Marvin's usual 8096 is told by its `apiPort`."""
        return self.port == INTEGRATION_PORT or self.api_port is not None

    def url(self, port: int) -> str:
        return f"{'https' if self.https else 'http'}://{self.address}:{port}/client/api"


class Logger(Section):
    folder: str | None = Field(default=None, alias="LogFolderPath")


class TestData(Section):
    # pytest is not to take it for a test.
    __test__ = False
    path: str | None = Field(default=None, alias="Path")


class Setting(Section):
    name: str
    value: str | int | float | bool


class Companion(Section):
    """What no Marvin configuration can say is said by an environment file of ours, which this key names."""

    environment_file: Path = Field(alias="environmentFile")


class MarvinConfig(Section):
    """A whole configuration; `tree` is the file as it stands."""

    zones: list[ZoneEntry] = []
    management_servers: list[ManagementServer] = Field(alias="mgtSvr", min_length=1)
    logger: Logger = Logger()
    test_data: TestData | None = Field(default=None, alias="TestData")
    settings: list[Setting] = Field(default=[], alias="globalConfig")
    companion: Companion | None = Field(default=None, alias="csHarness")
    _file: Path = PrivateAttr(default=Path())
    _tree: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def file(self) -> Path:
        return self._file

    @property
    def tree(self) -> dict[str, Any]:
        return self._tree

    @property
    def management_server(self) -> ManagementServer:
        """The one that Marvin uses: the first."""
        return self.management_servers[0]

    def zone(self, name: str | None) -> ZoneEntry:
        """The zone of that name, or the first. Raises MarvinConfigError."""
        if not self.zones and name is not None:
            return ZoneEntry(name=name)
        for zone in self.zones:
            if name in (None, zone.name):
                return zone
        if name is None:
            raise MarvinConfigError(f"{self._file}: zones: empty; name a zone there or give --zone")
        # A zone that the file does not describe may be there all the same; its hosts are then not known.
        return ZoneEntry(name=name)

    def clusters(self) -> Iterator[ClusterEntry]:
        for zone in self.zones:
            for pod in zone.pods:
                yield from filter(None, pod.clusters if pod else [])

    def hypervisor(self) -> str | None:
        """That of the first cluster which names one, else the management server's."""
        named = (cluster.hypervisor for cluster in self.clusters() if cluster.hypervisor)
        return next(named, self.management_server.hypervisor)


def read(file: Path) -> MarvinConfig:
    """What the file says.

    Raises:
        MarvinConfigError: it is not there, is not such JSON, or lacks what nobody can do without.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as failure:
        raise MarvinConfigError(
            f"{file}: cannot be read: {failure.strerror}; give --marvin-config an existing file"
        ) from None
    except UnicodeDecodeError as failure:
        raise MarvinConfigError(f"{file}: not UTF-8: {failure}") from None
    # Emptied and not taken out, so that an error's line is the file's.
    text = "\n".join("" if line.lstrip().startswith("#") else line for line in lines)
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError) as failure:
        raise MarvinConfigError(f"{file}: not JSON with #-lines: {failure}") from None
    try:
        config = MarvinConfig.model_validate(tree)
    except ValidationError as wrong:
        mistakes = [(".".join(map(str, each["loc"])) or "the whole file", each["msg"]) for each in wrong.errors()]
        raise MarvinConfigError("\n".join(f"{file}: {key}: {says}" for key, says in mistakes)) from None
    config._file = file
    config._tree = tree
    return config
