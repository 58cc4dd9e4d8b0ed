"""Instances like new: restore, another password, other SSH keys."""

from __future__ import annotations

from harness.lab.api.command import Answer, Begun, Call, command
from harness.lab.api.commands.instances import begun, shown
from harness.lab.api.named_records import key_pairs_meant
from harness.lab.management import renewal
from harness.lab.management.jobs import Result, Work


def _restore(call: Call) -> Answer:
    instance, template_id = call.instance("virtualmachineid"), call.text("templateid")
    return begun(call, instance, lambda: renewal.restore(call.cloud, instance.id, call.user, template_id))


def _reset_password(call: Call) -> Answer:
    instance, wanted = call.instance(), call.text("password")
    renewal.check_password(call.cloud, instance)

    def run() -> Result:
        password = wanted or renewal.new_password(call.cloud, instance, call.user)
        return {"virtualmachine": {**shown(call, instance.id), "password": password}}

    return Begun(Work(instance.id, run, "VirtualMachine", instance.id))


def _reset_keys(call: Call) -> Answer:
    instance = call.instance()
    names = key_pairs_meant(call, call.cloud.state.account(instance.account_id))
    return begun(call, instance, lambda: renewal.reset_keys(call.cloud, instance, call.user, names))


COMMANDS = (
    command("restoreVirtualMachine", _restore),
    command("resetPasswordForVirtualMachine", _reset_password, "virtualmachine"),
    command("resetSSHKeyForVirtualMachine", _reset_keys, "virtualmachine"),
)
