"""A run has an account of its own: what it makes is there, nobody else's counts change, and it goes with the run."""

from pathlib import Path

import pytest

from harness.cloud.client import CloudApi
from harness.run.environment import Allowed, Environment, EnvironmentFileError, load
from harness.run.ledger import Ledger
from harness.run.run_account import open_account
from harness.run.session import Session
from harness.run.verification import Verification
from tests.conftest import SimulatedLab
from tests.run.stages import stage_of


def _counts(api: CloudApi, account: str) -> tuple[int, int]:
    [found] = [each for each in api.list("listAccounts", "account", listall=True) if each["name"] == account]
    return int(found["vmtotal"]), int(found["cputotal"])


def _session(environment: Environment, folder: Path) -> Session:
    session = Session(environment, Ledger(folder / "ledger.sqlite"))
    session.open()
    session.presume()
    return session


def test_what_a_run_makes_is_its_own_accounts(lab: SimulatedLab, tmp_path: Path) -> None:
    session = _session(load(lab.cloud_file), tmp_path)
    admin = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
    before = _counts(admin, "admin")
    account = open_account(session, session.inventory, "20261122-000000-1")
    account.taken_by(session)
    stage = stage_of(session)
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.scale(stage.fixed(2, 500, 256))
    assert stage.comparison.findings == ()
    [shown] = admin.list("listVirtualMachines", "virtualmachine", listall=True)
    assert (shown["account"], [nic["networkid"] for nic in shown["nic"]]) == (account.name, [account.network_id])
    assert _counts(admin, account.name) == (1, 2)
    assert _counts(admin, "admin") == before
    assert session.take_back() == []
    assert [each["name"] for each in admin.list("listAccounts", "account", listall=True)] == ["admin"]
    assert [each["name"] for each in admin.list("listNetworks", "network", listall=True)] == ["lab-net"]
    session.close()


@pytest.mark.parametrize(
    "change",
    [{"allow": frozenset(Allowed) - {Allowed.ACCOUNTS}}, {"cloud": {"account": "caller"}}],
    ids=["not allowed", "not wanted"],
)
def test_a_run_may_work_as_the_caller(lab: SimulatedLab, tmp_path: Path, change: dict[str, object]) -> None:
    environment = load(lab.cloud_file)
    if "cloud" in change:
        change = {"cloud": environment.cloud.model_copy(update={"account": "caller"})}
    with Verification(tmp_path) as verification:
        verification.connect(environment.model_copy(update=change), None, leave_settings=False)
        admin = CloudApi(lab.endpoint, lab.api_key, lab.secret_key)
        assert [each["name"] for each in admin.list("listAccounts", "account", listall=True)] == ["admin"]


def test_keys_that_may_make_no_account_are_told_of(lab: SimulatedLab, tmp_path: Path) -> None:
    session = _session(load(lab.cloud_file), tmp_path)
    account = open_account(session, session.inventory, "20261122-000000-2")
    account.taken_by(session)
    with pytest.raises(EnvironmentFileError, match=r'cloud\.account: createAccount: .*set cloud\.account = "caller"'):
        open_account(session, session.inventory, "20261122-000000-2")
    assert session.take_back() == []
    session.close()
