"""What a run may not do it does not do, and the case says what it would have needed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cloud import configuration
from harness.cloud.configuration import Place
from harness.reference.settings import CPU_CEILING, ENABLE_DYNAMIC_SCALE
from harness.run.case import Case, RunContext
from harness.run.environment import Allowed, load
from harness.run.holds import Claim, Holds
from harness.run.ledger import Ledger
from harness.run.permits import CannotArrangeError
from harness.run.session import Session
from tests.conftest import SimulatedLab
from tests.run.stages import stage_of


def _session(lab: SimulatedLab, tmp_path: Path, *, leave_settings: bool = False, without: set[Allowed]) -> Session:
    somebodys = {"allow": frozenset(Allowed) - without, "lab": None}
    environment = load(lab.cloud_file).model_copy(update=somebodys)
    session = Session(environment, Ledger(tmp_path / "ledger.sqlite"), leave_settings=leave_settings)
    session.open()
    session.presume()
    return session


@pytest.fixture
def case() -> Iterator[Case]:
    case = Case("XML-01", "What it shows.", "here", lambda _step: None)
    yield case
    case.close_stage()


@pytest.mark.parametrize(
    ("what", "says"),
    [
        (Allowed.INSTANCES, r'to make instance csh-.*, which this run may not do; add "instances" to allow in .*cloud'),
        (Allowed.OFFERINGS, r'to make offering csh-.*, which this run may not do; add "offerings" to allow in .*cloud'),
    ],
)
def test_what_is_not_allowed_is_not_made(lab: SimulatedLab, tmp_path: Path, what: Allowed, says: str) -> None:
    session = _session(lab, tmp_path, without={what})
    stage = stage_of(session)
    with pytest.raises(CannotArrangeError, match=says):
        stage.instance(stage.fixed(1, 500, 256))
    assert stage.close() == []
    assert session.take_back() == []
    session.close()


@pytest.mark.parametrize("leave_settings", [False, True])
def test_a_template_is_switched_with_leave_only(lab: SimulatedLab, tmp_path: Path, leave_settings: bool) -> None:
    without = set() if leave_settings else {Allowed.TEMPLATES}
    session = _session(lab, tmp_path, leave_settings=leave_settings, without=without)
    stage = stage_of(session)
    with pytest.raises(CannotArrangeError, match=r"needs to switch the dynamic-scaling flag of template .* may not"):
        stage.switched(stage.unscalable_template, on=True)
    assert stage.close() == []
    assert session.take_back() == []
    session.close()


def test_a_run_that_leaves_settings_alone_changes_none(lab: SimulatedLab, tmp_path: Path, case: Case) -> None:
    session = _session(lab, tmp_path, leave_settings=True, without=set())
    place = Place(zone_id=session.inventory.zone.id)
    assert session.ledger.unsettled() == []
    assert configuration.value(session.api, ENABLE_DYNAMIC_SCALE, place) == "false"
    context = RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main")
    told = r"needs enable\.dynamic\.scale\.vm to be true in the zone \(it is false\).*leave settings alone"
    with pytest.raises(CannotArrangeError, match=told):
        case.open_stage(context, Claim())
    configuration.update(session.api, ENABLE_DYNAMIC_SCALE, "true", place)
    try:
        stage = case.open_stage(context, Claim(alone="cluster"))
        with pytest.raises(CannotArrangeError, match=r"needs kvm\.cpu\.dynamic\.scaling\.capacity to be 6 in the clus"):
            stage.setting(CPU_CEILING, "6")
    finally:
        case.close_stage()
        configuration.reset(session.api, ENABLE_DYNAMIC_SCALE, place)
    session.close()


def test_a_case_that_is_alone_needs_the_clusters_settings_as_presumed(
    lab: SimulatedLab, tmp_path: Path, case: Case
) -> None:
    session = _session(lab, tmp_path, without={Allowed.CLUSTER_SETTINGS})
    places = [Place(cluster_id=cluster.id) for cluster in session.inventory.clusters]
    for place in places:
        configuration.update(session.api, CPU_CEILING, "9", place)
    try:
        with pytest.raises(
            CannotArrangeError, match=r"capacity to be 0 in the cluster \(it is 9\), which this run may"
        ):
            case.open_stage(RunContext(session, Holds(tmp_path), tmp_path, "run", 0.0, "main"), Claim(alone="cluster"))
    finally:
        for place in places:
            configuration.reset(session.api, CPU_CEILING, place)
    assert session.take_back() == []
    session.close()
