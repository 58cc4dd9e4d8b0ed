"""Lets `import marvin` and what comes with it find what is to be used, from a beginning to an end."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType

from harness.marvin import api_modules
from harness.marvin.api_modules import ApiModules, Describe
from harness.marvin.source import MarvinSource, Origin
from harness.marvin.stand_ins import StandIns

_STAR_IMPORTERS = frozenset({"marvin.lib.base", "marvin.lib.common"})


class MarvinImports:
    """Finders at both ends of Python's list, and afterwards not a module of theirs left."""

    def __init__(self, source: MarvinSource, describe: Describe) -> None:
        first: list[MetaPathFinder] = [StandIns(source.package, replaces=True)]
        # A built Marvin has its commands as files and is used as it is.
        if not (source.package / "cloudstackAPI").is_dir():
            first.append(ApiModules(describe, api_modules.commands_in(source.package)))
            first.append(_StarImporters())
        if source.origin is not Origin.INSTALLED:
            first.append(_Package(source))
        self._first = first
        self._last = StandIns(source.package, replaces=False)

    def begin(self) -> None:
        _forget()
        sys.meta_path[:0] = self._first
        sys.meta_path.append(self._last)

    def end(self) -> None:
        for finder in (*self._first, self._last):
            sys.meta_path.remove(finder)
        _forget()
        for name, module in list(sys.modules.items()):
            if getattr(getattr(module, "__spec__", None), "loader", None) is self._last:
                del sys.modules[name]


class _Package(MetaPathFinder):
    """The package `marvin` from a folder; its modules Python finds by itself, except the commands."""

    def __init__(self, source: MarvinSource) -> None:
        self._package = source.package

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "marvin":
            return None
        return importlib.util.spec_from_file_location(
            fullname, self._package / "__init__.py", submodule_search_locations=[str(self._package)]
        )


class _StarImporters(MetaPathFinder):
    """Modules that take all commands over from `marvin.cloudstackAPI`, from which tests then import them.

    Which commands a test takes from there nobody knows before, so these modules make them when asked.
    """

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in _STAR_IMPORTERS:
            return None
        specification = PathFinder.find_spec(fullname, _path)
        if specification is not None and isinstance(specification.loader, SourceFileLoader):
            specification.loader = _WithCommands(fullname, specification.loader.path)
        return specification


class _WithCommands(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)

        def member(name: str) -> object:
            if name == "__all__":
                # Without one a star import takes what is there; ours adds the commands that its module names.
                there = [each for each in vars(module) if not each.startswith("_")]
                return [*there, *api_modules.named_in(Path(sys._getframe(1).f_code.co_filename))]
            if not api_modules.is_command(name):
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")
            return getattr(importlib.import_module(api_modules.PACKAGE), name)

        module.__dict__.setdefault("__getattr__", member)


def _forget() -> None:
    for name in list(sys.modules):
        if name.partition(".")[0] in ("marvin", "nose"):
            del sys.modules[name]
