"""Instances that change hands."""

from __future__ import annotations

from harness.lab.api.command import Answer, Call, Single, command
from harness.lab.api.commands.instances import shown
from harness.lab.management import ownership
from harness.lab.management.actions import Action, acting
from harness.lab.management.errors import INTERNAL, PARAMETER, ApiError, InvalidValueError


def _assign(call: Call) -> Answer:
    """Whatever does not allow it, the answer names the instance by its number and no reason.

    Source: AssignVMCmd.execute.
    """
    instance, networks = call.instance("virtualmachineid"), call.texts("networkids") or []
    try:
        account = call.owner()
        with acting(call.cloud, Action("VM.MOVE", "move VM to another user"), instance, call.user, in_job=False):
            ownership.assign(call.cloud, instance, call.user, account, next(iter(networks), None))
    except ApiError as refusal:
        code = PARAMETER if isinstance(refusal, InvalidValueError) else INTERNAL
        raise ApiError(code, f"Failed to move VM [{instance.database_id}].") from refusal
    return Single({"virtualmachine": shown(call, instance.id)})


COMMANDS = (command("assignVirtualMachine", _assign),)
