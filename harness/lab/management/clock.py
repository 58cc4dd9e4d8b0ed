"""The wall clock of the management brain, in the form the API shows it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def shown(moment: datetime) -> str:
    """As in "2026-11-22T13:26:49+0000"."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S%z")
