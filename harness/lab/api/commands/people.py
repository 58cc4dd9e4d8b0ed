"""Users, accounts, roles and account domains."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Begun, Call, Listing, Shown, Single, command
from harness.lab.api.entities import ROLE_IDS
from harness.lab.api.views import people as views
from harness.lab.management import people
from harness.lab.management.errors import BadParameterError, InvalidValueError, PermissionDeniedError
from harness.lab.management.jobs import Result, Work
from harness.lab.management.model import Person, Role

# With none of these an admin sees what is the admin's own. Source: AccountManagerImpl.buildACLSearchParameters.
_WIDER = frozenset({"id", "account", "domainid"})


def _sees_all(call: Call) -> bool:
    return call.is_any_admin and bool(call.flag("listall") or _WIDER & call.arguments.keys())


def _list_users(call: Call) -> Answer:
    """Source: QueryManagerImpl.searchForUsersInternal."""
    state, wanted = call.cloud.state, call.text("id")
    if not call.is_any_admin and wanted not in (None, call.user.id):
        raise PermissionDeniedError("Calling user is not authorized to see the user requested by id")
    with state.lock:
        records = list(state.users.values())
    if not call.is_any_admin:
        records = [user for user in records if user.id == call.user.id]
    elif not _sees_all(call):
        records = [user for user in records if user.account_id == call.user.account_id]
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
    state = call.cloud.state
    with state.lock:
        records = list(state.accounts.values())
    if not call.is_any_admin and call.text("id") not in (None, call.user.account_id):
        raise PermissionDeniedError
    if not _sees_all(call):
        records = [each for each in records if each.id == call.user.account_id]
    shown = [views.account(call.cloud, record, for_admin=call.is_admin) for record in records]
    found = selection.by_fields(call, shown, id="id", name="name", accounttype="accounttype", state="state")
    return Listing("account", selection.by_keyword(call, found, "name"))


def _list_domains(call: Call) -> Answer:
    found = selection.by_fields(call, [views.account_domain(call.cloud)], id="id", name="name", level="level")
    return Listing("domain", selection.by_keyword(call, found, "name"))


def _list_roles(call: Call) -> Answer:
    shown = [views.role(each) for each in Role]
    found = selection.by_fields(call, shown, id="id", name="name", type="type", state="state")
    return Listing("role", selection.by_keyword(call, found, "name"))


def _person(call: Call) -> Person:
    return Person(
        name=call.must("username"),
        first_name=call.must("firstname"),
        last_name=call.must("lastname"),
        email=call.must("email"),
        password=call.must("password"),
        timezone=call.text("timezone") or "",
    )


def _wanted_role(call: Call) -> Role:
    role_id, number = call.text("roleid"), call.integer("accounttype")
    for role in Role:
        if role_id == ROLE_IDS[role] or (role_id is None and number == role.account_type):
            return role
    raise BadParameterError("Neither account type and role ID are not provided")


def _create_account(call: Call) -> Answer:
    role, person = _wanted_role(call), _person(call)
    account = people.create_account(call.cloud, call.user, call.text("account") or person.name, role, person)
    return Single({"account": views.account(call.cloud, account, for_admin=call.is_admin)})


def _delete_account(call: Call) -> Answer:
    account_id = call.must("id")

    def run() -> Result:
        people.delete_account(call.cloud, call.user, account_id)
        return {"success": True}

    return Begun(Work(account_id, run, "Account", account_id))


def _create_user(call: Call) -> Answer:
    user = people.create_user(call.cloud, call.user, call.must("account"), _person(call))
    return Single({"user": views.user(call.cloud, user)})


def _delete_user(call: Call) -> Answer:
    people.delete_user(call.cloud, call.user, call.must("id"))
    body: Shown = {"success": True}
    return Single(body)


def _register_keys(call: Call) -> Answer:
    user = people.register_keys(call.cloud, call.user, call.must("id"))
    return Single({"userkeys": {"apikey": user.api_key, "secretkey": user.secret_key}})


def _get_keys(call: Call) -> Answer:
    user = people.keys_of(call.cloud, call.user, call.must("id"))
    keys: Shown = {"apikey": user.api_key, "secretkey": user.secret_key} if user.api_key else {}
    return Single({"userkeys": {**keys, "apikeyaccess": True}})


COMMANDS = (
    command("listUsers", _list_users, "user"),
    command("getUser", _get_user),
    command("listAccounts", _list_accounts, "account"),
    command("listDomains", _list_domains, "domain"),
    command("listRoles", _list_roles, "role"),
    command("createAccount", _create_account),
    command("deleteAccount", _delete_account, "account"),
    command("createUser", _create_user),
    command("deleteUser", _delete_user, "user"),
    command("registerUserKeys", _register_keys, "user"),
    command("getUserKeys", _get_keys, "user"),
)
