"""Finds which Marvin to run the modules with: a CloudStack tree's, an installed one, or the small one of our own."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from harness.errors import HarnessError

OWN = Path(__file__).with_name("own")
_MARK = "cloudstackTestCase.py"


class MarvinPathError(HarnessError):
    """--marvin-path names no Marvin."""


class Origin(Enum):
    TREE = "a CloudStack tree"
    INSTALLED = "installed"
    OWN = "our own"


@dataclass(frozen=True)
class MarvinSource:
    """The package's folder. `stranger` is where an installed package of the same name is that is not CloudStack's."""

    package: Path
    origin: Origin
    stranger: Path | None = None

    @property
    def line(self) -> str:
        text = f"Marvin: {self.origin.value}"
        if self.origin is not Origin.OWN:
            text += f", {self.package}"
        if self.stranger is not None:
            text += (
                f"; the installed package `marvin` in {self.stranger} is another project of that name and is not used, "
                "give --marvin-path tools/marvin of a CloudStack tree"
            )
        return text


def find(wish: str | None, tests: Sequence[Path]) -> MarvinSource:
    """The Marvin to use; `tests` are the files and folders to run.

    Raises:
        MarvinPathError: `wish` names none.
    """
    installed, stranger = _installed()
    if wish == "own":
        return MarvinSource(OWN, Origin.OWN)
    if wish is not None:
        named = Path(wish).resolve()
        for package in (named, named / "marvin", named / "tools" / "marvin" / "marvin"):
            if (package / _MARK).is_file():
                return MarvinSource(package, Origin.TREE)
        raise MarvinPathError(
            f"--marvin-path {wish}: no Marvin there; give tools/marvin of a CloudStack tree, or `own`"
        )
    if installed is not None:
        return MarvinSource(installed, Origin.INSTALLED)
    for test in tests:
        for folder in test.resolve().parents:
            package = folder / "tools" / "marvin" / "marvin"
            if (package / _MARK).is_file():
                return MarvinSource(package, Origin.TREE, stranger)
    return MarvinSource(OWN, Origin.OWN, stranger)


def _installed() -> tuple[Path | None, Path | None]:
    """The folder of an installed CloudStack Marvin, and that of another package of its name."""
    # PyPI has had a `marvin` of Prefect's for years. Looking for the specification runs nothing of it.
    specification = importlib.util.find_spec("marvin")
    for location in (specification.submodule_search_locations or []) if specification else []:
        package = Path(location)
        return (package, None) if (package / _MARK).is_file() else (None, package)
    return None, None
