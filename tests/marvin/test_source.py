"""Which Marvin is used: a tree's, an installed one, our own; and a stranger of that name is told apart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.marvin.source import OWN, MarvinPathError, Origin, find


def _marvin(package: Path, *, cloudstacks: bool = True) -> Path:
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    if cloudstacks:
        (package / "cloudstackTestCase.py").touch()
    return package


@pytest.mark.parametrize("wish", ["tools/marvin", "tools/marvin/marvin", "."])
def test_a_tree_is_found_by_any_of_its_folders(tmp_path: Path, wish: str) -> None:
    package = _marvin(tmp_path / "tools/marvin/marvin")
    found = find(str(tmp_path / wish), [])
    assert (found.package, found.origin) == (package, Origin.TREE)


def test_the_tree_of_the_tests_is_used_without_asking(tmp_path: Path) -> None:
    package = _marvin(tmp_path / "tools/marvin/marvin")
    found = find(None, [tmp_path / "test/integration/smoke/test_scale_vm.py"])
    assert (found.package, found.origin) == (package, Origin.TREE)
    assert find("own", [tmp_path / "test"]).origin is Origin.OWN


def test_a_folder_without_marvin_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(MarvinPathError, match="no Marvin there; give tools/marvin of a CloudStack tree"):
        find(str(tmp_path), [])


def test_an_installed_marvin_comes_before_the_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = _marvin(tmp_path / "site/marvin")
    _marvin(tmp_path / "tools/marvin/marvin")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = find(None, [tmp_path / "test"])
    assert (found.package, found.origin) == (package, Origin.INSTALLED)


def test_another_project_named_marvin_is_told_apart_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = _marvin(tmp_path / "site/marvin", cloudstacks=False)
    (stranger / "__init__.py").write_text("raise RuntimeError('it was not to be imported')")
    monkeypatch.syspath_prepend(tmp_path / "site")
    found = find(None, [])
    assert (found.package, found.origin, found.stranger) == (OWN, Origin.OWN, stranger)
    assert f"the installed package `marvin` in {stranger} is another project of that name" in found.line
    assert "marvin" not in sys.modules
