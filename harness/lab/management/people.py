"""Accounts, users and their keys: create, delete, and who may do that to whom."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from uuid import uuid4

from harness.lab.management import lifecycle
from harness.lab.management.access import check_domain, check_may_manage, check_owner, rendered, rendered_domain
from harness.lab.management.cloud import Cloud
from harness.lab.management.errors import InvalidValueError, OperationFailedError, PermissionDeniedError
from harness.lab.management.model import Account, AccountDomain, Person, Role, RoleRecord, User

# How long the instances of an account may take to go.
_CLEANUP_SECONDS = 120.0


def create_account(
    cloud: Cloud,
    caller: User,
    name: str,
    role: RoleRecord,
    person: Person,
    *,
    domain_id: str | None,
    details: Mapping[str, str],
    network_domain: str,
) -> Account:
    """A new account with its first user, who has no keys yet. Source: AccountManagerImpl.createUserAccount.

    Raises:
        InvalidValueError: the account or the user exists, or there can be no such account.
        PermissionDeniedError: the caller's role is the lower one.
    """
    state = cloud.state
    with state.lock:
        domain = _active_domain(cloud, domain_id)
        check_domain(state, caller, domain.id)
        if state.user_in_domain(person.name, domain.id) is not None:
            raise InvalidValueError(f"The user {person.name} already exists in domain {rendered_domain(domain)}")
        if state.account_by_name(name, domain.id) is not None:
            raise InvalidValueError(f"The specified account: {name} already exists")
        if role.type is Role.RESOURCE_ADMIN:
            raise InvalidValueError(
                f"The account cannot be created as domain {rendered_domain(domain)} is not associated with any "
                "private Zone"
            )
        if role.type is Role.ADMIN and domain.id != state.root_domain.id:
            raise InvalidValueError(
                f"Invalid account type {role.type.account_type} given for an account in domain "
                f"{rendered_domain(domain)}; unable to create user of admin role type in non-ROOT domain."
            )
        check_may_manage(state, caller, role.type, name, str(uuid4()))
        user = state.add_account(name, role.type, person, with_keys=False, domain_id=domain.id, role_id=role.id)
        account = state.change_account(user.account_id, details=details, network_domain=network_domain)
    text = f"Successfully completed creating Account. Account Name: {name}, Domain Id:{domain.id}"
    state.events.add("ACCOUNT.CREATE", text, caller, resource=("Account", account.id, account.name))
    return account


def create_user(cloud: Cloud, caller: User, account_name: str, person: Person, domain_id: str | None) -> User:
    """One more user of an account. Source: AccountManagerImpl.createUser."""
    state = cloud.state
    with state.lock:
        domain = _active_domain(cloud, domain_id or state.account(caller.account_id).domain_id)
        check_domain(state, caller, domain.id)
        account = state.account_by_name(account_name, domain.id)
        if account is None:
            raise InvalidValueError(
                f"Unable to find account {account_name} in domain {rendered_domain(domain)} to create user"
            )
        if state.user_in_domain(person.name, domain.id) is not None:
            raise OperationFailedError(f"The user {person.name} already exists in domain {domain.database_id}")
        check_may_manage(state, caller, account.role, account.name, account.id)
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
                f"To delete user {user.name} (ID: {user.id}, Domain: {state.account(user.account_id).domain_id}), "
                "request to another user with permission to execute the operation."
            )
        if user.id == state.admin.id:
            raise InvalidValueError("The user is default and can't be removed")
        check_may_manage_user(cloud, caller, user_id)
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
                f"Domain: {account.domain_id}), request to another user with permissions to perform the "
                "operation."
            )
        if account.id == state.admin.account_id:
            raise InvalidValueError("The account is default and can't be removed")
        check_may_manage_account(cloud, caller, account)
    remove_account_with_all(cloud, caller, account)


def remove_account_with_all(cloud: Cloud, caller: User, account: Account) -> None:
    """Raises OperationFailedError where an instance does not go away."""
    state = cloud.state
    with state.lock:
        if account.id not in state.accounts:
            return
        state.remove_account(account.id)
        theirs = [each.id for each in state.instances.values() if each.account_id == account.id]
    ends = [
        cloud.do_in_line(
            instance_id,
            caller,
            "org.apache.cloudstack.api.command.admin.vm.DestroyVMCmdByAdmin",
            partial(lifecycle.destroy, cloud, instance_id, expunge_too=True),
        )
        for instance_id in theirs
    ]
    if not cloud.jobs.wait_for(ends, _CLEANUP_SECONDS) or state.instances.keys() & set(theirs):
        raise OperationFailedError("Failed to delete user account and all corresponding users")
    with state.lock:
        state.forget_things_of(account.id)
        state.resources.close(account.id)
    text = f"Successfully completed deleting Account. Account ID: {account.id}"
    state.events.add("ACCOUNT.DELETE", text, caller, resource=("Account", account.id, account.name))


def register_keys(cloud: Cloud, caller: User, user_id: str) -> User:
    """New keys; up to 4.22 they make the old ones worthless. Source: AccountManagerImpl.createApiKeyAndSecretKey."""
    with cloud.state.lock:
        check_may_manage_user(cloud, caller, user_id)
        return cloud.state.renew_keys(user_id, beside=cloud.state.release.has_key_pairs)


def keys_of(cloud: Cloud, caller: User, user_id: str) -> User:
    with cloud.state.lock:
        check_may_manage_user(cloud, caller, user_id)
        return cloud.state.user(user_id)


def check_may_manage_user(cloud: Cloud, caller: User, user_id: str) -> None:
    state = cloud.state
    if user_id not in state.users:
        # It was there when the parameters were read.
        raise InvalidValueError("unable to find user by id")
    check_may_manage_account(cloud, caller, state.account(state.users[user_id].account_id))


def check_may_manage_account(cloud: Cloud, caller: User, account: Account) -> None:
    state = cloud.state
    if state.role_of(caller) is Role.USER and account.id != caller.account_id:
        if state.release.has_key_pairs:
            # Seen on a server of 4.23 for registerUserKeys.
            raise PermissionDeniedError
        raise PermissionDeniedError(
            f"{rendered(state.account(caller.account_id))} does not have permission to operate with resource "
            f"{rendered(account)}"
        )
    check_owner(state, caller, account.id)
    check_may_manage(state, caller, account.role, account.name, account.id)


def _active_domain(cloud: Cloud, domain_id: str | None) -> AccountDomain:
    state = cloud.state
    domain = state.domains.get(domain_id or state.root_domain.id)
    if domain is None:
        # It was there when the parameters were read.
        raise InvalidValueError(f"The domain {domain_id} does not exist; unable to create account")
    return domain


def account_meant(cloud: Cloud, account_id: str | None, name: str | None, domain_id: str | None) -> Account:
    """The account of an id, or of a name in a domain. Raises InvalidValueError."""
    state = cloud.state
    with state.lock:
        found = state.accounts.get(account_id) if account_id else state.account_by_name(name or "", domain_id or "")
        if found is not None:
            return found
        domain = state.domains.get(domain_id or "")
    raise InvalidValueError(
        f"Unable to find account by accountId: {account_id or 'null'} OR by name: {name or 'null'} in domain "
        f"{rendered_domain(domain) if domain else 'null'}"
    )
