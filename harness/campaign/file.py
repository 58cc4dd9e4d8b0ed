"""The file of a campaign: which environments, and how the matrix is run on each."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, PrivateAttr, model_validator

from harness.errors import HarnessError
from harness.toml_file import Table, read


class CampaignFileError(HarnessError):
    """The file cannot be used; the text names the file and the key."""


class Options(Table):
    """How cases are run; what an environment does not say the campaign says."""

    select: str | None = None
    require: str | None = None
    allow_unverified: str | None = None
    workers: int | None = Field(default=None, ge=1, le=64)


class Member(Options):
    """One environment: a cloud's environment file, or an embedded lab.

    `management_os` and `host_os` are words for people. `release` and `cgroup_version` are held against what is there.
    `near` is the beginning of the names of workers that can reach it.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$")
    cloud: Path | None = None
    lab: Literal["simulated", "kvm"] | None = None
    management_os: str = ""
    host_os: str = ""
    release: Literal["4.22", "4.23"] | None = None
    cgroup_version: Literal[1, 2] | None = None
    near: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Member:
        if (self.cloud is None) == (self.lab is None):
            raise ValueError("give one of cloud and lab")
        return self


class CampaignFile(Options):
    """A whole file."""

    environments: list[Member] = Field(min_length=1)
    _file: Path = PrivateAttr(default=Path())

    def cloud_file(self, member: Member) -> Path | None:
        """Its environment file; relative paths start at the campaign's folder."""
        return None if member.cloud is None else (self._file.parent / member.cloud.expanduser()).absolute()

    def options(self, member: Member) -> list[str]:
        """What `cs-harness verify` is given for a member, but for where its reports go."""
        given = {name: getattr(member, name) or getattr(self, name) for name in Options.model_fields}
        options = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
        if member.lab is not None:
            options.append(f"--hosts={member.lab}")
            options += [f"--release={member.release}"] if member.release else []
        else:
            options.append(f"--cloud={self.cloud_file(member)}")
            options += [f"--expect-release={member.release}"] if member.release else []
        return options


def load(file: Path) -> CampaignFile:
    """Raises CampaignFileError."""
    campaign = read(file, CampaignFile, CampaignFileError, given_as="FILE")
    names = [member.name for member in campaign.environments]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise CampaignFileError(f"{file}: environments: {', '.join(twice)}: give each a name of its own")
    campaign._file = file
    return campaign
