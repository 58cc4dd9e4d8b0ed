"""The settings of an offline file as the reference wants them: text, in scopes where they count, of the right kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from harness.reference.release import Release
from harness.reference.settings import CPU_OVERCOMMIT, MEMORY_OVERCOMMIT, SETTINGS, Kind, Scope, Setting, Settings
from harness.run.offline import OfflineFile, Value

_KINDS = {
    Kind.BOOLEAN: "true or false",
    Kind.INTEGER: "a whole number",
    Kind.FLOAT: "a number",
    Kind.STRING: "a text",
}
_TABLES = {Scope.GLOBAL: "settings.global", Scope.ZONE: "settings.zone", Scope.CLUSTER: "settings.clusters.<name>"}


def settings_of(file: OfflineFile) -> Settings:
    """Raises OfflineFileError for a setting that is unknown, out of its scope, or no value of its kind."""
    given = file.settings
    clusters = {host.cluster for host in file.hosts}
    for cluster in given.clusters:
        if cluster not in clusters:
            there = ", ".join(sorted(clusters))
            raise file.wrong(f"settings.clusters.{cluster}", f"no host is in this cluster; there are {there}")
    return Settings(
        global_values=_checked(file, "settings.global", given.everywhere, frozenset(Scope)),
        zone=_checked(file, "settings.zone", given.zone, frozenset({Scope.ZONE})),
        clusters={
            cluster: _checked(file, f"settings.clusters.{cluster}", values, frozenset({Scope.CLUSTER}))
            for cluster, values in given.clusters.items()
        },
    )


def settings_at_start(file: OfflineFile, now: Settings, cluster: str) -> Settings:
    """Those under which the instance started: the file says only what was different, whatever scope it came from.

    Raises:
        OfflineFileError: one of them is unknown or no value of its kind.
    """
    then = _checked(file, "instance.start.settings", file.instance.start.settings, frozenset(Scope))
    clusters = {**now.clusters, cluster: {**now.clusters.get(cluster, {}), **then}}
    return Settings({**now.global_values, **then}, {**now.zone, **then}, clusters)


def unknown_to(release: Release, settings: Settings) -> tuple[str, ...]:
    """Settings that are given and that such a server does not have: it takes no notice of them."""
    if release.scales_fixed_offerings:
        return ()
    scopes = (settings.global_values, settings.zone, *settings.clusters.values())
    given = {name for values in scopes for name in values}
    return tuple(sorted(name for name in given if SETTINGS[name].since_pull_request))


def _checked(file: OfflineFile, table: str, values: Mapping[str, Value], scopes: frozenset[Scope]) -> Mapping[str, str]:
    return {name: _text(file, table, name, value, scopes) for name, value in values.items()}


def _text(file: OfflineFile, table: str, name: str, value: Value, scopes: frozenset[Scope]) -> str:
    key = f'{table}."{name}"'
    setting = SETTINGS.get(name)
    if setting is None:
        near = get_close_matches(name, SETTINGS, n=1)
        mend = f"; did you mean {near[0]}?" if near else f"; those that count are {', '.join(sorted(SETTINGS))}"
        raise file.wrong(key, f"no such setting takes part{mend}")
    if setting.scope not in scopes:
        raise file.wrong(key, f"has no value of its own there; give it in {_TABLES[setting.scope]}")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    for complaint in _complaints(setting, text):
        raise file.wrong(key, f"{complaint}, found {value!r}")
    return text


def _complaints(setting: Setting, text: str) -> Iterator[str]:
    try:
        {Kind.INTEGER: int, Kind.FLOAT: float}.get(setting.kind, str)(text)
    except ValueError:
        yield f"must be {_KINDS[setting.kind]}"
        return
    if setting.kind is Kind.BOOLEAN and text.lower() not in ("true", "false"):
        yield f"must be {_KINDS[setting.kind]}"
    if setting.kind is Kind.INTEGER and not -(2**31) <= int(text) < 2**31:
        yield "must fit into a Java int"
    # A Java float; not a number and the infinite ones are ruled out by the same comparison.
    if setting.name in (CPU_OVERCOMMIT, MEMORY_OVERCOMMIT) and not 0.01 <= float(text) <= 1000:
        yield "must be a ratio from 0.01 to 1000"
