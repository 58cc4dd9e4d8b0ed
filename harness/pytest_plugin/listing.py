"""Which cases there are, without running any."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from harness.pytest_plugin.cases import case_id, case_text, claim_of
from harness.report.case_pages import CaseLine
from harness.run.holds import Claim


class _Collector:
    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = list(session.items)


def listed(folder: Path, select: str | None) -> list[CaseLine] | None:
    """The cases of a folder by section and id, all or those selected; None where pytest has told what is wrong."""
    items = _collected(folder, select)
    if items is None:
        return None
    lines = [_line(item) for item in items if case_id(item)]
    return sorted(lines, key=lambda line: (line.section, line.id))


def claims(folder: Path) -> dict[str, Claim]:
    """What each case of a folder claims of a cloud, by its id."""
    return {name: claim_of(item) for item in _collected(folder, None) or [] if (name := case_id(item))}


def _collected(folder: Path, select: str | None) -> list[pytest.Item] | None:
    collector = _Collector()
    options = ["--collect-only", "-p", "no:terminal", "-p", "no:cacheprovider"]
    options += ["--rootdir", str(folder), "--config-file", "/dev/null"]
    wanted = [] if select is None else [f"--select={select}"]
    if pytest.main([str(folder), *options, *wanted], plugins=[collector]) != pytest.ExitCode.OK:
        return None
    return collector.items


def _line(item: pytest.Item) -> CaseLine:
    module = inspect.getmodule(getattr(item, "obj", None))
    return CaseLine(
        id=case_id(item) or "",
        title=inspect.cleandoc(case_text(item)).splitlines()[0],
        needs=_needs(claim_of(item)),
        smoke=item.get_closest_marker("smoke") is not None,
        section=(inspect.getdoc(module) or "").splitlines()[0],
    )


def _needs(claim: Claim) -> str:
    if claim.alone == "zone":
        return "the zone alone"
    if claim.alone == "cluster":
        return "a cluster alone" + (f" with {claim.hosts} hosts" if claim.hosts > 1 else "")
    return ", ".join(f"{name} {value}" for name, value in claim.zone_settings.items())
