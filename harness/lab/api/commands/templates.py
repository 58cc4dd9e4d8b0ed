"""Templates and ISOs, and the types of operating systems that they may have."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Begun, Call, Listing, Shown, Single, command
from harness.lab.api.scope import scope
from harness.lab.api.views import records as views
from harness.lab.management import templates
from harness.lab.management.access import check_owner
from harness.lab.management.errors import InvalidValueError, PermissionDeniedError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import Account
from harness.lab.management.records import OS_CATEGORIES, OS_TYPES, Template

_FILTERS = ("all", "community", "executable", "featured", "self", "selfexecutable", "sharedexecutable")
# Parameters that are fields of a template.
_FLAGS = {
    "isdynamicallyscalable": "dynamically_scalable",
    "isextractable": "is_extractable",
    "isfeatured": "is_featured",
    "ispublic": "is_public",
    "passwordenabled": "password_enabled",
    "bootable": "bootable",
    "directdownload": "direct",
}


def _flags(call: Call) -> dict[str, bool]:
    return {field: call.flag(name) or False for name, field in _FLAGS.items() if name in call.arguments}


def _is_wanted(call: Call, record: Template, wanted: str) -> bool:
    """Whether one of the filters has it. Source: QueryManagerImpl.searchForTemplatesInternal."""
    own = call.user.account_id
    if wanted == "all":
        return True
    if wanted in ("featured", "community"):
        return record.is_public and record.is_featured == (wanted == "featured")
    if wanted in ("self", "selfexecutable"):
        return scope(call)(record.account_id)
    if wanted == "sharedexecutable":
        return own in record.shared_with
    return record.is_public or own in (record.account_id, *record.shared_with)


def _seen(call: Call, wanted: str, *, isos: bool) -> list[Shown]:
    if wanted not in _FILTERS:
        raise InvalidValueError(f"Please specify a valid template filter: {', '.join(_FILTERS)}")
    if wanted == "all" and not call.is_admin:
        raise InvalidValueError("Filter all can be specified by admin only")
    state = call.cloud.state
    with state.lock:
        records = [
            each
            for each in state.templates.values()
            if each.is_iso == isos and not each.removed and _is_wanted(call, each, wanted)
        ]
        return [views.template(call.cloud, each) for each in records]


def _templates(call: Call) -> list[Shown]:
    return _seen(call, call.must("templatefilter"), isos=False)


def _isos(call: Call) -> list[Shown]:
    return _seen(call, call.text("isofilter") or "selfexecutable", isos=True)


def _register(call: Call, owner: Account, *, is_iso: bool, url: str) -> Template:
    return templates.register(
        call.cloud.state,
        owner,
        name=call.must("name"),
        display_text=call.text("displaytext") or call.must("name"),
        url=url,
        os_type_id=call.text("ostypeid"),
        file_format=call.text("format") or "QCOW2",
        is_iso=is_iso,
        flags=_flags(call),
        details=call.merged("details"),
    )


def _register_template(call: Call) -> Answer:
    made = _register(call, call.owner(), is_iso=False, url=call.must("url"))
    return Listing("template", [views.template(call.cloud, made)])


def _register_iso(call: Call) -> Answer:
    made = _register(call, call.owner(), is_iso=True, url=call.must("url"))
    return Listing("iso", [views.template(call.cloud, made)])


def _create_template(call: Call) -> Answer:
    """Of a volume; nothing is copied."""
    state, volume_id = call.cloud.state, call.text("volumeid")
    if volume_id is None:
        raise InvalidValueError(
            "Failed to create private template record, neither volume ID nor snapshot ID were specified."
        )
    with state.lock:
        data = state.volumes.get(volume_id)
        owners = [each.account_id for each in state.instances.values() if each.volume_id == volume_id]
    for owner_id in [data.account_id] if data is not None else owners:
        check_owner(state, call.user, owner_id)
    made = _register(call, _owner_of_new(call), is_iso=False, url=f"file://{volume_id}")

    def run() -> Result:
        return {"template": views.template(call.cloud, made)}

    return Begun(Work(made.id, run, "Template", made.id), made.id)


def _owner_of_new(call: Call) -> Account:
    """The account named, or the caller's where it is named by halves. Source: CreateTemplateCmd.findAccountIdToUse."""
    try:
        return call.owner()
    except (InvalidValueError, PermissionDeniedError):
        return call.account


def _mine(call: Call) -> Template:
    """The template that the request names. Raises PermissionDeniedError for another account's."""
    template = call.cloud.state.templates.get(call.must("id"))
    if template is None:
        raise InvalidValueError(f"unable to find template with id {call.must('id')}")
    check_owner(call.cloud.state, call.user, template.account_id)
    return template


def _update(name: str) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        changed = templates.update(
            call.cloud.state,
            _mine(call).id,
            name=call.text("name"),
            display_text=call.text("displaytext"),
            os_type_id=call.text("ostypeid"),
            details=call.merged("details") or ({} if call.flag("cleanupdetails") else None),
            **_flags(call),
        )
        return Single({name: views.template(call.cloud, changed)})

    return answer


def _delete(call: Call) -> Answer:
    template = _mine(call)

    def run() -> Result:
        templates.delete(call.cloud.state, template.id)
        return {"success": True}

    return Begun(Work(template.id, run, "Template", template.id))


def _share(call: Call) -> Answer:
    state, template = call.cloud.state, _mine(call)
    domain_id, accounts = state.account(template.account_id).domain_id, []
    for name in call.texts("accounts") or []:
        account = state.account_by_name(name, domain_id)
        if account is None:
            raise InvalidValueError(f"Unable to find account {name} in domain {domain_id}; no permission was changed")
        accounts.append(account)
    templates.share(
        state,
        template.id,
        operation=call.text("op"),
        accounts=accounts,
        is_public=call.flag("ispublic"),
        is_featured=call.flag("isfeatured"),
        is_extractable=call.flag("isextractable"),
    )
    return DONE


def _permissions(name: str) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        return Single({name: views.permissions(call.cloud, _mine(call))})

    return answer


def _os_types(_call: Call) -> list[Shown]:
    return [
        {"id": each.id, "name": each.name, "oscategoryid": each.category_id, "description": each.name}
        for each in OS_TYPES.values()
    ]


def _os_categories(_call: Call) -> list[Shown]:
    return [{"id": each, "name": name, "isfeatured": True} for each, name in OS_CATEGORIES.items()]


_FIELDS = "id name hypervisor zoneid ispublic isready bootable"

COMMANDS = (
    command("listTemplates", selection.listing("template", _templates, _FIELDS, "name displaytext"), "template"),
    command("registerTemplate", _register_template),
    command("createTemplate", _create_template),
    command("updateTemplate", _update("template"), "template"),
    command("deleteTemplate", _delete, "template"),
    command("updateTemplatePermissions", _share, "template"),
    command("listTemplatePermissions", _permissions("templatepermission"), "template"),
    command("listIsos", selection.listing("iso", _isos, _FIELDS, "name displaytext"), "iso"),
    command("registerIso", _register_iso),
    command("updateIso", _update("iso"), "iso"),
    command("deleteIso", _delete, "iso"),
    command("updateIsoPermissions", _share, "iso"),
    command("listIsoPermissions", _permissions("templatepermission"), "iso"),
    command(
        "listOsTypes",
        selection.listing("ostype", _os_types, "id description oscategoryid", "description"),
        "ostype",
    ),
    command("listOsCategories", selection.listing("oscategory", _os_categories, "id name"), "oscategory"),
)
