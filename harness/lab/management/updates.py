"""Synchronous changes to an instance or a template."""

from __future__ import annotations

from dataclasses import replace

from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, OperationFailedError
from harness.lab.management.model import InstanceRecord, State, Template, User
from harness.reference import settings as names


def update_instance(
    cloud: Cloud,
    instance_id: str,
    user: User,
    *,
    flag: bool | None,
    name: str | None,
    display_name: str | None,
    details: dict[str, str] | None,
) -> InstanceRecord:
    """Source: UserVmManagerImpl.updateVirtualMachine. What is None stays.

    Raises:
        InvalidValueError: the instance is on its way out, or template or offering do not allow the flag.
        OperationFailedError: the zone's setting does not allow the flag (HTTP 530, as seen).
    """
    state = cloud.state
    instance = state.instance(instance_id)
    if instance.state in (State.ERROR, State.EXPUNGING):
        raise InvalidValueError(f"Vm {instance.instance_name} is not in the right state")
    if flag:
        _check_flag(cloud, instance)
    fields: dict[str, object] = {"flag": flag, "name": name, "display_name": display_name, "details": details}
    changed = state.change(instance_id, **{key: value for key, value in fields.items() if value is not None})
    cloud.note("VM.UPDATE", "Successfully completed updating Instance", changed, user)
    return changed


def _check_flag(cloud: Cloud, instance: InstanceRecord) -> None:
    state = cloud.state
    word = "Instance" if state.release.scales_fixed_offerings else "VM"
    template_word = "Template" if state.release.scales_fixed_offerings else "template"
    cannot = "Dynamic Scaling cannot be enabled for the"
    with state.lock:
        template = state.templates[instance.template_id]
        offering = state.offerings[instance.offering_id].offering
    if not template.dynamically_scalable:
        raise InvalidValueError(f"{cannot} {word} since its {template_word} does not have dynamic scaling enabled")
    if not offering.dynamic_scaling:
        raise InvalidValueError(f"{cannot} {word} since its service offering does not have dynamic scaling enabled")
    if not state.configuration.settings().flag(names.ENABLE_DYNAMIC_SCALE):
        why = f"{cannot} VM since corresponding global setting is set to false"
        raise OperationFailedError(f"Failed to update VM, due to: {why}")


def update_template(
    cloud: Cloud, template_id: str, *, dynamically_scalable: bool | None, name: str | None, display_text: str | None
) -> Template:
    """Instances that run are not touched. Source: TemplateManagerImpl.updateTemplate."""
    with cloud.state.lock:
        template = cloud.state.templates[template_id]
        if dynamically_scalable is not None:
            template = replace(template, dynamically_scalable=dynamically_scalable)
        template = replace(template, name=name or template.name, display_text=display_text or template.display_text)
        cloud.state.templates[template_id] = template
    return template
