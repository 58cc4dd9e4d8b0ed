"""The commands of the lab's API, one module per subject."""

from __future__ import annotations

from collections.abc import Mapping

from harness.lab.api.command import Command
from harness.lab.api.commands import (
    domains,
    events,
    infrastructure,
    instances,
    jobs,
    offerings,
    people,
    resources,
    roles,
    scaling,
    server,
    settings,
    tags,
    templates,
)

_SUBJECTS = (
    server,
    domains,
    events,
    roles,
    infrastructure,
    offerings,
    templates,
    instances,
    scaling,
    settings,
    jobs,
    people,
    resources,
    tags,
)

COMMANDS: Mapping[str, Command] = {each.name: each for subject in _SUBJECTS for each in subject.COMMANDS}
