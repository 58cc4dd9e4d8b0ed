"""The user clients that test classes ask for: finds or makes the domain, the account and its keys."""

from __future__ import annotations

from harness.cloud.accounts import register_keys
from harness.cloud.client import CloudApi
from harness.marvin.config import MarvinConfigError
from harness.marvin.made import MadeThings

_SECONDS = 60.0


def user_keys(api: CloudApi, made: MadeThings, name: str, domain: str, account_type: int) -> tuple[str, str]:
    """API key and secret key of the user `name` in `domain`; what is missing is made, as Marvin does.

    `account_type` is CloudStack's number: 0 a user, 1 a root admin, 2 a domain admin.

    Raises:
        HarnessError: the cloud refuses.
    """
    domains = api.list("listDomains", "domain", name=domain, listall="true")
    if domains:
        domain_id = domains[0]["id"]
    else:
        with made.making("createDomain", domain) as told:
            domain_id = api.call("createDomain", name=domain)["domain"]["id"]
            told(domain_id)
    if not api.list("listAccounts", "account", name=name, domainid=domain_id, listall="true"):
        with made.making("createAccount", name) as told:
            account = api.call(
                "createAccount",
                username=name,
                firstname=name,
                lastname=name,
                # Nobody logs in with it: the keys are what the tests use.
                password="password",  # noqa: S106
                email=f"{name}@example.org",
                accounttype=account_type,
                domainid=domain_id,
            )
            told(account["account"]["id"])
    users = api.list("listUsers", "user", username=name, domainid=domain_id, listall="true")
    if not users:
        raise MarvinConfigError(f"the domain {domain} has an account {name!r}, and no user of that name; rename it")
    user_id = users[0]["id"]
    keys = api.call("getUserKeys", id=user_id).get("userkeys", {})
    if "apikey" not in keys or "secretkey" not in keys:
        return register_keys(api, _SECONDS, user_id)
    return str(keys["apikey"]), str(keys["secretkey"])
