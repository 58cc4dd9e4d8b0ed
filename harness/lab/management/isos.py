"""ISOs in instances: kept and shown; no guest sees them."""

from __future__ import annotations

from harness.lab.management.access import may_act_for
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError
from harness.lab.management.model import InstanceRecord, State
from harness.lab.management.templates import is_for


def check_attachable(cloud: Cloud, instance: InstanceRecord, iso_id: str) -> None:
    """Source: TemplateManagerImpl.attachIso. Raises PermissionDeniedError: the instance's owner may not use the ISO."""
    state = cloud.state
    with state.lock:
        iso, owner = state.templates[iso_id], state.user(instance.user_id)
    if not (is_for(state, iso, owner) or may_act_for(state, owner, iso.account_id)):
        raise PermissionDeniedError


def put_in(cloud: Cloud, instance_id: str, iso_id: str) -> None:
    """In place of one that is there. Raises InvalidValueError for an instance that neither runs nor is stopped."""
    with cloud.state.lock:
        _check_state(cloud, instance_id)
        cloud.state.change(instance_id, iso_id=iso_id)


def take_out(cloud: Cloud, instance_id: str) -> None:
    """Source: TemplateManagerImpl.detachIso. Raises InvalidValueError."""
    with cloud.state.lock:
        if not _check_state(cloud, instance_id).iso_id:
            raise InvalidValueError("The specified VM has no ISO attached to it.")
        cloud.state.change(instance_id, iso_id="")


def _check_state(cloud: Cloud, instance_id: str) -> InstanceRecord:
    instance = cloud.state.instances.get(instance_id)
    if instance is None or instance.state not in (State.RUNNING, State.STOPPED):
        raise InvalidValueError("Please specify a VM that is either Stopped or Running.")
    return instance
