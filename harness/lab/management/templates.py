"""Templates and ISOs: register, change, share, delete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from uuid import uuid4

from harness.lab.management import limits
from harness.lab.management.errors import BadParameterError, InvalidValueError, PermissionDeniedError
from harness.lab.management.model import Account, Role, User
from harness.lab.management.records import DEFAULT_OS_TYPE_ID, Template
from harness.lab.management.resources import Resource
from harness.lab.management.state import CloudState

_FORMATS = frozenset({"QCOW2", "RAW", "VHD", "VHDX", "OVA", "VMDK", "VDI", "TAR", "DIR", "BAREMETAL", "PXEBOOT"})


def register(
    state: CloudState,
    owner: Account,
    *,
    name: str,
    display_text: str,
    url: str,
    os_type_id: str | None,
    file_format: str,
    is_iso: bool,
    flags: Mapping[str, bool],
    details: Mapping[str, str],
) -> Template:
    """Ready at once; nothing is fetched. `flags` are fields of Template. Source: TemplateAdapterBase.prepare.

    Raises:
        InvalidValueError: an address or a format that cannot be.
        ResourceLimitError: the owner has as many as allowed.
    """
    if not url.lower().startswith(("http://", "https://", "file://", "nfs://")):
        raise InvalidValueError(f"Unsupported scheme for url: {url}")
    if not is_iso and file_format.upper() not in _FORMATS:
        raise BadParameterError(
            f"Image format: {file_format} is incorrect. Supported formats are [{', '.join(sorted(_FORMATS))}]"
        )
    plain = Template(
        id=str(uuid4()),
        name=name,
        display_text=display_text,
        dynamically_scalable=False,
        created=state.clock.now(),
        account_id=owner.id,
        is_iso=is_iso,
        is_public=False,
        is_featured=False,
        direct=False,
        os_type_id=os_type_id or DEFAULT_OS_TYPE_ID,
        url=url,
        details=dict(details),
    )
    template = replace(plain, **flags)  # type: ignore[arg-type]
    with state.lock:
        limits.check(state, owner, {Resource.TEMPLATE: 1})
        state.templates[template.id] = template
        state.resources.changed(owner.id, Resource.TEMPLATE, 1)
    return template


def update(state: CloudState, template_id: str, **fields: object) -> Template:
    """Instances that run are not touched; what is None stays. Source: TemplateManagerImpl.updateTemplate."""
    with state.lock:
        given = {key: value for key, value in fields.items() if value is not None}
        changed = state.templates[template_id] = replace(state.templates[template_id], **given)  # type: ignore[arg-type]
        return changed


def delete(state: CloudState, template_id: str) -> None:
    """Instances keep it, so its record stays. Source: TemplateManagerImpl.deleteTemplate."""
    with state.lock:
        template = state.templates[template_id]
        if template.removed:
            raise InvalidValueError("Please specify a valid template.")
        state.templates[template_id] = replace(template, removed=True)
        state.removed_ids.add(template_id)
        if template.url:
            state.resources.changed(template.account_id, Resource.TEMPLATE, -1)


def share(
    state: CloudState,
    template_id: str,
    *,
    operation: str | None,
    accounts: list[Account],
    is_public: bool | None,
    is_featured: bool | None,
    is_extractable: bool | None,
) -> None:
    """Add or remove accounts, or reset to none. Source: TemplateManagerImpl.updateTemplateOrIsoPermissions."""
    if (accounts or operation is not None) and operation not in ("add", "remove", "reset"):
        raise InvalidValueError(
            "Invalid operation on accounts, the operation must be either 'add' or 'remove' in order to modify launch "
            f"permissions.  Given operation is: '{operation or 'null'}'"
        )
    if operation in ("add", "remove") and not accounts:
        raise InvalidValueError(f"Operation {operation} requires accounts or projectIds to be passed in")
    ids = frozenset(account.id for account in accounts)
    with state.lock:
        had = state.templates[template_id].shared_with
        shared = {"add": had | ids, "remove": had - ids, "reset": frozenset[str]()}.get(operation or "", had)
        update(
            state,
            template_id,
            shared_with=shared,
            is_public=False if operation == "reset" else is_public,
            is_featured=False if operation == "reset" else is_featured,
            is_extractable=is_extractable,
        )


def is_for(state: CloudState, template: Template, user: User) -> bool:
    """Whether someone may launch instances from it."""
    account = state.account(user.account_id)
    return (
        template.is_public or account.role is Role.ADMIN or account.id in {template.account_id, *template.shared_with}
    )


def check_launch(state: CloudState, template: Template, user: User) -> None:
    """Source: DomainChecker.checkAccess. Raises PermissionDeniedError, InvalidValueError."""
    if template.removed:
        raise InvalidValueError(f"Unable to use template {template.id}")
    if not is_for(state, template, user):
        raise PermissionDeniedError
