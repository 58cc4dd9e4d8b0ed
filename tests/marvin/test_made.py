"""What Marvin's tests ask for is written down before it is sent, so that it can be taken back whoever dies."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.cloud import configuration
from harness.cloud.client import ApiError, CloudApi
from harness.cloud.configuration import Place
from harness.cloud.kinds import KINDS
from harness.marvin.environment import environment_in
from harness.marvin.leftovers import Census, census
from harness.marvin.made import MadeThings
from harness.run.cleanup import clean_up, ledgers
from harness.run.ledger import Ledger, SettingChanged, ThingMade
from harness.run.take_back import take_back
from tests.conftest import SimulatedLab
from tests.marvin.conftest import RunMarvin

SIZE = {"cpunumber": 1, "cpuspeed": 500, "memory": 256}
MODULE = "test_mine.py"


class Connection:
    """Sends as Marvin's does: a command's class bears its name."""

    def __init__(self, api: CloudApi) -> None:
        self._api = api

    def marvinRequest(self, cmd: Any) -> Any:  # noqa: N802 - Marvin's own name
        [answer] = self._api.call(type(cmd).__name__.removesuffix("Cmd"), **vars(cmd)).values()
        return SimpleNamespace(**answer)


def command(name: str, /, **parameters: object) -> Any:
    cmd = type(f"{name}Cmd", (), {})()
    vars(cmd).update(parameters)
    return cmd


@pytest.fixture
def api(lab: SimulatedLab) -> CloudApi:
    return CloudApi(lab.endpoint, lab.api_key, lab.secret_key)


@pytest.fixture
def made(tmp_path: Path, api: CloudApi) -> Iterator[MadeThings]:
    things = MadeThings(Ledger(tmp_path / "ledger.sqlite"), api)
    things.module = MODULE
    yield things
    take_back(api, 60, things.ledger)


@pytest.fixture
def connection(made: MadeThings, api: CloudApi) -> Connection:
    kind = type("Written", (Connection,), {"marvinRequest": Connection.marvinRequest})
    made.into_connection(kind)
    return kind(api)


def now(api: CloudApi) -> Census:
    return census(api, lambda _: True)


def reconcile(made: MadeThings, api: CloudApi, before: Census) -> list[Any]:
    after = now(api)
    made.reconcile(MODULE, after, [(thing.kind, thing.id) for thing in before.new_in(after)])
    return [line.change for line in made.ledger.unsettled(MODULE)]


def offering(api: CloudApi, name: str) -> str:
    return str(api.call("createServiceOffering", name=name, displaytext=name, **SIZE)["serviceoffering"]["id"])


def test_what_a_request_makes_is_known_by_its_id_until_it_is_gone(
    made: MadeThings, connection: Connection, api: CloudApi
) -> None:
    before = now(api)
    one = connection.marvinRequest(command("createServiceOffering", name="mine", displaytext="mine", **SIZE))
    assert reconcile(made, api, before) == [ThingMade(thing="service offering", name="mine", id=one.id)]
    api.call("deleteServiceOffering", id=one.id)
    assert reconcile(made, api, before) == []


def test_an_account_is_known_by_its_name_or_by_that_of_its_user(
    made: MadeThings, connection: Connection, api: CloudApi
) -> None:
    before = now(api)
    user = {"username": "u", "firstname": "u", "lastname": "u", "password": "p", "email": "u@example.org"}
    for more in ({}, {"account": "a"}):
        connection.marvinRequest(
            command("createAccount", accounttype=0, **{**user, **more, "username": f"u{len(more)}"})
        )
    assert [change.name for change in reconcile(made, api, before)] == ["a", "u0"]


def test_what_was_refused_leaves_nothing(made: MadeThings, connection: Connection, api: CloudApi) -> None:
    before = now(api)
    with pytest.raises(ApiError):
        connection.marvinRequest(command("createServiceOffering", name="mine", displaytext="mine", cpunumber=-1))
    assert len(made.ledger.unsettled()) == 1
    assert reconcile(made, api, before) == []


def test_what_was_made_though_its_answer_was_lost_is_found_by_its_name_among_what_is_new(
    made: MadeThings, api: CloudApi
) -> None:
    offering(api, "lost-before")
    before = now(api)
    with made.making("createServiceOffering", "lost"):
        wanted = offering(api, "lost")
    assert reconcile(made, api, before) == [ThingMade(thing="service offering", name="lost", id=wanted)]


def test_of_two_of_a_name_none_is_taken_and_both_are_told(made: MadeThings, api: CloudApi) -> None:
    before = now(api)
    with made.making("createServiceOffering", "two"):
        both = [offering(api, "two"), offering(api, "two")]
    assert reconcile(made, api, before) == [ThingMade(thing="service offering", name="two")]
    [stayed] = take_back(api, 60, made.ledger)
    assert stayed == "service offering two: perhaps made: no answer came; look for it by its name"
    for id in both:
        api.call("deleteServiceOffering", id=id)
    assert reconcile(made, api, before) == []


def test_a_kind_that_could_not_be_listed_is_taken_for_there(made: MadeThings) -> None:
    with made.making("createServiceOffering", "unseen") as told:
        told("1")
    nothing = Census({}, {}, frozenset())
    made.reconcile(MODULE, nothing, [])
    assert len(made.ledger.unsettled()) == 1
    made.reconcile(MODULE, Census({}, {}, frozenset({"service offering"})), [])
    assert made.ledger.unsettled() == []


def test_a_setting_is_put_back_to_what_it_was_before_all_changes(
    made: MadeThings, connection: Connection, api: CloudApi
) -> None:
    name = "cpu.overprovisioning.factor"
    for value in ("2", "3"):
        connection.marvinRequest(command("updateConfiguration", name=name, value=value))
    [line] = made.ledger.unsettled()
    assert line.change == SettingChanged(name=name, former="1.0", ours="3", inherited=False)
    connection.marvinRequest(command("updateConfiguration", name=name, value="1.0"))
    assert made.ledger.unsettled() == []
    connection.marvinRequest(command("updateConfiguration", name=name, value="4"))
    assert take_back(api, 60, made.ledger) == []
    assert configuration.value(api, name, Place()) == "1.0"


def test_a_setting_that_is_reset_by_the_test_itself_leaves_nothing(
    made: MadeThings, connection: Connection, api: CloudApi
) -> None:
    [cluster, *_] = api.list("listClusters", "cluster")
    where = {"name": "cpu.overprovisioning.factor", "clusterid": cluster["id"]}
    connection.marvinRequest(command("updateConfiguration", value="2", **where))
    [line] = made.ledger.unsettled()
    assert isinstance(line.change, SettingChanged)
    assert (line.change.inherited, line.change.cluster_id) == (True, cluster["id"])
    connection.marvinRequest(command("resetConfiguration", **where))
    assert made.ledger.unsettled() == []


def test_each_kind_is_made_by_commands_of_its_own() -> None:
    makers = [maker for kind in KINDS for maker in kind.makers]
    assert len(makers) == len(set(makers))
    assert all(kind.makers for kind in KINDS)


def test_what_a_killed_run_left_is_taken_back_by_the_clean_up(marvin: RunMarvin, api: CloudApi) -> None:
    offering(api, "theirs")
    before = now(api)
    module = f"""
import os
from marvin.cloudstackTestCase import cloudstackTestCase
from marvin.lib.base import Configurations, ServiceOffering

class TestKilled(cloudstackTestCase):
    def test_killed(self):
        api = self.testClient.getApiClient()
        tiny = self.testClient.getParsedTestDataConfig()["service_offerings"]["tiny"]
        ServiceOffering.create(api, {{**tiny, "name": "theirs"}})
        Configurations.update(api, name="cpu.overprovisioning.factor", value="3")
        os.kill(os.getpid(), {int(signal.SIGKILL)})
"""
    run = marvin(test_killed=module)
    assert run.result.ret == -signal.SIGKILL
    assert len(before.new_in(now(api))) == 2
    [folder] = ledgers(run.folder.parent)
    cleaned = clean_up(folder, environment_in, None)
    assert (len(cleaned.taken_back), cleaned.stayed) == (2, [])
    assert before.new_in(now(api)) == []
    assert ledgers(run.folder.parent) == []
