"""Roles of one's own beside the default ones, and the rules by which a role may call a command."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

from harness.lab.management.directory import Directory
from harness.lab.management.errors import (
    BadParameterError,
    InvalidValueError,
    OperationFailedError,
    PermissionDeniedError,
)
from harness.lab.management.model import Role, RoleRecord, RoleRule

_RULE = re.compile(r"[A-Za-z0-9*]+")


def may_call(role: RoleRecord, name: str, *, by_default: bool) -> bool:
    """The first rule that matches decides, else what the role's type may do anyway.

    Source: DynamicRoleBasedAPIAccessChecker.checkApiPermissionByRole.
    """
    for rule in role.rules:
        if re.fullmatch(rule.rule.replace("*", r"\w*"), name):
            return rule.allows
    return by_default


def create(
    people: Directory, name: str, kind: Role | None, based_on: str | None, description: str, *, is_public: bool
) -> RoleRecord:
    """A role of a type, or one with the type and the rules of another. Source: CreateRoleCmd, RoleManagerImpl.

    Raises:
        BadParameterError: neither or both are given.
        OperationFailedError: there is a role of this name.
    """
    if kind is None and based_on is None:
        raise BadParameterError("Neither role type nor role ID is provided")
    if kind is not None and based_on is not None:
        raise BadParameterError("Both role type and role ID should not be specified")
    with people.lock:
        parent = people.roles.get(based_on or "")
        _check_name(people, name)
        role = RoleRecord(
            id=str(uuid4()),
            name=name,
            type=parent.type if parent else kind or Role.USER,
            description=description,
            is_public=is_public,
            rules=tuple(replace(rule, id=str(uuid4())) for rule in parent.rules) if parent else (),
        )
        people.roles[role.id] = role
        return role


def update(
    people: Directory,
    role_id: str,
    *,
    name: str | None,
    kind: Role | None,
    description: str | None,
    is_public: bool | None,
) -> RoleRecord:
    """What is None stays. Source: RoleManagerImpl.updateRole."""
    with people.lock:
        role = _own(
            people, role_id, "Default roles cannot be updated (with the exception of making it private/public)."
        )
        if name is not None and name != role.name:
            _check_name(people, name)
        if kind is not None and any(account.role_id == role.id for account in people.accounts.values()):
            raise PermissionDeniedError("Found accounts that have role in use, won't allow to change role type")
        fields = {"name": name, "type": kind, "description": description, "is_public": is_public}
        role = replace(role, **{key: value for key, value in fields.items() if value is not None})  # type: ignore[arg-type]
        people.roles[role.id] = role
        return role


def delete(people: Directory, role_id: str) -> None:
    """Source: RoleManagerImpl.deleteRole."""
    with people.lock:
        role = _own(people, role_id, "Default roles cannot be deleted")
        if any(account.role_id == role.id for account in people.accounts.values()):
            raise PermissionDeniedError("Found accounts that have role in use, won't allow to delete role")
        del people.roles[role.id]
        people.removed_ids.add(role.id)


def add_rule(people: Directory, role_id: str, rule: str, description: str, *, allows: bool) -> RoleRule:
    """Source: RoleManagerImpl.createRolePermission."""
    if _RULE.fullmatch(rule) is None:
        raise InvalidValueError(f"Only API names and wildcards are allowed, invalid rule provided: {rule}")
    with people.lock:
        role = _own(people, role_id, "Role permission cannot be added for Default roles")
        if any(each.rule.lower() == rule.lower() for each in role.rules):
            raise PermissionDeniedError(f"Rule already exists for the role: {role.name}")
        made = RoleRule(str(uuid4()), rule, allows, description)
        people.roles[role.id] = replace(role, rules=(*role.rules, made))
        return made


def change_rules(
    people: Directory, role_id: str, doing: str, change: Callable[[tuple[RoleRule, ...]], tuple[RoleRule, ...]]
) -> None:
    with people.lock:
        role = _own(people, role_id, f"Role permission cannot be {doing} for Default roles")
        people.roles[role.id] = replace(role, rules=change(role.rules))


def _own(people: Directory, role_id: str, refusal: str) -> RoleRecord:
    role = people.roles.get(role_id)
    if role is None:
        # It was there when the parameters were read.
        raise BadParameterError("Invalid role id provided")
    if role.is_default:
        raise PermissionDeniedError(refusal)
    return role


def _check_name(people: Directory, name: str) -> None:
    if any(role.name == name for role in people.roles.values()):
        raise OperationFailedError(f"Unable to create the role: {name}, failed to persist in DB")
