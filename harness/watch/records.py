"""What a watch tells of a job: a line for each, as it is written to watch.jsonl."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Verdict(StrEnum):
    """How a job did."""

    AS_PREDICTED = "as predicted"
    OTHERWISE = "otherwise"
    NOT_VERIFIED = "not verified"


class WatchedLine(BaseModel):
    """A scale or a migration that has ended. `findings` are where it differs, `not_seen` why parts are unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime
    what: str
    instance: str
    instance_name: str
    offering: str | None
    predicted: str
    happened: str
    verdict: Verdict
    defects: list[str] = []
    findings: list[str] = []
    not_seen: list[str] = []
