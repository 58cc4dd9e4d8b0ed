"""Another offering for an instance: scaleVirtualMachine and its old, synchronous form for stopped ones."""

from __future__ import annotations

from harness.lab.api.command import Answer, Call, Single, command
from harness.lab.api.commands.instances import begun, shown
from harness.lab.management import scaling
from harness.lab.management.actions import Action, acting, on
from harness.lab.management.cloud import rendered
from harness.lab.management.errors import InvalidValueError
from harness.lab.management.model import State
from harness.lab.management.waves import Wave
from harness.reference import oddities


def _scale(call: Call) -> Answer:
    instance = call.instance()
    offering_id, details = call.must("serviceofferingid"), call.merged("details")
    scheduled = f"upgrading vm: {instance.id} to service offering: {offering_id}"
    state = call.cloud.state
    together = oddities.CONCURRENT_SCALES in state.release.defects
    wave = state.waves.join(instance.id) if together else Wave()
    asked_at = state.untold_growth.now()
    return begun(
        call,
        instance,
        Action("VM.UPGRADE", "Upgrading VM"),
        scheduled,
        lambda: scaling.scale(call.cloud, instance.id, offering_id, details, call.user, wave, asked_at),
    )


def _change_service(call: Call) -> Answer:
    instance = call.instance()
    if instance.state is not State.STOPPED:
        raise InvalidValueError(
            f"Unable to upgrade virtual machine {rendered(instance)}  in state {instance.state}; "
            "make sure the virtual machine is stopped"
        )
    offering_id, details = call.must("serviceofferingid"), call.merged("details")
    with acting(call.cloud, on(instance, "VM.UPGRADE", "upgrading Vm"), instance, call.user, in_job=False):
        asked_at = call.cloud.state.untold_growth.now()
        scaling.scale(call.cloud, instance.id, offering_id, details, call.user, Wave(), asked_at)
    return Single({"virtualmachine": shown(call, instance.id)})


COMMANDS = (
    command("scaleVirtualMachine", _scale, "virtualmachine"),
    command("changeServiceForVirtualMachine", _change_service, "virtualmachine"),
)
