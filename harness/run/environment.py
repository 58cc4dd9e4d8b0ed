"""The environment file: which cloud, which template, how to reach its hosts, how long to wait."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, PrivateAttr

from harness.errors import HarnessError
from harness.toml_file import Table, read


class EnvironmentFileError(HarnessError):
    """The environment file cannot be used; the text names the file and the key."""


class Api(Table):
    """Where the management server is and with whose keys to speak to it (an admin's)."""

    endpoint: str = Field(pattern=r"^https?://\S+$")
    api_key: str | None = None
    api_key_env: str | None = None
    api_key_file: Path | None = None
    secret_key_env: str | None = None
    secret_key_file: Path | None = None
    verify_tls: bool = True
    ca_bundle: Path | None = None


class Cloud(Table):
    """What to use there. `unscalable_template` is one whose dynamic-scaling flag is off; cases that need it say so.

    `account`: whether a run makes an account for what it creates, or is the account whose keys it has.
    """

    zone: str
    template: str
    unscalable_template: str | None = None
    network: str | None = None
    account: Literal["own", "caller"] = "own"


class HostOverride(Table):
    """What is different for one host, named as CloudStack names it."""

    address: str | None = None
    port: int | None = Field(default=None, ge=1, le=65535)
    user: str | None = None
    key_file: Path | None = None


class HostLogins(Table):
    """How to look into the KVM hosts.

    `workers` has the beginning of the names of an engine's workers by the cluster that they are nearest to.
    """

    transport: Literal["ssh", "libvirt"] = "ssh"
    user: str = "root"
    port: int = Field(default=22, ge=1, le=65535)
    key_file: Path | None = None
    password_env: str | None = None
    sudo: bool = False
    host_keys: Literal["verify", "accept-new", "insecure"] = "verify"
    known_hosts: Path | None = None
    libvirt_uri: str = "qemu+ssh://{user}@{address}/system"
    cgroup_version: Literal[1, 2] | None = None
    overrides: dict[str, HostOverride] = Field(default_factory=dict)
    workers: dict[str, str] = Field(default_factory=dict)


class Guest(Table):
    """What the template's guest can do. Where `agent` is not said, the guest's view is optional."""

    agent: bool | None = None
    onlines_hotplug: bool = True


class Allowed(StrEnum):
    """What a run may create or change on a cloud."""

    INSTANCES = "instances"
    OFFERINGS = "offerings"
    ACCOUNTS = "accounts"
    CLUSTER_SETTINGS = "cluster-settings"
    ZONE_SETTINGS = "zone-settings"
    GLOBAL_SETTINGS = "global-settings"
    HOSTS = "hosts"
    TEMPLATES = "templates"


# The rest can be noticed by everybody on the cloud.
_ALLOWED_UNLESS_SAID = frozenset(Allowed) - {Allowed.GLOBAL_SETTINGS, Allowed.HOSTS, Allowed.TEMPLATES}


class TimeLimits(Table):
    """Seconds."""

    api: int = Field(default=15, ge=1)
    job: float = Field(default=600, gt=0)
    ssh: float = Field(default=10, gt=0)
    guest_boot: float = Field(default=180, gt=0)
    guest_hotplug: float = Field(default=30, gt=0)


class Lab(Table):
    """There only for the embedded lab: what kind it is of, and in what its hosts deviate from what CloudStack asks for.

    `cloudstack` is one of KVM hosts with CloudStack's own server and agents.
    """

    hosts: Literal["kvm", "simulated", "cloudstack"]
    deviations: tuple[str, ...] = ()


class Coverage(Table):
    """How to ask which code of the management server and agents ran, where JaCoCo's agent is attached to them.

    `jacoco_cli` is the jar of JaCoCo's command line. `servers` has by program the `address:port` at which JaCoCo
    answers there (output=tcpserver). `classes` are the class files that run there, as jars and `folder/*`; `sources` is
    the folder that a diff's paths start from, of which they were built.
    """

    jacoco_cli: Path
    servers: dict[str, Annotated[str, Field(pattern=r"^[^:\s]+:[0-9]{1,5}$")]] = Field(min_length=1)
    classes: tuple[str, ...] = Field(min_length=1)
    sources: Path | None = None


class ManagementLog(Table):
    """The management server's log, and how to log in where it is. Host keys are asked for as with hosts."""

    address: str
    file: str = "/var/log/cloudstack/management/management-server.log"
    user: str = "root"
    port: int = Field(default=22, ge=1, le=65535)
    key_file: Path | None = None
    sudo: bool = False


class Logs(Table):
    """Logs from which a case that failed keeps the lines of its jobs, and which say whether a fault stood behind it.

    `agent` is the log's path on the KVM hosts. The management server's is read where it is named.
    """

    agent: str = "/var/log/cloudstack/agent/agent.log"
    management: ManagementLog | None = None


class Secrets(BaseModel):
    """What an environment made of another kind of file knows already: the secret key, and passwords by host name."""

    secret_key: str = Field(repr=False)
    host_passwords: dict[str, str] = Field(repr=False)


class Environment(Table):
    """A whole environment file."""

    api: Api
    cloud: Cloud
    hosts: HostLogins = HostLogins()
    guest: Guest = Guest()
    logs: Logs = Logs()
    allow: frozenset[Allowed] = _ALLOWED_UNLESS_SAID
    time_limits: TimeLimits = TimeLimits()
    coverage: Coverage | None = None
    lab: Lab | None = None
    _file: Path = PrivateAttr(default=Path())
    _secrets: Secrets | None = PrivateAttr(default=None)
    _pointed_at_by: Path | None = PrivateAttr(default=None)

    @property
    def file(self) -> Path:
        """Where this was read from."""
        return self._file

    @property
    def has_secrets_in_its_file(self) -> bool:
        """Whether the secret key came with the file, as with a Marvin configuration."""
        return self._secrets is not None

    @property
    def pointed_at_by(self) -> Path | None:
        """The Marvin configuration, with keys of its own, that was given in place of this file."""
        return self._pointed_at_by

    def given_by(self, marvin_file: Path) -> Environment:
        """The same, as the companion of a Marvin configuration."""
        copy = self.model_copy()
        copy._pointed_at_by = marvin_file
        return copy

    def with_secrets(self, file: Path, secrets: Secrets) -> Environment:
        """The same, made of `file`, with secrets for which it names no source."""
        return HandedOn(file=file, environment=self, secrets=secrets).taken_over()

    @property
    def handed_on(self) -> HandedOn:
        """What another process of the same run needs of it."""
        return HandedOn(file=self._file.absolute(), environment=self, secrets=self._secrets)

    def path(self, relative: Path) -> Path:
        """A path of the file: relative ones start at its folder, `~` is the user's home."""
        return self._file.parent / relative.expanduser()

    def api_key(self) -> str:
        """Raises EnvironmentFileError where the file names no usable source."""
        if self.api.api_key is not None:
            return self.api.api_key
        return self._secret("api_key", self.api.api_key_env, self.api.api_key_file)

    def secret_key(self) -> str:
        """Raises EnvironmentFileError where the file names no usable source."""
        if self._secrets is not None:
            return self._secrets.secret_key
        return self._secret("secret_key", self.api.secret_key_env, self.api.secret_key_file)

    def password(self, host_name: str) -> str | None:
        """The host's SSH password, where one is used. Raises EnvironmentFileError."""
        if self._secrets is not None:
            return self._secrets.host_passwords.get(host_name)
        if self.hosts.password_env is None:
            return None
        return self._variable("hosts.password_env", self.hosts.password_env)

    def _secret(self, name: str, variable: str | None, file: Path | None) -> str:
        if variable is not None:
            return self._variable(f"api.{name}_env", variable)
        if file is None:
            raise EnvironmentFileError(f"{self._file}: api.{name}_file: missing; give it or api.{name}_env")
        try:
            return self.path(file).read_text(encoding="utf-8").strip()
        except OSError as failure:
            message = f"{self._file}: api.{name}_file: cannot read {self.path(file)}: {failure.strerror}"
            raise EnvironmentFileError(message) from None

    def _variable(self, key: str, variable: str) -> str:
        value = os.environ.get(variable)
        if not value:
            raise EnvironmentFileError(f"{self._file}: {key}: the environment variable {variable} is not set; set it")
        return value


class HandedOn(BaseModel):
    """An environment with what its tables do not say, on its way to another process."""

    file: Path
    environment: Environment
    secrets: Secrets | None

    def taken_over(self) -> Environment:
        copy = self.environment.model_copy()
        copy._file = self.file
        copy._secrets = self.secrets
        return copy


def load(file: Path) -> Environment:
    """Read an environment file.

    Raises:
        EnvironmentFileError: it is not there, is not TOML, or has a missing, unknown or unusable key.
    """
    # The table that only the embedded lab writes is nothing to suggest to a person.
    environment = read(file, Environment, EnvironmentFileError, given_as="--cloud", unlisted="lab")
    environment._file = file
    return environment
