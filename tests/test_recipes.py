"""What is offered for others' repositories and CI servers works as far as it can be tried without them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "recipes"
PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
EXPRESSION = re.compile(r"\$\{\{\s*([^}]+?)\s*\}\}")

MODULE = """
from marvin.cloudstackTestCase import cloudstackTestCase
from nose.plugins.attrib import attr

class TestIt(cloudstackTestCase):
    @attr(tags=["advanced"])
    def test_it(self):
        pass

    @attr(tags=["basic"])
    def test_other(self):
        self.fail("not selected")
"""


def _load(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text())


def _shell(script: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": PATH, "HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache"), **variables}
    if "PYTHONPATH" in os.environ:
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )


def _step(name: str) -> dict[str, Any]:
    [step] = [step for step in _load(ROOT / "action.yml")["runs"]["steps"] if step["name"] == name]
    return step


def _variables(step: dict[str, Any], **inputs: str) -> dict[str, str]:
    """The step's environment as GitHub fills it in, with the inputs' defaults for what is not given."""
    given = {name: each["default"] for name, each in _load(ROOT / "action.yml")["inputs"].items()} | inputs

    def value(match: re.Match[str]) -> str:
        return str(given[match[1].removeprefix("inputs.")])

    return {name: EXPRESSION.sub(value, str(text)) for name, text in step["env"].items()}


def test_every_input_of_the_action_is_used_and_none_is_pasted_into_a_script() -> None:
    action = _load(ROOT / "action.yml")
    used = {found for step in action["runs"]["steps"] for found in EXPRESSION.findall(str(step.get("env", {})))}
    assert {name.removeprefix("inputs.") for name in used if name.startswith("inputs.")} == set(action["inputs"])
    # What others can write into an input is never a part of a program.
    assert not [step["name"] for step in action["runs"]["steps"] if EXPRESSION.search(step["run"])]


def test_the_action_runs_cases_and_fills_the_summary(tmp_path: Path) -> None:
    step = _step("Cases")
    summary = tmp_path / "summary.md"
    variables = _variables(step, select="NEG-01", hosts="simulated", release="4.22")
    done = _shell(step["run"], tmp_path, GITHUB_STEP_SUMMARY=str(summary), **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NEG-01" in summary.read_text()
    assert "CloudStack 4.22" in done.stdout
    assert _shell(step["run"], tmp_path, **_variables(step, select="")).stdout == ""


def test_the_action_runs_marvin_modules_and_ends_as_they_do(tmp_path: Path) -> None:
    step = _step("Marvin modules")
    (tmp_path / "test_it.py").write_text(MODULE)
    summary = tmp_path / "summary.md"
    inputs = {"marvin-files": "test_it.py", "hosts": "simulated", "marvin-attr": "tags=advanced", "marvin-path": "own"}
    done = _shell(step["run"], tmp_path, GITHUB_STEP_SUMMARY=str(summary), **_variables(step, **inputs))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 look OK, 0 have errors" in summary.read_text()
    failing = _variables(step, **inputs | {"marvin-attr": "tags=basic"})
    assert _shell(step["run"], tmp_path, **failing).returncode == 1
    assert _shell(step["run"], tmp_path, **_variables(step)).stdout == ""


@pytest.mark.parametrize("recipe", ["github-actions.yml", "github-actions-simulator.yml"])
def test_a_workflow_gives_the_action_only_inputs_that_it_has(recipe: str) -> None:
    inputs = set(_load(ROOT / "action.yml")["inputs"])
    workflow = _load(RECIPES / recipe)
    ours = [
        step
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("OWNER/cloudstack-scaling-harness@")
    ]
    assert ours
    for step in ours:
        assert set(step["with"]) <= inputs
    # Inputs that are commented out exist, too.
    commented = re.findall(r"^ +# ([a-z-]+): ", (RECIPES / recipe).read_text(), re.MULTILINE)
    assert set(commented) <= inputs


def test_scripts_of_the_workflows_and_of_the_jenkinsfile_are_scripts() -> None:
    scripts = [
        step["run"]
        for recipe in RECIPES.glob("*.yml")
        for job in _load(recipe)["jobs"].values()
        for step in job["steps"]
        if "run" in step
    ]
    scripts += re.findall(r"sh '''(.*?)'''", (RECIPES / "Jenkinsfile").read_text(), re.DOTALL)
    assert len(scripts) == 6
    for script in scripts:
        subprocess.run(["bash", "-n", "-c", EXPRESSION.sub("x", script)], check=True)


def test_the_configuration_in_the_simulators_recipe_is_one(tmp_path: Path) -> None:
    from harness.marvin.config import read

    workflow = _load(RECIPES / "github-actions-simulator.yml")
    [script] = [
        step["run"] for step in workflow["jobs"]["simulator"]["steps"] if "simulator.cfg" in step.get("run", "")
    ]
    assert _shell(script, tmp_path).returncode == 0
    config = read(tmp_path / "simulator.cfg")
    assert (config.zone(None).name, config.hypervisor()) == ("Sandbox-simulator", "simulator")
    assert not config.management_server.is_integration_port


def test_the_jenkinsfiles_commands_run(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    (tmp_path / "test_it.py").write_text(MODULE)
    install, cases, modules = re.findall(r"sh '''(.*?)'''", (RECIPES / "Jenkinsfile").read_text(), re.DOTALL)
    nothing = _shell(install, tmp_path, HARNESS="")
    assert nothing.returncode != 0
    assert "HARNESS: says what pip installs" in nothing.stderr
    done = _shell(cases, tmp_path, MARVIN_CONFIG="", HOSTS="simulated", SELECT="NEG-01")
    assert done.returncode == 0, done.stdout + done.stderr
    done = _shell(modules, tmp_path, MARVIN_CONFIG="", HOSTS="simulated", FILES="test_it.py", ATTR="tags=advanced")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reports/latest/junit.xml").exists()
    assert len(list(tmp_path.glob("reports/MarvinLogs/*/xunit/*.xml"))) == 1


def test_the_page_on_own_tests_tells_what_works(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "own-tests.md").read_text()
    case, module = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    (tmp_path / "test_own.py").write_text(f"import pytest\n\n\n{case}")
    (tmp_path / "test_zone.py").write_text(module)
    (tmp_path / "pyproject.toml").write_text(*re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
    assert len(case.strip().splitlines()) == 3
    done = _shell("python -m pytest -p no:cacheprovider test_own.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed on CloudStack" in done.stdout
    assert (tmp_path / "build/reports/latest/results.json").exists()
    done = _shell("python -m pytest -p no:cacheprovider --with-marvin --attr tags=advanced test_zone.py", tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
