"""Accounts, users and account domains as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.lab.api.command import Shown
from harness.lab.api.entities import ROLE_IDS
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.model import Account, Role, State, User
from harness.lab.management.resources import UNLIMITED, Resource
from harness.lab.management.state import ADMIN_DATABASE_ID, GONE


def _role(role: Role) -> Shown:
    return {"roleid": ROLE_IDS[role], "roletype": role.value, "rolename": role.shown}


def role(role: Role) -> Shown:
    return {
        "type": role.value,
        "isdefault": True,
        "state": "enabled",
        "id": ROLE_IDS[role],
        "name": role.shown,
        "description": f"Default {role.shown.lower()} role",
        "ispublic": True,
    }


def user(cloud: Cloud, record: User) -> Shown:
    state = cloud.state
    account, person = state.account(record.account_id), record.person
    shown: Shown = {
        "id": record.id,
        "username": record.name,
        "firstname": person.first_name or record.name.capitalize(),
        "lastname": person.last_name,
        "email": person.email or f"{record.name}@lab.invalid",
        "created": clock.shown(record.created),
        "state": "enabled",
        "account": account.name,
        "accounttype": account.role.account_type,
        "usersource": "native",
        **_role(account.role),
        "domainid": state.account_domain.id,
        "domain": state.account_domain.name,
    }
    if person.timezone:
        shown["timezone"] = person.timezone
    if record.api_key:
        shown["apikey"] = record.api_key
    return shown | {
        "accountid": account.id,
        "iscallerchilddomain": False,
        "isdefault": record.database_id == ADMIN_DATABASE_ID,
        "is2faenabled": False,
        "is2famandated": False,
        "apikeyaccess": "INHERIT",
    }


def account_domain_fields(cloud: Cloud) -> Shown:
    """The one account domain, as other things show that they are of it."""
    record = cloud.state.account_domain
    return {"domainid": record.id, "domain": record.name, "domainpath": record.path}


def account(cloud: Cloud, record: Account, *, for_admin: bool = True) -> Shown:
    """With the account's resource limits and counts."""
    state = cloud.state
    with state.lock:
        mine = [i for i in state.instances.values() if i.account_id == record.id and i.state not in GONE]
        users = [each for each in state.users.values() if each.account_id == record.id]
        shown: Shown = {
            "id": record.id,
            "name": record.name,
            "accounttype": record.role.account_type,
            **_role(record.role),
            **account_domain_fields(cloud),
        }
        shown |= _resources(cloud, record, _BEFORE_STATES)
        shown |= {
            "vmstopped": sum(i.state is State.STOPPED for i in mine),
            "vmrunning": sum(i.state is State.RUNNING for i in mine),
        }
        shown |= _resources(cloud, record, _AFTER_STATES)
    shown |= {
        "state": "enabled",
        "created": clock.shown(record.created),
        "user": [user(cloud, each) for each in users],
        "isdefault": record.database_id == ADMIN_DATABASE_ID,
        "groups": [],
    }
    return shown | {"apikeyaccess": "INHERIT"} if for_admin else shown


# In the order, and with the names, of a real server's answer.
_BEFORE_STATES = {
    "vm": Resource.USER_VM,
    "ip": Resource.PUBLIC_IP,
    "volume": Resource.VOLUME,
    "snapshot": Resource.SNAPSHOT,
    "backup": Resource.BACKUP,
    "backupstorage": Resource.BACKUP_STORAGE,
    "template": Resource.TEMPLATE,
}
_AFTER_STATES = {
    "project": Resource.PROJECT,
    "network": Resource.NETWORK,
    "vpc": Resource.VPC,
    "cpu": Resource.CPU,
    "memory": Resource.MEMORY,
    "gpu": Resource.GPU,
    "primarystorage": Resource.PRIMARY_STORAGE,
    "secondarystorage": Resource.SECONDARY_STORAGE,
    "bucket": Resource.BUCKET,
    "objectstorage": Resource.OBJECT_STORAGE,
}


def _resources(cloud: Cloud, record: Account, fields: Mapping[str, Resource]) -> Shown:
    shown: Shown = {}
    books = cloud.state.resources
    for name, resource in fields.items():
        limit, count = books.limit(record.id, resource), books.count(record.id, resource)
        # What is left of secondary storage is a number with a fraction there.
        total: int | float = count // resource.unit
        if resource is Resource.SECONDARY_STORAGE:
            total = float(total)
        at_most = limit // resource.unit
        left: object = 0 if resource is Resource.PUBLIC_IP else at_most - total
        unlimited = limit == UNLIMITED
        shown |= {
            f"{name}limit": "Unlimited" if unlimited else str(at_most),
            f"{name}total": total,
            f"{name}available": "Unlimited" if unlimited else str(left),
        }
    return shown


def account_domain(cloud: Cloud) -> Shown:
    record = cloud.state.account_domain
    return {
        "id": record.id,
        "name": record.name,
        "level": 0,
        "haschild": False,
        "path": record.path,
        "state": "Active",
        "created": clock.shown(record.created),
        "hasannotations": False,
    }
