"""Users, accounts and account domains."""

from __future__ import annotations

from harness.lab.api import selection
from harness.lab.api.command import Answer, Call, Listing, Single, command
from harness.lab.api.views import people as views
from harness.lab.management.errors import InvalidValueError

_PAGE = "keyword:string page:integer pagesize:integer"


def _list_users(call: Call) -> Answer:
    state = call.cloud.state
    with state.lock:
        records = [user for user in state.users.values() if call.is_admin or user.id == call.user.id]
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
    state = call.cloud.state
    with state.lock:
        records = [each for each in state.accounts.values() if call.is_admin or each.id == call.user.account_id]
    shown = [views.account(call.cloud, record) for record in records]
    found = selection.by_fields(call, shown, id="id", name="name", accounttype="accounttype", state="state")
    return Listing("account", selection.by_keyword(call, found, "name"))


def _list_domains(call: Call) -> Answer:
    found = selection.by_fields(call, [views.account_domain(call.cloud)], id="id", name="name", level="level")
    return Listing("domain", selection.by_keyword(call, found, "name"))


COMMANDS = (
    command(
        "listUsers",
        _list_users,
        "account:string accounttype:integer apikeyaccess:string domainid:accountdomain id:user isrecursive:boolean "
        f"listall:boolean showicon:boolean state:string username:string usersource:string {_PAGE}",
        open_to_users=True,
    ),
    command("getUser", _get_user, "userapikey:string*"),
    command(
        "listAccounts",
        _list_accounts,
        "accounttype:integer apikeyaccess:string details:list domainid:accountdomain id:account "
        f"iscleanuprequired:boolean isrecursive:boolean listall:boolean name:string showicon:boolean state:string "
        f"tag:string {_PAGE}",
        open_to_users=True,
    ),
    command(
        "listDomains",
        _list_domains,
        f"details:list id:accountdomain level:integer listall:boolean name:string showicon:boolean tag:string {_PAGE}",
    ),
)
