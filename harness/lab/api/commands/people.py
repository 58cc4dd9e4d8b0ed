"""Users and accounts."""

from __future__ import annotations

from collections.abc import Callable

from harness.lab.api import selection
from harness.lab.api.command import DONE, Answer, Begun, Call, Listing, Shown, Single, command
from harness.lab.api.entities import NO_RECORD
from harness.lab.api.scope import scope
from harness.lab.api.views import people as views
from harness.lab.management import people
from harness.lab.management import people_changes as changes
from harness.lab.management.access import check_owner
from harness.lab.management.errors import BadParameterError, InvalidValueError, PermissionDeniedError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import Account, Person, RoleRecord, Standing


def _list_users(call: Call) -> Answer:
    """Source: QueryManagerImpl.searchForUsersInternal."""
    state, wanted = call.cloud.state, call.text("id")
    if not call.is_any_admin and wanted not in (None, call.user.id):
        raise PermissionDeniedError("Calling user is not authorized to see the user requested by id")
    shows = scope(call)
    with state.lock:
        records = [user for user in state.users.values() if shows(user.account_id)]
    if not call.is_any_admin:
        records = [user for user in records if user.id == call.user.id]
    shown = [views.user(call.cloud, record) for record in records]
    found = selection.by_fields(
        call, shown, id="id", username="username", account="account", accounttype="accounttype", state="state"
    )
    return Listing("user", selection.by_keyword(call, found, "username", "firstname", "lastname", "email"))


def _get_user(call: Call) -> Answer:
    user = call.cloud.state.user_by_key(call.must("userapikey"))
    if user is None:
        raise InvalidValueError("User with the provided API key was not found")
    return Single({"user": views.user(call.cloud, user)})


def _list_accounts(call: Call) -> Answer:
    """Source: QueryManagerImpl.searchForAccountIdsAndCount."""
    state, wanted = call.cloud.state, call.text("id")
    if wanted is not None:
        check_owner(state, call.user, wanted)
        if wanted not in state.accounts:
            number = wanted if wanted == NO_RECORD else state.account(wanted).database_id
            raise InvalidValueError(f"Unable to find account by id {number}")
    shows = scope(call)
    with state.lock:
        records = [each for each in state.accounts.values() if shows(each.id)]
    shown = [views.account(call.cloud, record, for_admin=call.is_admin) for record in records]
    found = selection.by_fields(call, shown, id="id", name="name", accounttype="accounttype", state="state")
    return Listing("account", selection.by_keyword(call, found, "name"))


def _person(call: Call) -> Person:
    return Person(
        name=call.must("username"),
        first_name=call.must("firstname"),
        last_name=call.must("lastname"),
        email=call.must("email"),
        password=call.must("password"),
        timezone=call.text("timezone") or "",
    )


def _wanted_role(call: Call) -> RoleRecord | None:
    role_id, number = call.text("roleid"), call.integer("accounttype")
    for role in call.cloud.state.roles.values():
        if role.id == role_id or (role_id is None and role.is_default and number == role.type.account_type):
            return role
    return None


def _create_account(call: Call) -> Answer:
    role, person = _wanted_role(call), _person(call)
    if role is None:
        raise BadParameterError("Neither account type and role ID are not provided")
    account = people.create_account(
        call.cloud,
        call.user,
        call.text("account") or person.name,
        role,
        person,
        domain_id=call.text("domainid"),
        details=call.merged("accountdetails"),
        network_domain=call.text("networkdomain") or "",
    )
    return _account(call, account)


def _account(call: Call, account: Account) -> Single:
    return Single({"account": views.account(call.cloud, account, for_admin=call.is_admin)})


def _account_meant(call: Call) -> Account:
    return people.account_meant(call.cloud, call.text("id"), call.text("account"), call.text("domainid"))


def _update_account(call: Call) -> Answer:
    details = call.merged("accountdetails")
    account = changes.update_account(
        call.cloud,
        call.user,
        _account_meant(call),
        name=call.text("newname"),
        role=_wanted_role(call),
        network_domain=call.text("networkdomain"),
        details=details or None,
    )
    return _account(call, account)


def _enable_account(call: Call) -> Answer:
    return _account(call, changes.stand_account(call.cloud, call.user, _account_meant(call), Standing.ENABLED))


def _lock_account(call: Call) -> Answer:
    return _account(call, changes.stand_account(call.cloud, call.user, _account_meant(call), Standing.LOCKED))


def _disable_account(call: Call) -> Answer:
    account, standing = _account_meant(call), Standing.LOCKED if call.flag("lock") else Standing.DISABLED

    def run() -> Result:
        return _account(call, changes.stand_account(call.cloud, call.user, account, standing)).body

    return Begun(Work(account.id, run, "Account", account.id))


def _delete_account(call: Call) -> Answer:
    account_id = call.must("id")

    def run() -> Result:
        people.delete_account(call.cloud, call.user, account_id)
        return {"success": True}

    return Begun(Work(account_id, run, "Account", account_id))


def _create_user(call: Call) -> Answer:
    user = people.create_user(call.cloud, call.user, call.must("account"), _person(call), call.text("domainid"))
    return Single({"user": views.user(call.cloud, user)})


def _delete_user(call: Call) -> Answer:
    people.delete_user(call.cloud, call.user, call.must("id"))
    return DONE


_PERSON = {
    "email": "email",
    "firstname": "first_name",
    "lastname": "last_name",
    "password": "password",
    "timezone": "timezone",
    "username": "name",
}


def _update_user(call: Call) -> Answer:
    key, secret = call.text("userapikey"), call.text("usersecretkey")
    if (key is None) != (secret is None):
        raise InvalidValueError("Please provide a userApiKey/userSecretKey pair")
    user = changes.update_user(
        call.cloud,
        call.user,
        call.must("id"),
        {field: call.must(name) for name, field in _PERSON.items() if name in call.arguments},
        current_password=call.text("currentpassword"),
        keys=(key, secret) if key and secret else None,
    )
    return Single({"user": views.user(call.cloud, user)})


def _standing(standing: Standing) -> Callable[[Call], Answer]:
    def answer(call: Call) -> Answer:
        user = changes.stand_user(call.cloud, call.user, call.must("id"), standing)
        return Single({"user": views.user(call.cloud, user)})

    return answer


def _disable_user(call: Call) -> Answer:
    user_id, of_user = call.must("id"), _standing(Standing.DISABLED)

    def run() -> Result:
        answer = of_user(call)
        return answer.body if isinstance(answer, Single) else {}

    return Begun(Work(user_id, run, "User", user_id))


def _move_user(call: Call) -> Answer:
    changes.move_user(call.cloud, call.user, call.must("id"), call.text("accountid"), call.text("account"))
    return DONE


def _register_keys(call: Call) -> Answer:
    """Since 4.23 a job. Source: RegisterUserKeysCmd."""
    user_id = call.must("id")

    if call.cloud.state.release.has_key_pairs:

        def run() -> Result:
            user = people.register_keys(call.cloud, call.user, user_id)
            return {"userkeys": views.key_pair(call.cloud, user)}

        return Begun(Work(user_id, run, "User", user_id))
    user = people.register_keys(call.cloud, call.user, user_id)
    return Single({"userkeys": {"apikey": user.api_key, "secretkey": user.secret_key}})


def _get_keys(call: Call) -> Answer:
    user = people.keys_of(call.cloud, call.user, call.must("id"))
    keys: Shown = {"apikey": user.api_key, "secretkey": user.secret_key} if user.api_key else {}
    return Single({"userkeys": {**keys, "apikeyaccess": True}})


COMMANDS = (
    command("listUsers", _list_users, "user"),
    command("getUser", _get_user),
    command("listAccounts", _list_accounts, "account"),
    command("createAccount", _create_account),
    command("updateAccount", _update_account, "account"),
    command("enableAccount", _enable_account, "account"),
    command("disableAccount", _disable_account, "account"),
    command("lockAccount", _lock_account, "account"),
    command("deleteAccount", _delete_account, "account"),
    command("createUser", _create_user),
    command("updateUser", _update_user, "user"),
    command("enableUser", _standing(Standing.ENABLED), "user"),
    command("disableUser", _disable_user, "user"),
    command("lockUser", _standing(Standing.LOCKED), "user"),
    command("moveUser", _move_user, "user"),
    command("deleteUser", _delete_user, "user"),
    command("registerUserKeys", _register_keys, "user"),
    command("getUserKeys", _get_keys, "user"),
)
