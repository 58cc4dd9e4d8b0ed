"""What makes an instance like new: its disk from a template again, another password, other SSH keys."""

from __future__ import annotations

import secrets

from harness.lab.agent.disks import DiskError
from harness.lab.management import lifecycle
from harness.lab.management.cloud import Cloud, rendered
from harness.lab.management.errors import InvalidValueError, OperationFailedError
from harness.lab.management.model import InstanceRecord, State, User
from harness.lab.management.templates import check_launch


def restore(cloud: Cloud, instance_id: str, user: User, template_id: str | None) -> None:
    """A new root disk, of another template if one is named; what ran is started again.

    Source: UserVmManagerImpl.restoreVMInternal.

    Raises:
        OperationFailedError: it neither runs nor is stopped, or its disk cannot be made.
    """
    state = cloud.state
    instance = state.instance(instance_id)
    if instance.state not in (State.RUNNING, State.STOPPED):
        raise OperationFailedError(
            f"Vm {instance.id} currently in {instance.state} state, restore vm can only execute when VM in Running or "
            "Stopped"
        )
    if template_id is not None:
        check_launch(state, state.templates[template_id], user)
    ran = instance.state is State.RUNNING
    if ran:
        lifecycle.stop(cloud, instance_id, forced=True)
    try:
        cloud.disks.remove(instance.volume_id)
        cloud.disks.create(instance.volume_id)
    except DiskError as failure:
        raise OperationFailedError(f"Unable to restore {rendered(instance)}") from failure
    if template_id is not None:
        state.change(instance_id, template_id=template_id)
    if ran:
        lifecycle.start(cloud, instance_id, instance.host_id, None)


def check_password(cloud: Cloud, instance: InstanceRecord) -> None:
    """Source: UserVmManagerImpl.resetVMPassword. Raises InvalidValueError."""
    if not cloud.state.templates[instance.template_id].password_enabled:
        raise InvalidValueError("Fail to reset password for the virtual machine, the template is not password enabled")
    _check_stopped(instance, "password")


def new_password() -> str:
    """Nobody tells the guest of it."""
    return secrets.token_urlsafe(8)


def reset_keys(cloud: Cloud, instance: InstanceRecord, names: str) -> None:
    """Source: UserVmManagerImpl.resetVMSSHKey. Raises InvalidValueError."""
    _check_stopped(instance, "SSH Key")
    cloud.state.change(instance.id, key_pair=names)


def _check_stopped(instance: InstanceRecord, what: str) -> None:
    if instance.state is not State.STOPPED:
        raise InvalidValueError(f"Vm {rendered(instance)} should be stopped to do {what} reset")
