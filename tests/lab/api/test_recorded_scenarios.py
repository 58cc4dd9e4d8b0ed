"""What a real management server and its agents did, done again on simulated hosts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.api.conftest import LabMaker
from tests.lab.api.recorded import RECORDED_LAB, RELEASES, replay, scenarios


@pytest.mark.parametrize(("version", "steps"), scenarios())
def test_the_lab_does_what_a_real_cloud_did(make_lab: LabMaker, version: str, steps: list[dict[str, Any]]) -> None:
    replay(make_lab(RELEASES[version], RECORDED_LAB), steps)
