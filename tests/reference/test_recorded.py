"""What real servers of both releases did, predicted again by the reference alone."""

import pytest

from tests.reference.recorded import LEFT_OUT, RELEASES, STEPS_LEFT_OUT, Replay, scenarios


@pytest.mark.parametrize(
    ("version", "name"),
    [(version, name) for version in RELEASES for name in scenarios(version) if name not in LEFT_OUT],
)
def test_every_step_of_a_recorded_scenario_is_as_it_was_seen(version: str, name: str) -> None:
    replay = Replay(RELEASES[version])
    for step in scenarios(version)[name]:
        replay.step(step)
    assert replay.steps_done > 0


def test_only_races_and_another_accounts_limits_are_left_out() -> None:
    recorded = {name for version in RELEASES for name in scenarios(version)}
    assert set(LEFT_OUT) <= recorded
    steps = [
        step["step"]
        for version in RELEASES
        for name, scenario in scenarios(version).items()
        for step in scenario
        if name not in LEFT_OUT
    ]
    left_out = [step for step in steps if step in STEPS_LEFT_OUT]
    assert set(left_out) == set(STEPS_LEFT_OUT)
    assert len(left_out) < len(steps) / 20
