"""A session with the simulated lab of a test module, and the stage of one case in it."""

from collections.abc import Iterator

import pytest

from harness.run.environment import TimeLimits, load
from harness.run.session import Session
from harness.run.stage import Stage
from tests.conftest import SimulatedLab
from tests.run.stages import session_of, stage_of


@pytest.fixture(scope="module")
def session(lab: SimulatedLab) -> Iterator[Session]:
    # What a test tampers with never settles, so there is no use in waiting for it.
    limits = TimeLimits(job=20, guest_boot=0.5, guest_hotplug=0.3)
    session = session_of(load(lab.cloud_file).model_copy(update={"time_limits": limits}))
    session.open()
    session.presume()
    yield session
    assert session.take_back() == []
    session.close()


@pytest.fixture
def stage(session: Session) -> Iterator[Stage]:
    stage = stage_of(session, "TEST-01")
    yield stage
    assert stage.close() == []
    assert session.api.list("listVirtualMachines", "virtualmachine", listall=True) == []
