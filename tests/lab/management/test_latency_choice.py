"""Latencies by name or file, and what is said of those that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.lab.management.latency import INSTANT, Operation
from harness.lab.management.latency_choice import LatencyError, latencies_of


def test_presets_are_known_by_name() -> None:
    assert latencies_of("instant") is INSTANT
    real = latencies_of("real-cloud")
    assert real.ranges.keys() == set(Operation)
    assert real.seconds(Operation.DEPLOY, 1, 1) == 25
    assert latencies_of("real-cloud/10").seconds(Operation.DEPLOY, 1, 1) == 2.5
    assert latencies_of("real-cloud/.5").seconds(Operation.START, 1, 1) == 24


def test_a_file_has_numbers_and_ranges(tmp_path: Path) -> None:
    file = tmp_path / "slow.toml"
    file.write_text("seed = 3\nstart = 2\nscale = [0.5, 1.5]\nstop = 0\n")
    latencies = latencies_of(str(file))
    assert latencies.ranges == {Operation.START: (2, 2), Operation.SCALE: (0.5, 1.5)}
    assert latencies.seed == 3


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("start = -1", "greater than or equal to 0"),
        ("start = [2, 1]", "the shortest time comes first"),
        ("boot = 1", "boot: unknown key; known here are deploy, destroy, migrate, reboot, scale, seed, start, stop"),
        ("start = [", "not TOML"),
    ],
)
def test_each_line_of_what_is_wrong_with_a_file_names_it(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "slow.toml"
    file.write_text(text)
    with pytest.raises(LatencyError) as wrong:
        latencies_of(str(file))
    assert says in str(wrong.value)
    assert all(line.startswith(f"{file}: ") for line in str(wrong.value).splitlines())


@pytest.mark.parametrize("choice", ["real-cloud/0", "real-clout", "instant/x"])
def test_what_does_not_exist_is_refused(choice: str) -> None:
    with pytest.raises(LatencyError, match=choice):
        latencies_of(choice)
