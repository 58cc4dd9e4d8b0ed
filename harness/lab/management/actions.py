"""Events of what is done with an instance: that it is scheduled, that it began, and how it ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from harness.errors import HarnessError
from harness.lab.management.cloud import Cloud
from harness.lab.management.model import InstanceRecord, User


@dataclass(frozen=True)
class Action:
    """An action as the event log tells it; `details` follow what is being done.

    Source: ActionEventInterceptor and the @ActionEvent annotations of UserVmManagerImpl.
    """

    kind: str
    doing: str
    details: str = ""

    @property
    def text(self) -> str:
        return f"{self.doing}. {self.details}" if self.details else self.doing


def on(instance: InstanceRecord, kind: str, doing: str) -> Action:
    """An action that names its instance, as almost all do."""
    return Action(kind, doing, f"Vm Id: {instance.id}")


@contextmanager
def acting(
    cloud: Cloud, action: Action, instance: InstanceRecord, user: User, *, in_job: bool = True
) -> Iterator[None]:
    """Note how the action goes; that it began is told of a job's only."""
    text = action.text
    if in_job:
        cloud.note(action.kind, text[:1].upper() + text[1:], instance, user, state="Started")
    try:
        yield
    except HarnessError:
        cloud.note(action.kind, f"Error while {text}", instance, user, level="ERROR")
        raise
    cloud.note(action.kind, f"Successfully completed {text}", instance, user)
