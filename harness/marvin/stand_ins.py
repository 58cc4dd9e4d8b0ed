"""Stands in for what Marvin's modules import and today's Python does not have, for as long as they are run.

nose does not run on Python 3.10 and later; it is replaced. The others are looked for first, and only what is missing is
stood in for: importing it works, and using it says what to install.
"""

from __future__ import annotations

import os
import sys
import sysconfig
import unittest
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any, NoReturn

from harness.errors import HarnessError

# The package that brings each, as pip calls it; "" where a newer Python has dropped it from its own library.
_HEAVY = {
    "mysql": "mysql-connector-python",
    "netaddr": "netaddr",
    "ipmisim": "ipmisim",
    "pyVmomi": "pyvmomi",
    "pyVim": "pyvmomi",
    "vcenter": "pyvmomi",
    "kubernetes": "kubernetes",
    "dns": "dnspython",
    "lxml": "lxml",
    "pytz": "pytz",
    "texttable": "texttable",
    "yaml": "PyYAML",
    "jenkinsapi": "jenkinsapi",
    "telnetlib": "",
    "imp": "",
    "distutils": "",
}
_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
_FALSE = frozenset({"n", "no", "f", "false", "off", "0"})


class MissingDependencyError(HarnessError):
    """A test uses a package that is not installed."""


class StandIns(MetaPathFinder, Loader):
    """One that `replaces` decides about nose before Python looks, the other about the rest where Python found nothing.

    `marvin` is the folder of Marvin's package, which may be an installed one.
    """

    def __init__(self, marvin: Path, *, replaces: bool) -> None:
        self._marvin = str(marvin) + os.sep
        self._replaces = replaces

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if self._replaces:
            return ModuleSpec(fullname, self, is_package=True) if top == "nose" else None
        if top not in _HEAVY or not self._asked_by_tests(sys._getframe(1)):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def _asked_by_tests(self, frame: FrameType | None) -> bool:
        """By a test or by Marvin, and by no other installed package, which may have its own way to do without."""
        while frame is not None and "importlib" in frame.f_code.co_filename:
            frame = frame.f_back
        if frame is None:
            return False
        file = frame.f_code.co_filename
        return file.startswith(self._marvin) or not file.startswith(_INSTALLED)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        make = _MADE.get(name)
        module.__dict__.update(make() if make else {})
        if name.partition(".")[0] != "nose":
            module.__dict__["__getattr__"] = _members(name)


def attr(*names: str, **values: object) -> Callable[[Any], Any]:
    """nose's decorator: attributes for a method or a class. Source: nose 1.3.7, nose/plugins/attrib.py."""

    def decorate(test: Any) -> Any:
        for name in names:
            setattr(test, name, True)
        for name, value in values.items():
            setattr(test, name, value)
        return test

    return decorate


def strtobool(value: str) -> int:
    """1 or 0, as distutils.util had it until Python 3.12."""
    if value.lower() in _TRUE:
        return 1
    if value.lower() in _FALSE:
        return 0
    raise ValueError(f"invalid truth value {value!r}")


def _members(module: str) -> Callable[[str], object]:
    package = _HEAVY[module.partition(".")[0]]

    def member(name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        return _placeholder(f"{module}.{name}", package)

    return member


def _placeholder(what: str, package: str) -> type:
    """A class, so that it can be inherited from and excepted; whoever makes one is told what is missing."""

    def refuse(*_: object, **__: object) -> NoReturn:
        mend = f"pip install {package}" if package else "newer versions of Python do not have it"
        raise MissingDependencyError(f"{what} is used, and not installed: {mend}")

    kind = type("Missing", (type,), {"__getattr__": lambda _, name: _deeper(what, package, name)})
    return kind(what.rpartition(".")[2], (Exception,), {"__new__": refuse})  # type: ignore[no-any-return]


def _deeper(what: str, package: str, name: str) -> type:
    if name.startswith("__"):
        raise AttributeError(name)
    return _placeholder(f"{what}.{name}", package)


_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")})

_MADE: dict[str, Callable[[], dict[str, object]]] = {
    "nose": lambda: {"SkipTest": unittest.SkipTest, "__version__": "1.3.7"},
    "nose.exc": lambda: {"SkipTest": unittest.SkipTest},
    "nose.plugins.skip": lambda: {"SkipTest": unittest.SkipTest},
    "nose.plugins.attrib": lambda: {"attr": attr},
    "nose.plugins.base": lambda: {"Plugin": type("Plugin", (), {})},
    "nose.core": lambda: {"TextTestRunner": unittest.TextTestRunner},
    "distutils.util": lambda: {"strtobool": strtobool},
}
