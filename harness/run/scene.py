"""What a case and its instances share: the session, the steps, and what was seen so far."""

from __future__ import annotations

from collections.abc import Mapping

from harness.cloud.client import CloudApi
from harness.cloud.entities import HostRecord
from harness.cloud.jobs import JobResult
from harness.reference.known_defects import KNOWN_DEFECTS, KnownDefect
from harness.reference.offering import Size
from harness.reference.rule import Rule
from harness.run.inquiry import Doubt
from harness.run.record import LookRecord, ScaleRecord, StartRecord
from harness.run.room import require_share
from harness.run.session import Session
from harness.run.steps import Steps
from harness.verify.finding import NOTHING_SEEN, Comparison
from harness.verify.ways import Shown


class Scene:
    """`comparison` is all that the case has seen so far; `notes` are, by rule id, what a person should know of it.

    `home` is the host on which its instances start; `sought` is the known defect that it is about, `shown` how those
    showed that had to do with it; with `has_the_books` nobody else changes what its cluster's hosts count; `starts`,
    `scales` and `looks` are the plain facts that reports draw pictures of; `doubts` are the jobs that failed and must
    not have, `unproven` those that failed as predicted in a way that an agent which is not reached fails alike.
    """

    def __init__(self, session: Session, steps: Steps, home: HostRecord) -> None:
        self.session = session
        self.steps = steps
        self.home = home
        self.comparison: Comparison = NOTHING_SEEN
        self.notes: dict[str, str] = {}
        self.starts: list[StartRecord] = []
        self.scales: list[ScaleRecord] = []
        self.looks: list[LookRecord] = []
        self.shown: dict[Rule, Shown] = {}
        self.sought: KnownDefect | None = None
        self.has_the_books = False
        self.scales_under_way = 0
        self.doubts: list[Doubt] = []
        self.unproven: list[JobResult] = []
        # A case that is alone in its cluster may take all that the home host has.
        self.shares_home = False
        self._largest: dict[str, Size] = {}

    @property
    def api(self) -> CloudApi:
        return self.session.api

    def takes(self, name: str, size: Size) -> None:
        """An instance is about to have this size on the home host.

        Raises:
            RuntimeError: others share the host, and it is more than the case's share.
        """
        self._largest[name] = size
        if self.shares_home:
            require_share(self.home, self._largest.values())

    def saw(self, comparison: Comparison) -> None:
        """Add to what the case has seen."""
        self.comparison = self.comparison + comparison

    def looks_for(self, rule: Rule) -> None:
        """The case is about this known defect: where the cloud shows it as built, that is its outcome."""
        self.sought = KNOWN_DEFECTS[rule.id]

    def shows(self, defects: Mapping[Rule, Shown]) -> None:
        """Keep how the cloud showed itself where defects are known: once as built is as built."""
        for rule, shown in defects.items():
            if self.shown.get(rule) is not Shown.AS_BUILT:
                self.shown[rule] = shown

    def note(self, rule_id: str, text: str) -> None:
        """Keep something that is as predicted and yet worth knowing."""
        self.notes[rule_id] = text
