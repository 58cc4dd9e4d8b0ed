"""What is declared, pinned, explained and shipped agrees with what is there."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
DEPENDENCIES_PAGE = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")


def declared() -> list[Requirement]:
    lists = [PROJECT["dependencies"], PYPROJECT["build-system"]["requires"], *EXTRAS.values()]
    return [Requirement(line) for one in lists for line in one]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def test_each_lower_bound_is_the_version_that_the_constraints_pin() -> None:
    bounds = {canonicalize_name(requirement.name): str(requirement.specifier) for requirement in declared()}
    assert bounds == {name: f">={pins().get(name)}" for name in bounds}


def test_everything_that_comes_with_a_dependency_is_pinned() -> None:
    waiting = list(declared())
    seen: set[tuple[str, frozenset[str]]] = set()
    unpinned: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        if name not in pins():
            unpinned.add(name)
        try:
            lines = requires(name) or []
        except PackageNotFoundError:
            continue  # the optional libvirt-python; the tests could not run without any other
        for line in lines:
            further = Requirement(line)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    assert unpinned == set()


def imported_packages(folder: Path) -> set[str]:
    names: set[str] = set()
    for source in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"harness", "testcases", "_typeshed"}  # the last is known to mypy only


@pytest.mark.parametrize("folder", ["harness", "testcases"])
def test_every_package_that_is_imported_is_declared(folder: str) -> None:
    distributions = packages_distributions()
    runtime = [Requirement(line).name for line in [*PROJECT["dependencies"], *EXTRAS["kvm"], *EXTRAS["dask"]]]
    known = {canonicalize_name(name) for name in runtime}
    undeclared = {
        package
        for package in imported_packages(ROOT / folder) - {"libvirt", "libvirt_qemu", "dask"}
        if not known & {canonicalize_name(name) for name in distributions.get(package, [])}
    }
    assert undeclared == set()


def test_every_python_dependency_is_explained() -> None:
    unexplained = [
        requirement.name for requirement in declared() if f"| `{requirement.name}` |" not in DEPENDENCIES_PAGE
    ]
    assert unexplained == []


def system_packages() -> set[str]:
    body = re.search(r"^system_packages\(\) \{$(.*?)^\}$", (ROOT / "run").read_text(encoding="utf-8"), re.M | re.S)
    assert body is not None
    listed = " ".join(re.findall(r"echo ([^;\n]*)", body[1].replace("\\\n", " ")))
    assert "chromium" in listed
    return {word.strip('"').replace("$python", "python3") for word in listed.split()}


def test_every_system_package_is_explained() -> None:
    assert [package for package in system_packages() if f"`{package}`" not in DEPENDENCIES_PAGE] == []


def test_every_program_that_the_lab_calls_has_its_package_installed() -> None:
    from harness.lab.kvm.preflight import PROGRAMS

    on_every_debian = {"apt", "dpkg", "hostname", "libc-bin"}
    assert set(PROGRAMS.values()) - on_every_debian - system_packages() == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-cache-dir", "--wheel-dir", str(folder)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options, str(ROOT)], check=True)
    (built,) = folder.glob("*.whl")
    return built


def tracked_files(*folders: str) -> set[str]:
    done = subprocess.run(["git", "ls-files", "-z", *folders], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"not a git checkout: {done.stderr.strip()}")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).exists()}


def test_the_wheel_ships_every_file_of_the_harness_and_its_cases_and_no_other(wheel: Path) -> None:
    expected = tracked_files("harness") | {f"harness/{name}" for name in tracked_files("testcases")}
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert expected - shipped == set()
    assert {name for name in shipped if "__pycache__" in name or name.startswith("tests/")} == set()


class Installed:
    """The wheel in an environment of its own, far from the checkout; its dependencies are this environment's."""

    def __init__(self, wheel: Path, folder: Path) -> None:
        venv.create(folder / "venv", symlinks=True)
        self.folder = folder
        self.bin = folder / "venv" / "bin"
        options = ["--quiet", "--no-deps", "--no-cache-dir"]
        pip = [sys.executable, "-m", "pip", "--python", str(self.bin / "python"), "install", *options, str(wheel)]
        subprocess.run(pip, check=True)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        # A .pth file, which is how the checkout itself gets in, is not followed in PYTHONPATH.
        dependencies = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
        environment = os.environ | {"PYTHONPATH": dependencies, "PYTHONSAFEPATH": "1"}
        command = [str(self.bin / program), *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(wheel, tmp_path_factory.mktemp("a place with spaces"))


def test_the_installed_harness_does_not_need_the_checkout(installed: Installed) -> None:
    done = installed.run("python", "-c", "import harness; print(harness.__file__)")
    assert done.stdout.startswith(str(installed.folder)), done.stderr


def test_the_installed_command_answers(installed: Installed) -> None:
    done = installed.run("cs-harness", "--help")
    assert done.returncode == 0, done.stderr
    assert "verify" in done.stdout


def test_the_installed_harness_verifies_simulated_hosts(installed: Installed) -> None:
    done = installed.run("cs-harness", "verify", "--hosts", "simulated")
    assert done.returncode == 0, done.stdout + done.stderr
