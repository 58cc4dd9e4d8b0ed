"""ISOs that are put into instances and taken out."""

from __future__ import annotations

from harness.lab.api.command import Answer, Call, command
from harness.lab.api.commands.instances import begun
from harness.lab.management import isos
from harness.lab.management.actions import Action


def _attach(call: Call) -> Answer:
    instance, iso_id = call.instance("virtualmachineid"), call.must("id")
    isos.check_attachable(call.cloud, instance, iso_id)
    return begun(
        call,
        instance,
        Action("ISO.ATTACH", "attaching ISO", f"Vm Id: {instance.id} ISO ID: {iso_id}"),
        f"attaching ISO: {iso_id} to VM: {instance.id}",
        lambda: isos.put_in(call.cloud, instance.id, iso_id),
    )


def _detach(call: Call) -> Answer:
    instance = call.instance("virtualmachineid")
    return begun(
        call,
        instance,
        Action("ISO.DETACH", "detaching ISO", f"Vm Id: {instance.id} ISO Id: {instance.iso_id}"),
        f"detaching ISO from VM: {instance.id}",
        lambda: isos.take_out(call.cloud, instance.id),
    )


COMMANDS = (
    command("attachIso", _attach, "iso"),
    command("detachIso", _detach),
)
