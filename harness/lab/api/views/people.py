"""Accounts, users, roles and account domains as the API shows them."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import uuid4

from harness.lab.api.command import Shown
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.directory import ADMIN_DATABASE_ID
from harness.lab.management.limits import domain_count, domain_limit
from harness.lab.management.model import Account, AccountDomain, Role, RoleRecord, RoleRule, State, User
from harness.lab.management.resources import UNLIMITED, Resource
from harness.lab.management.state import GONE

# Source: Account.Type.
_KINDS_OF_ACCOUNTS = {
    Role.ADMIN: "ADMIN",
    Role.RESOURCE_ADMIN: "RESOURCE_DOMAIN_ADMIN",
    Role.DOMAIN_ADMIN: "DOMAIN_ADMIN",
    Role.USER: "NORMAL",
}


def _role(record: RoleRecord) -> Shown:
    return {"roleid": record.id, "roletype": record.type.value, "rolename": record.name}


def role(record: RoleRecord) -> Shown:
    shown: Shown = {
        "type": record.type.value,
        "isdefault": record.is_default,
        "state": "enabled",
        "id": record.id,
        "name": record.name,
        "ispublic": record.is_public,
    }
    description = f"Default {record.name.lower()} role" if record.is_default else record.description
    return shown | {"description": description} if description else shown


def role_rule(record: RoleRecord, rule: RoleRule) -> Shown:
    shown: Shown = {
        "id": rule.id,
        "roleid": record.id,
        "rolename": record.name,
        "rule": rule.rule,
        "permission": "allow" if rule.allows else "deny",
    }
    return shown | {"description": rule.description} if rule.description else shown


def user(cloud: Cloud, record: User) -> Shown:
    state = cloud.state
    account, person = state.account(record.account_id), record.person
    domain = state.domain(account.domain_id)
    shown: Shown = {
        "id": record.id,
        "username": record.name,
        "firstname": person.first_name or record.name.capitalize(),
        "lastname": person.last_name,
        "email": person.email or f"{record.name}@lab.invalid",
        "created": clock.shown(record.created),
        "state": record.standing.value,
        "account": account.name,
        "accounttype": account.role.account_type,
        "usersource": "native",
        **_role(state.roles[account.role_id]),
        "domainid": domain.id,
        "domain": domain.name,
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


def key_pair(cloud: Cloud, record: User) -> Shown:
    """The newest of a user's, as a job that made it tells it (seen on a server of 4.23)."""
    account = cloud.state.account(record.account_id)
    return {
        "name": f"{record.database_id} - API key pair",
        "apikey": record.api_key,
        "secretkey": record.secret_key,
        "userid": record.id,
        "username": record.name,
        "id": str(uuid4()),
        "created": clock.shown(cloud.state.clock.now()),
        "accounttype": _KINDS_OF_ACCOUNTS[account.role],
        "accountid": account.id,
        "accountname": account.name,
        **_role(cloud.state.roles[account.role_id]),
        **domain_fields(cloud, account.domain_id),
        "state": "ENABLED",
    }


def domain_fields(cloud: Cloud, domain_id: str) -> Shown:
    """A domain, as other things show that they are of it."""
    record = cloud.state.domain(domain_id)
    return {"domainid": record.id, "domain": record.name, "domainpath": record.shown_path}


def account(cloud: Cloud, record: Account, *, for_admin: bool = True) -> Shown:
    """With the account's resource limits and counts."""
    state = cloud.state
    with state.lock:
        mine = [i for i in state.instances.values() if i.account_id == record.id and i.state not in GONE]
        users = state.users_of(record.id)
        shown: Shown = {
            "id": record.id,
            "name": record.name,
            "accounttype": record.role.account_type,
            **_role(state.roles[record.role_id]),
            **domain_fields(cloud, record.domain_id),
        }
        books = state.resources
        has = {kind: (books.limit(record.id, kind), books.count(record.id, kind)) for kind in Resource}
        shown |= _resources(has, _BEFORE_STATES)
        shown |= {
            "vmstopped": sum(i.state is State.STOPPED for i in mine),
            "vmrunning": sum(i.state is State.RUNNING for i in mine),
        }
        shown |= _resources(has, _AFTER_STATES)
    if record.network_domain:
        shown["networkdomain"] = record.network_domain
    if record.details:
        shown["accountdetails"] = dict(record.details)
    shown |= {
        "state": record.standing.value,
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


def _resources(has: Mapping[Resource, tuple[int, int]], fields: Mapping[str, Resource]) -> Shown:
    """`has`: limit and count of each resource."""
    shown: Shown = {}
    for name, resource in fields.items():
        limit, count = has[resource]
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


def domain(cloud: Cloud, record: AccountDomain) -> Shown:
    """With its resource limits, and counts of all that is in it or below."""
    state = cloud.state
    with state.lock:
        has = {kind: (domain_limit(state, record.id, kind), domain_count(state, record.id, kind)) for kind in Resource}
        has_child = any(each.parent_id == record.id for each in state.domains.values())
    shown: Shown = {"id": record.id, "name": record.name, "level": record.level}
    if record.parent_id is not None:
        shown |= {"parentdomainid": record.parent_id, "parentdomainname": state.domain(record.parent_id).name}
    shown |= {"haschild": has_child}
    if record.network_domain:
        shown["networkdomain"] = record.network_domain
    return shown | {
        "path": record.shown_path,
        "state": "Active",
        "created": clock.shown(record.created),
        **_resources(has, _BEFORE_STATES | _AFTER_STATES),
        "hasannotations": False,
    }
