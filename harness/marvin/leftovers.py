"""What a test module leaves in a cloud: a census before, a census after, and the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.cloud.client import ApiError, CloudApi
from harness.cloud.kinds import KINDS

_ON_THEIR_WAY = frozenset({"Expunging", "Expunged", "Destroyed"})


@dataclass(frozen=True)
class Thing:
    """Something new, or a global setting that has another value than before."""

    kind: str
    id: str
    label: str
    before: str | None = None

    def __str__(self) -> str:
        if self.before is not None:
            return f"{self.kind} {self.label} (was {self.before!r})"
        return f"{self.kind} {self.label} ({self.id})"


@dataclass(frozen=True)
class Census:
    """What is there: things by kind and id with their labels, and global settings.

    `listed` are the kinds that were looked at; `unseen` has a line for each that the cloud knows and would not list.
    """

    things: Mapping[tuple[str, str], str]
    settings: Mapping[str, str]
    listed: frozenset[str]
    unseen: tuple[str, ...] = ()

    def new_in(self, later: Census) -> list[Thing]:
        """What `later` has and this does not, in the order in which it can be removed."""
        found = [Thing(kind, id, label) for (kind, id), label in later.things.items() if (kind, id) not in self.things]
        changed = [
            Thing("setting", name, name, before=self.settings[name])
            for name, value in later.settings.items()
            if self.settings.get(name, value) != value
        ]
        return found + changed


def census(api: CloudApi, has_command: Callable[[str], bool]) -> Census:
    """Look at everything that an admin sees. Of a kind without a command no test can make any."""
    things: dict[tuple[str, str], str] = {}
    listed_kinds, unseen = set(), []
    for kind in KINDS:
        if not has_command(kind.listing):
            continue
        try:
            listed = api.list(kind.listing, kind.key, listall="true", **kind.filters)
        except ApiError as refused:
            unseen.append(f"{kind.name}: {refused}")
            continue
        listed_kinds.add(kind.name)
        for each in listed:
            # An instance that is being expunged is on its way.
            if each.get("state") not in _ON_THEIR_WAY:
                things[kind.name, str(each["id"])] = str(each.get(kind.label, each["id"]))
    settings = {
        str(each["name"]): str(each.get("value", "")) for each in api.list("listConfigurations", "configuration")
    }
    return Census(things, settings, frozenset(listed_kinds), tuple(unseen))
