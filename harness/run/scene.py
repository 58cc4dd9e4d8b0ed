"""What a case and its instances share: the session, the steps, and what was seen so far."""

from __future__ import annotations

from harness.cloud.client import CloudApi
from harness.cloud.entities import HostRecord
from harness.errors import HarnessError
from harness.run.record import LookRecord, ScaleRecord, StartRecord
from harness.run.session import Session
from harness.run.steps import Steps
from harness.verify.finding import NOTHING_SEEN, Comparison


class CannotArrangeError(HarnessError):
    """The cloud lacks what the case needs; the text says exactly what."""


class Scene:
    """`comparison` is all that the case has seen so far; `notes` are, by rule id, what a person should know of it.

    `starts`, `scales` and `looks` are the plain facts that reports draw pictures of.
    """

    def __init__(self, session: Session, steps: Steps) -> None:
        self.session = session
        self.steps = steps
        self.comparison: Comparison = NOTHING_SEEN
        self.notes: dict[str, str] = {}
        self.starts: list[StartRecord] = []
        self.scales: list[ScaleRecord] = []
        self.looks: list[LookRecord] = []

    @property
    def api(self) -> CloudApi:
        return self.session.api

    @property
    def home(self) -> HostRecord:
        """The host on which instances start unless told otherwise."""
        return self.session.inventory.home

    def saw(self, comparison: Comparison) -> None:
        """Add to what the case has seen."""
        self.comparison = self.comparison + comparison

    def note(self, rule_id: str, text: str) -> None:
        """Keep something that is as predicted and yet worth knowing."""
        self.notes[rule_id] = text
