"""The account that a run makes for itself, so that nothing of anybody else's is touched or counted."""

from __future__ import annotations

from pydantic import BaseModel, Field

from harness.cloud import accounts, networks
from harness.cloud.accounts import AccountType
from harness.cloud.client import ApiError, CloudApi
from harness.run.api_access import api_of
from harness.run.environment import Environment, EnvironmentFileError
from harness.run.ledger import THE_RUN, AccountMade, Ledger, NetworkMade
from harness.run.session import Inventory, Session


class RunAccount(BaseModel):
    """An account with its keys, and the network that its instances are in. The keys are secrets."""

    name: str
    api_key: str = Field(repr=False)
    secret_key: str = Field(repr=False)
    network_id: str | None

    def taken_by(self, session: Session) -> None:
        """From now on the session acts as this account."""
        session.act_as(self.api(session.environment), self.network_id)

    def api(self, environment: Environment) -> CloudApi:
        return api_of(environment, self.api_key, self.secret_key)


def open_account(session: Session, inventory: Inventory, run_id: str) -> RunAccount:
    """Make the run's account: a root admin's, because only such a one may choose hosts and has no limits.

    A network that is not everybody's gets a likeness in the new account.

    Raises:
        EnvironmentFileError: the cloud refuses; the text says how to do without.
    """
    name = f"csh-{run_id}"
    environment, ledger = session.environment, session.ledger
    try:
        made = AccountMade(name=name)
        number = ledger.intend(THE_RUN, made)
        keys = accounts.create(session.api, environment.time_limits.job, name, AccountType.ROOT_ADMIN)
        ledger.amend(number, made.model_copy(update={"id": keys.id}))
        account = RunAccount(name=name, api_key=keys.api_key, secret_key=keys.secret_key, network_id=None)
        if inventory.network is None:
            return account
        return account.model_copy(update={"network_id": _network(account.api(environment), ledger, inventory, name)})
    except ApiError as refused:
        mend = 'give keys that may, or set cloud.account = "caller"'
        raise EnvironmentFileError(f"{environment.file}: cloud.account: {refused}; {mend}") from None


def _network(api: CloudApi, ledger: Ledger, inventory: Inventory, name: str) -> str | None:
    model = inventory.network
    if model is None or model.acl_type == networks.SHARED:
        return None if model is None else model.id
    made = NetworkMade(name=name)
    number = ledger.intend(THE_RUN, made)
    network = networks.create_like(api, name, inventory.zone.id, model)
    ledger.amend(number, made.model_copy(update={"id": network.id}))
    return network.id
