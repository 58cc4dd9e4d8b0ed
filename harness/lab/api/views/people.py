"""Accounts, users and account domains as the API shows them."""

from __future__ import annotations

from harness.lab.api.command import Shown
from harness.lab.api.entities import ROLE_IDS
from harness.lab.management import clock
from harness.lab.management.cloud import Cloud
from harness.lab.management.model import Account, Role, State, User, size_in_force
from harness.lab.management.state import GONE

_ROLE_NAMES = {Role.ADMIN: "Root Admin", Role.USER: "User"}
_ACCOUNT_TYPES = {Role.ADMIN: 1, Role.USER: 0}


def _role(role: Role) -> Shown:
    return {"roleid": ROLE_IDS[role], "roletype": role.value, "rolename": _ROLE_NAMES[role]}


def user(cloud: Cloud, record: User) -> Shown:
    state = cloud.state
    account = state.accounts[record.account_id]
    return {
        "id": record.id,
        "username": record.name,
        "firstname": record.name.capitalize(),
        "lastname": "User",
        "email": f"{record.name}@lab.invalid",
        "created": clock.shown(record.created),
        "state": "enabled",
        "account": account.name,
        "accounttype": _ACCOUNT_TYPES[account.role],
        "usersource": "native",
        **_role(account.role),
        "domainid": state.account_domain.id,
        "domain": state.account_domain.name,
        "apikey": record.api_key,
        "accountid": account.id,
        "iscallerchilddomain": False,
        "isdefault": account.role is Role.ADMIN,
        "is2faenabled": False,
        "is2famandated": False,
        "apikeyaccess": "INHERIT",
    }


def account(cloud: Cloud, record: Account) -> Shown:
    """With what the account's instances take; nothing limits anyone."""
    state = cloud.state
    with state.lock:
        mine = [i for i in state.instances.values() if i.account_id == record.id and i.state not in GONE]
        sizes = [size_in_force(state.offerings[i.offering_id].offering, i.details) for i in mine]
        users = [each for each in state.users.values() if each.account_id == record.id]
    counts = {
        "vm": len(mine),
        "ip": 0,
        "volume": len(mine),
        "snapshot": 0,
        "template": 0,
        "network": 0,
        "cpu": sum(size.cpus for size in sizes),
        "memory": sum(size.memory_mib for size in sizes),
    }
    shown: Shown = {
        "id": record.id,
        "name": record.name,
        "accounttype": _ACCOUNT_TYPES[record.role],
        **_role(record.role),
        "domainid": state.account_domain.id,
        "domain": state.account_domain.name,
        "domainpath": state.account_domain.path,
    }
    for name, count in counts.items():
        shown |= {f"{name}limit": "Unlimited", f"{name}total": count, f"{name}available": "Unlimited"}
    return shown | {
        "vmstopped": sum(i.state is State.STOPPED for i in mine),
        "vmrunning": sum(i.state is State.RUNNING for i in mine),
        "state": "enabled",
        "created": clock.shown(record.created),
        "user": [user(cloud, each) for each in users],
        "isdefault": record.role is Role.ADMIN,
        "groups": [],
        "apikeyaccess": "INHERIT",
    }


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
