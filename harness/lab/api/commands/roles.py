"""Roles and their rules."""

from __future__ import annotations

from dataclasses import replace

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Call, Listing, Single, command
from harness.lab.api.views import people as views
from harness.lab.management import roles
from harness.lab.management.errors import BadParameterError, OperationFailedError
from harness.lab.management.model import Role, RoleRule


def _type(call: Call) -> Role | None:
    text = call.text("type")
    if text is None:
        return None
    found = next((role for role in Role if role.value.lower() == text.lower()), None)
    if found is None:
        raise BadParameterError("Invalid role type provided")
    return found


def _allows(call: Call) -> bool:
    text = call.text("permission") or ""
    if text.lower() not in ("allow", "deny"):
        raise BadParameterError("Values for permission parameter should be: allow or deny")
    return text.lower() == "allow"


def _list(call: Call) -> Answer:
    state = call.cloud.state
    with state.lock:
        items = [views.role(each) for each in state.roles.values() if each.is_public or call.is_admin]
    found = selection.by_fields(call, items, id="id", name="name", type="type", state="state")
    return Listing("role", selection.by_keyword(call, found, "name"))


def _create(call: Call) -> Answer:
    made = roles.create(
        call.cloud.state,
        call.must("name"),
        _type(call),
        call.text("roleid"),
        call.text("description") or "",
        is_public=call.flag("ispublic") is not False,
    )
    return Single({"role": views.role(made)})


def _update(call: Call) -> Answer:
    changed = roles.update(
        call.cloud.state,
        call.must("id"),
        name=call.text("name"),
        kind=_type(call),
        description=call.text("description"),
        is_public=call.flag("ispublic"),
    )
    return Single({"role": views.role(changed)})


def _delete(call: Call) -> Answer:
    roles.delete(call.cloud.state, call.must("id"))
    return DONE


def _list_rules(call: Call) -> Answer:
    """Those of a default role are what the role's type may call."""
    state, wanted = call.cloud.state, call.text("roleid")
    with state.lock:
        records = [each for each in state.roles.values() if wanted in (None, each.id)]
    shown = [views.role_rule(record, rule) for record in records for rule in record.rules]
    for record in records:
        if record.is_default:
            names = (
                ["*"] if record.type is Role.ADMIN else [n for n, c in call.commands.items() if c.is_open_to(record)]
            )
            shown += [views.role_rule(record, RoleRule(f"{record.id}-{name}", name, allows=True)) for name in names]
    return Listing("rolepermission", shown)


def _add_rule(call: Call) -> Answer:
    state, role_id = call.cloud.state, call.must("roleid")
    made = roles.add_rule(state, role_id, call.must("rule"), call.text("description") or "", allows=_allows(call))
    return Single({"rolepermission": views.role_rule(state.roles[role_id], made)})


def _change_rule(call: Call) -> Answer:
    """Another order, or whether one rule allows. Source: UpdateRolePermissionCmd, RolePermissionsDaoImpl."""
    order, rule_id = call.texts("ruleorder"), call.text("ruleid")
    if order is not None and (rule_id is not None or "permission" in call.arguments):
        raise BadParameterError("Parameters permission and ruleid must be mutually exclusive with ruleorder")

    def change(rules: tuple[RoleRule, ...]) -> tuple[RoleRule, ...]:
        if order is not None:
            if set(order) - {rule.id for rule in rules}:
                raise BadParameterError("Provided role permission(s) do not exist")
            if len(order) != len(rules):
                raise OperationFailedError(
                    "The role's rule permissions list has changed while you were making updates, aborted re-ordering "
                    "of rules. Please try again."
                )
            return tuple(sorted(rules, key=lambda rule: order.index(rule.id)))
        allows = _allows(call)
        return tuple(replace(rule, allows=allows) if rule.id == rule_id else rule for rule in rules)

    roles.change_rules(call.cloud.state, call.must("roleid"), "updated", change)
    return DONE


def _delete_rule(call: Call) -> Answer:
    state, rule_id = call.cloud.state, call.must("id")
    with state.lock:
        holder = next(role.id for role in state.roles.values() if any(rule.id == rule_id for rule in role.rules))
        roles.change_rules(state, holder, "deleted", lambda rules: tuple(rule for rule in rules if rule.id != rule_id))
    return DONE


COMMANDS = (
    command("listRoles", _list, "role"),
    command("createRole", _create),
    command("updateRole", _update, "role"),
    command("deleteRole", _delete, "role"),
    command("listRolePermissions", _list_rules),
    command("createRolePermission", _add_rule),
    command("updateRolePermission", _change_rule),
    command("deleteRolePermission", _delete_rule, "rule"),
)
