"""Sessions and stages for tests: a stage that is alone in the zone, on the smaller host of the lab's first cluster."""

from __future__ import annotations

from pathlib import Path
from tempfile import mkdtemp

from harness.run.environment import Environment
from harness.run.holds import Claim
from harness.run.home import homes_in, suitable_clusters
from harness.run.ledger import Ledger
from harness.run.session import Session
from harness.run.stage import Stage
from harness.run.steps import Steps

ALONE = Claim(alone="zone", hosts=2)


def session_of(environment: Environment) -> Session:
    """A session that is not open yet, with a ledger of its own beside the environment file."""
    folder = Path(mkdtemp(dir=environment.file.parent, prefix="ledger-"))
    return Session(environment, Ledger(folder / "ledger.sqlite"))


def stage_of(session: Session, case_id: str = "TEST-01", claim: Claim = ALONE) -> Stage:
    hosts = session.hosts()
    cluster = suitable_clusters(claim, session.inventory.clusters, hosts)[0]
    return Stage(session, case_id, "run", Steps(), homes_in(claim, cluster.id, hosts)[0], claim)
