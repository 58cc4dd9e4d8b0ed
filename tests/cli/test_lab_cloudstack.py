"""`cs-harness lab up --cloudstack` and what goes with it, where nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli import main
from tests.conftest import SimulatedLab


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["lab", *arguments])


def test_a_tree_that_is_not_there_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    state = tmp_path / "state"
    done = run("up", f"--cloudstack={tmp_path / 'nowhere'}", f"--state={state}")
    assert done.exit_code == 2
    assert "no such folder" in done.output
    assert done.output.count("\n") == 1
    assert not state.exists()


@pytest.mark.parametrize("option", ["--hosts=simulated", "--release=4.22", "--latency=instant", "--mended"])
def test_options_of_our_own_lab_are_refused_for_a_real_one(tmp_path: Path, option: str) -> None:
    done = run("up", f"--cloudstack={tmp_path}", option)
    assert done.exit_code == 2
    assert f"{option.partition('=')[0]} is for the lab of our own" in done.output


def test_logs_of_a_lab_that_is_not_up_are_none(tmp_path: Path) -> None:
    done = run("logs", f"--state={tmp_path}")
    assert done.exit_code == 1
    assert "no lab is up" in done.output


def test_parity_takes_no_cloud_but_one_of_a_real_cloudstack_in_the_lab(lab: SimulatedLab) -> None:
    done = run("parity", f"--real={lab.cloud_file}")
    assert done.exit_code == 2
    assert "others are not changed so freely" in " ".join(done.output.split())
