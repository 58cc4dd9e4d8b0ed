"""The commands of the lab's API, one module per subject."""

from __future__ import annotations

from collections.abc import Mapping

from harness.lab.api.command import Command
from harness.lab.api.commands import (
    disk_offerings,
    domains,
    events,
    groups,
    infrastructure,
    instances,
    jobs,
    networks,
    nothing,
    offerings,
    people,
    renewal,
    resources,
    roles,
    scaling,
    server,
    settings,
    tags,
    templates,
    volumes,
)

_SUBJECTS = (
    disk_offerings,
    domains,
    events,
    groups,
    infrastructure,
    instances,
    jobs,
    networks,
    nothing,
    offerings,
    people,
    renewal,
    resources,
    roles,
    scaling,
    server,
    settings,
    tags,
    templates,
    volumes,
)

COMMANDS: Mapping[str, Command] = {each.name: each for subject in _SUBJECTS for each in subject.COMMANDS}
