"""Instances like new: restore, another password, other SSH keys."""

from __future__ import annotations

from harness.lab.api.command import Answer, Call, Shown, command
from harness.lab.api.commands.instances import begun, scheduled_work, shown
from harness.lab.api.named_records import key_pairs_meant
from harness.lab.management import renewal
from harness.lab.management.actions import Action
from harness.lab.management.jobs import Result


def _restore(call: Call) -> Answer:
    """That it is scheduled is all that events tell of it."""
    instance, template_id = call.instance("virtualmachineid"), call.text("templateid")

    def run() -> Result:
        renewal.restore(call.cloud, instance.id, call.user, template_id)
        return {"virtualmachine": shown(call, instance.id)}

    scheduled = "Restore a VM to original template or specific snapshot"
    return scheduled_work(call, instance, "VM.RESTORE", scheduled, run)


def _reset_password(call: Call) -> Answer:
    instance, wanted = call.instance(), call.text("password")
    renewal.check_password(call.cloud, instance)
    number = instance.database_id

    def act() -> Shown:
        return {"virtualmachine": {**shown(call, instance.id), "password": wanted or renewal.new_password()}}

    action = Action("VM.RESETPASSWORD", "resetting Vm password", f"Vm Id: {number}")
    return begun(call, instance, action, f"resetting password for vm: {number}", act)


def _reset_keys(call: Call) -> Answer:
    instance = call.instance()
    names = key_pairs_meant(call, call.cloud.state.account(instance.account_id))
    number = instance.database_id
    return begun(
        call,
        instance,
        Action("VM.RESETSSHKEY", "resetting Vm SSHKey", f"Vm Id: {number}"),
        f"resetting SSHKey for vm: {number}",
        lambda: renewal.reset_keys(call.cloud, instance, names),
    )


COMMANDS = (
    command("restoreVirtualMachine", _restore),
    command("resetPasswordForVirtualMachine", _reset_password, "virtualmachine"),
    command("resetSSHKeyForVirtualMachine", _reset_keys, "virtualmachine"),
)
