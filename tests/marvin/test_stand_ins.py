"""What stands in for nose and for packages that are not there, and for how long."""

from __future__ import annotations

import importlib
import sys
import types
import unittest
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.marvin.imports import MarvinImports
from harness.marvin.source import OWN, MarvinSource, Origin
from harness.marvin.stand_ins import MissingDependencyError, strtobool

OWN_MARVIN = MarvinSource(OWN, Origin.OWN)


@pytest.fixture
def imports() -> Iterator[MarvinImports]:
    running = MarvinImports(OWN_MARVIN, lambda _: None)
    running.begin()
    yield running
    running.end()


@pytest.mark.usefixtures("imports")
def test_noses_decorator_stacks_and_marks_classes() -> None:
    attr = importlib.import_module("nose.plugins.attrib").attr

    @attr("quick", tags=["a"])
    @attr(tags=["b"], hypervisor="kvm")
    class Case:
        pass

    assert (Case.quick, Case.tags, Case.hypervisor) == (True, ["a"], "kvm")
    assert importlib.import_module("nose.exc").SkipTest is unittest.SkipTest


@pytest.mark.usefixtures("imports")
def test_a_missing_package_is_an_error_only_where_it_is_used() -> None:
    connector = importlib.import_module("mysql.connector")
    errors = importlib.import_module("mysql.connector.errors")
    with pytest.raises(MissingDependencyError, match="pip install mysql-connector-python"):
        connector.connect(host="localhost")
    with pytest.raises(RuntimeError, match="its own"):
        _raise_past(errors.InterfaceError)
    # Classes of it can be inherited from; who makes one is told.
    mine = type("Mine", (connector.cursor.MySQLCursor,), {})
    with pytest.raises(MissingDependencyError, match=r"mysql\.connector\.cursor\.MySQLCursor is used"):
        mine()


def _raise_past(kind: type[BaseException]) -> None:
    try:
        raise RuntimeError("its own")
    except kind:
        return


@pytest.mark.usefixtures("imports")
def test_what_is_installed_is_not_stood_in_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netaddr.py").write_text("real = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "netaddr", raising=False)
    assert importlib.import_module("netaddr").real


@pytest.mark.usefixtures("imports")
def test_an_installed_package_finds_missing_what_it_could_do_without() -> None:
    # As if a package of site-packages had tried.
    probe = types.FunctionType(compile("import kubernetes", unittest.__file__, "exec"), {})
    with pytest.raises(ModuleNotFoundError):
        probe()


def test_an_installed_marvin_is_stood_in_for_as_that_of_a_tree() -> None:
    # As if it lay among the installed packages.
    package = Path(unittest.__file__).parent
    installed = MarvinImports(MarvinSource(package, Origin.INSTALLED), lambda _: None)
    probe = types.FunctionType(compile("import kubernetes", str(package / "lib.py"), "exec"), {})
    installed.begin()
    probe()
    installed.end()
    with pytest.raises(ModuleNotFoundError):
        probe()


def test_nothing_is_left_afterwards(imports: MarvinImports) -> None:
    importlib.import_module("marvin.lib.base")
    importlib.import_module("pyVmomi")
    imports.end()
    assert not [name for name in sys.modules if name.partition(".")[0] in ("marvin", "nose", "pyVmomi")]
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("nose")
    imports.begin()


@pytest.mark.parametrize(("text", "value"), [("Yes", 1), ("on", 1), ("0", 0), ("FALSE", 0)])
def test_distutils_truth_is_what_it_was(text: str, value: int) -> None:
    assert strtobool(text) == value


def test_distutils_knows_no_other_truth() -> None:
    with pytest.raises(ValueError, match="maybe"):
        strtobool("maybe")
