"""Changes of accounts and users: enable, disable, lock, update, move."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from harness.lab.management import lifecycle
from harness.lab.management.access import check_may_manage, check_owner, rendered, rendered_domain
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, OperationFailedError, PermissionDeniedError
from harness.lab.management.model import Account, Role, RoleRecord, Standing, State, User
from harness.lab.management.people import check_may_manage_account, check_may_manage_user

_EVENTS = {
    Standing.ENABLED: ("ACCOUNT.ENABLE", "enabling"),
    Standing.DISABLED: ("ACCOUNT.DISABLE", "disabling"),
    Standing.LOCKED: ("ACCOUNT.LOCK", "locking"),
}


def stand_account(cloud: Cloud, caller: User, account: Account, standing: Standing) -> Account:
    """Enable, disable or lock an account; one that is disabled loses what it runs, but nothing of what it has.

    Source: AccountManagerImpl.enableAccount, disableAccount, lockAccount.
    """
    state = cloud.state
    with state.lock:
        check_may_manage_account(cloud, caller, account)
        is_first = account.id == state.admin.account_id and standing is Standing.DISABLED
        if is_first or (account.standing is Standing.DISABLED and standing is Standing.LOCKED):
            verb = "lock" if standing is Standing.LOCKED else "update"
            raise OperationFailedError(
                f"Unable to {verb} account {rendered(account)} by accountId: {account.database_id} OR by name: "
                f"{account.name} in domain {rendered_domain(state.domain(account.domain_id))}"
            )
        account = state.change_account(account.id, standing=standing)
        running = [i.id for i in state.instances.values() if i.account_id == account.id and i.state is State.RUNNING]
    if standing is Standing.DISABLED:
        for instance_id in running:
            cloud.do_in_line(
                instance_id,
                caller,
                "org.apache.cloudstack.api.command.admin.vm.StopVMCmdByAdmin",
                partial(lifecycle.stop, cloud, instance_id, forced=True),
            )
    kind, doing = _EVENTS[standing]
    text = f"Successfully completed {doing} Account"
    state.events.add(kind, text, caller, resource=("Account", account.id, account.name))
    return account


def stand_user(cloud: Cloud, caller: User, user_id: str, standing: Standing) -> User:
    """Enable, disable or lock a user. Source: AccountManagerImpl.enableUser, disableUser, lockUser."""
    with cloud.state.lock:
        check_may_manage_user(cloud, caller, user_id)
        return cloud.state.change_user(user_id, standing=standing)


def update_account(
    cloud: Cloud,
    caller: User,
    account: Account,
    *,
    name: str | None,
    role: RoleRecord | None,
    network_domain: str | None,
    details: Mapping[str, str] | None,
) -> Account:
    """What is None stays. Source: AccountManagerImpl.updateAccount."""
    state = cloud.state
    with state.lock:
        check_may_manage_account(cloud, caller, account)
        fields: dict[str, object] = {"name": name, "network_domain": network_domain, "details": details}
        if name == "":
            domain = rendered_domain(state.domain(account.domain_id))
            raise InvalidValueError(
                f"The new account name for account '{rendered(account)}' within domain '{domain}' is empty string. "
                "Account will be not renamed."
            )
        if name is not None:
            namesake = state.account_by_name(name, account.domain_id)
            if namesake is not None and namesake.id != account.id:
                raise InvalidValueError(
                    f"The account with the proposed name '{name}' exists in the domain "
                    f"{state.domain(account.domain_id).database_id} with existing account id {namesake.database_id}"
                )
        if role is not None:
            if role.type is Role.ADMIN and account.domain_id != state.root_domain.id:
                raise PermissionDeniedError(
                    f"Unable to update account {account.name} to role {role.name} as the user does not belong to the "
                    "ROOT domain"
                )
            check_may_manage(state, caller, role.type, account.name, account.id)
            fields |= {"role": role.type, "role_id": role.id}
            state.resources.set_unlimited(account.id, unlimited=role.type is Role.ADMIN)
        return state.change_account(account.id, **{key: value for key, value in fields.items() if value is not None})


def update_user(
    cloud: Cloud,
    caller: User,
    user_id: str,
    changes: Mapping[str, str],
    *,
    current_password: str | None,
    keys: tuple[str, str] | None,
) -> User:
    """`changes` are fields of Person. Source: AccountManagerImpl.updateUser."""
    state = cloud.state
    with state.lock:
        check_may_manage_user(cloud, caller, user_id)
        user = state.user(user_id)
        for field, shown in (("name", "Username"), ("last_name", "Lastname"), ("first_name", "Firstname")):
            if field in changes and not changes[field].strip():
                raise InvalidValueError(f"{shown} cannot be empty.")
        if "password" in changes:
            _check_password(cloud, caller, user, changes["password"], current_password)
        if "name" in changes:
            account = state.account(user.account_id)
            namesake = state.user_in_domain(changes["name"], account.domain_id)
            if namesake is not None and namesake.id != user.id:
                domain, other = state.domain(account.domain_id), state.account(namesake.account_id)
                raise InvalidValueError(
                    f"Username [{namesake.name}] already exists in domain [id={domain.id},name={domain.name}] user "
                    f"account [id={other.id},name={other.name}]"
                )
        person = replace(user.person, **changes)
        fields: dict[str, object] = {"person": person, "name": person.name}
        if keys is not None:
            holder = state.user_by_key(keys[0])
            if holder is not None and holder.id != user.id:
                raise InvalidValueError(
                    f"The API key [{keys[0]}] already exists in the system. Please provide a unique key."
                )
            fields |= {"api_key": keys[0], "secret_key": keys[1]}
        return state.change_user(user_id, **fields)


def _check_password(cloud: Cloud, caller: User, user: User, new: str, current: str | None) -> None:
    """Source: AccountManagerImpl.validateUserPasswordAndUpdateIfNeeded."""
    if not new.strip():
        raise InvalidValueError("Password cannot be empty or blank.")
    if cloud.state.role_of(caller) is not Role.USER:
        return
    if not current:
        raise InvalidValueError("To set a new password the current password must be provided.")
    if not hmac.compare_digest(user.person.password.encode(), current.encode()):
        raise InvalidValueError("Current password is incorrect.")


def move_user(cloud: Cloud, caller: User, user_id: str, account_id: str | None, account_name: str | None) -> None:
    """To another account of the same domain. Source: AccountManagerImpl.moveUser."""
    state = cloud.state
    with state.lock:
        check_may_manage_user(cloud, caller, user_id)
        user = state.user(user_id)
        if user.id == state.admin.id:
            raise InvalidValueError("The user is default and can't be (re)moved")
        domain_id = state.account(user.account_id).domain_id
        if account_name:
            account = state.account_by_name(account_name, domain_id)
        elif account_id:
            account = state.accounts.get(account_id)
        else:
            raise OperationFailedError("no account name or account id. this should have been caught before this point")
        if account is None or account.domain_id != domain_id:
            raise InvalidValueError(
                "moving a user from an account in one domain to an account in another domain is not supported!"
            )
        check_owner(state, caller, account.id)
        state.change_user(user_id, account_id=account.id)
