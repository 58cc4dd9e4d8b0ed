"""The event log of the cloud, as listEvents shows it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from harness.lab.management.model import User
from harness.lab.management.record_log import Logged, RecordLog


@dataclass(frozen=True, kw_only=True)
class Event(Logged):
    type: str
    level: str
    state: str
    description: str
    user_name: str
    account_id: str
    created: datetime
    resource_id: str | None = None
    resource_type: str | None = None
    resource_name: str | None = None


class EventLog(RecordLog[Event]):
    """The newest events of the cloud; safe to use from any thread."""

    def add(
        self,
        kind: str,
        description: str,
        user: User,
        *,
        state: str = "Completed",
        level: str = "INFO",
        resource: tuple[str, str, str] | None = None,
    ) -> None:
        """`resource` is its type, id and name."""
        resource_type, resource_id, resource_name = resource or (None, None, None)
        self.keep(
            lambda now: Event(
                id=str(uuid4()),
                type=kind,
                level=level,
                state=state,
                description=description,
                user_name=user.name,
                account_id=user.account_id,
                created=now,
                resource_id=resource_id,
                resource_type=resource_type,
                resource_name=resource_name,
            )
        )
