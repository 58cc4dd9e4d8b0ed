"""Accounts, users and their keys: create, delete, and who may do that to whom."""

from __future__ import annotations

import json
from uuid import uuid4

from harness.lab.management import lifecycle
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, OperationFailedError, PermissionDeniedError
from harness.lab.management.jobs import Job, Result, Work
from harness.lab.management.model import Account, Person, Role, User

# How long the instances of an account may take to go.
_CLEANUP_SECONDS = 120.0


def create_account(cloud: Cloud, caller: User, name: str, role: Role, person: Person) -> Account:
    """A new account with its first user, who has no keys yet. Source: AccountManagerImpl.createUserAccount.

    Raises:
        InvalidValueError: the account or the user exists, or there can be no such account.
        PermissionDeniedError: the caller's role is the lower one.
    """
    state = cloud.state
    with state.lock:
        if _user_named(cloud, person.name) is not None:
            raise InvalidValueError(f"The user {person.name} already exists in domain {_rendered_domain(cloud)}")
        if state.account_by_name(name) is not None:
            raise InvalidValueError(f"The specified account: {name} already exists")
        if role is Role.RESOURCE_ADMIN:
            raise InvalidValueError(
                f"The account cannot be created as domain {_rendered_domain(cloud)} is not associated with any "
                "private Zone"
            )
        check_may_manage(cloud, caller, role, name, str(uuid4()))
        user = state.add_account(name, role, person, with_keys=False)
        account = state.accounts[user.account_id]
    text = f"Successfully completed creating Account. Account Name: {name}, Domain Id:{state.account_domain.id}"
    state.events.add("ACCOUNT.CREATE", text, caller, resource=("Account", account.id, account.name))
    return account


def create_user(cloud: Cloud, caller: User, account_name: str, person: Person) -> User:
    """One more user of an account. Source: AccountManagerImpl.createUser."""
    state = cloud.state
    with state.lock:
        account = state.account_by_name(account_name)
        if account is None:
            raise InvalidValueError(
                f"Unable to find account {account_name} in domain {_rendered_domain(cloud)} to create user"
            )
        if _user_named(cloud, person.name) is not None:
            raise OperationFailedError(f"The user {person.name} already exists in domain 1")
        check_may_manage(cloud, caller, account.role, account.name, account.id)
        user = state.add_user(account, person, with_keys=False)
    text = f"Successfully completed creating User. Account Name: {account.name}"
    state.events.add("USER.CREATE", text, caller, resource=("User", user.id, user.name))
    return user


def delete_user(cloud: Cloud, caller: User, user_id: str) -> None:
    """Source: AccountManagerImpl.deleteUser."""
    state = cloud.state
    with state.lock:
        user = state.user(user_id)
        if user.id == caller.id:
            raise InvalidValueError(
                "The caller is requesting to delete itself. As a security measure, ACS will not allow this operation. "
                f"To delete user {user.name} (ID: {user.id}, Domain: {state.account_domain.id}), request to another "
                "user with permission to execute the operation."
            )
        if user.id == state.admin.id:
            raise InvalidValueError("The user is default and can't be removed")
        _check_may_manage_user(cloud, caller, user_id)
        state.remove_user(user.id)
    state.events.add(
        "USER.DELETE", "Successfully completed deleting User", caller, resource=("User", user.id, user.name)
    )


def delete_account(cloud: Cloud, caller: User, account_id: str) -> None:
    """The body of a job: users go at once, then instances, then the books. Source: AccountManagerImpl.deleteAccount.

    Raises:
        InvalidValueError: it is the caller's own or the first one.
        PermissionDeniedError: the caller's role is the lower one.
        OperationFailedError: an instance does not go away.
    """
    state = cloud.state
    with state.lock:
        account = state.accounts.get(account_id)
        if account is None:
            return
        if account.id == caller.account_id:
            raise InvalidValueError(
                f"Deletion of your own account is not allowed. To delete account {account.name} (ID: {account.id}, "
                f"Domain: {state.account_domain.id}), request to another user with permissions to perform the "
                "operation."
            )
        if account.id == state.admin.account_id:
            raise InvalidValueError("The account is default and can't be removed")
        check_may_manage(cloud, caller, account.role, account.name, account.id)
        state.remove_account(account.id)
        theirs = [each.id for each in state.instances.values() if each.account_id == account.id]
    destroyed = cloud.jobs.wait_for([_destroy(cloud, caller, instance_id) for instance_id in theirs], _CLEANUP_SECONDS)
    if not destroyed or state.instances.keys() & set(theirs):
        raise OperationFailedError("Failed to delete user account and all corresponding users")
    with state.lock:
        state.resources.close(account.id)
    text = f"Successfully completed deleting Account. Account ID: {account.id}"
    state.events.add("ACCOUNT.DELETE", text, caller, resource=("Account", account.id, account.name))


def _destroy(cloud: Cloud, caller: User, instance_id: str) -> Job:
    """In the instance's own line of jobs, after whatever is being done with it."""

    def run() -> Result:
        if instance_id in cloud.state.instances:
            lifecycle.destroy(cloud, instance_id, caller, expunge_too=True)
        return {"success": True}

    java = "org.apache.cloudstack.api.command.admin.vm.DestroyVMCmdByAdmin"
    return cloud.jobs.submit(java, caller, Work(instance_id, run, "VirtualMachine", instance_id))


def register_keys(cloud: Cloud, caller: User, user_id: str) -> User:
    """New keys; the old ones are worth nothing any more. Source: AccountManagerImpl.createApiKeyAndSecretKey."""
    with cloud.state.lock:
        _check_may_manage_user(cloud, caller, user_id)
        return cloud.state.renew_keys(user_id)


def keys_of(cloud: Cloud, caller: User, user_id: str) -> User:
    with cloud.state.lock:
        _check_may_manage_user(cloud, caller, user_id)
        return cloud.state.user(user_id)


def _check_may_manage_user(cloud: Cloud, caller: User, user_id: str) -> None:
    state = cloud.state
    if user_id not in state.users:
        # It was there when the parameters were read.
        raise InvalidValueError("unable to find user by id")
    account = state.account(state.users[user_id].account_id)
    if state.role_of(caller) is Role.USER and account.id != caller.account_id:
        raise PermissionDeniedError(
            f"{_rendered(state.account(caller.account_id))} does not have permission to operate with resource "
            f"{_rendered(account)}"
        )
    check_may_manage(cloud, caller, account.role, account.name, account.id)


def check_may_manage(cloud: Cloud, caller: User, role: Role, account_name: str, account_id: str) -> None:
    """Whether the caller's role is high enough for an account of this role. Raises PermissionDeniedError.

    Source: AccountManagerImpl.checkCallerRoleTypeAllowedForUserOrAccountOperations.
    """
    own = cloud.state.account(caller.account_id)
    first = (cloud.state.admin.account_id, cloud.state.system.account_id)
    if own.id in first or own.role.rank < role.rank or own.id == account_id:
        return
    if own.role is role:
        raise PermissionDeniedError(
            f"The calling account [{own.name}, {own.id}] is not allowed to perform this operation on users from other "
            "accounts of the same role type within the domain"
        )
    raise PermissionDeniedError(
        f"The calling account [{own.name}, {own.id}] has a lower role type than the user account "
        f"[{account_name}, {account_id}]"
    )


def _user_named(cloud: Cloud, name: str) -> User | None:
    return next((user for user in cloud.state.users.values() if user.name.lower() == name.lower()), None)


def _rendered(account: Account) -> str:
    shown = {"accountName": account.name, "id": account.database_id, "uuid": account.id}
    return f"Account [{json.dumps(shown, separators=(',', ':'))}]"


def _rendered_domain(cloud: Cloud) -> str:
    record = cloud.state.account_domain
    shown = {"id": 1, "name": record.name, "path": "/", "uuid": record.id}
    return f"Domain {json.dumps(shown, separators=(',', ':'))}"
