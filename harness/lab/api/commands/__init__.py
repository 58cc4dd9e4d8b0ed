"""The commands of the lab's API, one module per subject."""

from __future__ import annotations

from collections.abc import Mapping

from harness.lab.api.command import Command
from harness.lab.api.commands import (
    alerts,
    disk_offerings,
    domains,
    events,
    groups,
    infrastructure,
    instances,
    isos,
    jobs,
    metrics,
    networks,
    nothing,
    offerings,
    ownership,
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
    vpc_offerings,
)

_SUBJECTS = (
    alerts,
    disk_offerings,
    domains,
    events,
    groups,
    infrastructure,
    instances,
    isos,
    jobs,
    metrics,
    networks,
    nothing,
    offerings,
    ownership,
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
    vpc_offerings,
)

COMMANDS: Mapping[str, Command] = {each.name: each for subject in _SUBJECTS for each in subject.COMMANDS}
