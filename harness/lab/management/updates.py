"""Synchronous changes to an instance."""

from __future__ import annotations

from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, refused
from harness.lab.management.model import SIZE_DETAILS, InstanceRecord, State
from harness.reference import settings as names
from harness.reference.readiness import flag_refusal


def update_instance(
    cloud: Cloud,
    instance_id: str,
    *,
    flag: bool | None,
    name: str | None,
    display_name: str | None,
    details: dict[str, str] | None,
) -> InstanceRecord:
    """Source: UserVmManagerImpl.updateVirtualMachine. What is None stays.

    Raises:
        ApiError: the instance is on its way out, or something does not allow the flag.
    """
    state = cloud.state
    instance = state.instance(instance_id)
    if instance.state in (State.ERROR, State.EXPUNGING):
        raise InvalidValueError(f"Vm {instance.instance_name} is not in the right state")
    if flag:
        _check_flag(cloud, instance)
    if details is not None:
        # The sizes of a custom offering are not the user's to give or to take away.
        kept = {key: instance.details[key] for key in SIZE_DETAILS if key in instance.details}
        details = {key: value for key, value in details.items() if key not in SIZE_DETAILS} | kept
    fields: dict[str, object] = {"flag": flag, "name": name, "display_name": display_name, "details": details}
    return state.change(instance_id, **{key: value for key, value in fields.items() if value is not None})


def _check_flag(cloud: Cloud, instance: InstanceRecord) -> None:
    state = cloud.state
    with state.lock:
        template = state.templates[instance.template_id]
        offering = state.offerings[instance.offering_id].offering
    refusal = flag_refusal(
        state.release,
        template=template.dynamically_scalable,
        offering=offering.dynamic_scaling,
        zone_setting=state.settings().flag(names.ENABLE_DYNAMIC_SCALE),
    )
    if refusal is not None:
        raise refused(refusal)
