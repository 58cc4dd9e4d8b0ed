"""What listApis tells is what a real server told, what the lab reads, and what the lab shows."""

from __future__ import annotations

from typing import Any

import pytest

from harness.lab.api.commands import COMMANDS
from harness.lab.api.listed_apis import listed_apis
from tests.lab.api.conftest import Entity, Lab
from tests.lab.api.raw import RawClient


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_lab_reads_the_parameters_of_a_real_server(name: str) -> None:
    listed: Any = listed_apis()[name]
    assert {(each["name"], each["type"], each["required"]) for each in listed["params"]} == {
        (each.name, each.shown_type, each.required) for each in COMMANDS[name].parameters
    }
    assert listed["isasync"] is COMMANDS[name].asynchronous


def test_every_command_is_listed_with_login_and_logout() -> None:
    assert listed_apis().keys() == COMMANDS.keys() | {"login", "logout"}


def test_fields_are_listed_with_their_types_and_their_own_fields(lab: Lab) -> None:
    (listed,) = lab.api.listApis(name="listVirtualMachines")["api"]
    fields = {field["name"]: field for field in listed["response"] if field}
    assert (fields["cpunumber"]["type"], fields["created"]["type"]) == ("integer", "date")
    assert "macaddress" in {each.get("name") for each in fields["nic"]["response"]}


def _strangers(shown: Entity, fields: list[Entity], allowed: frozenset[str] = frozenset()) -> set[str]:
    """Names that an answer has and listApis does not."""
    known = {field["name"]: field for field in fields if field}
    found = set(shown) - known.keys() - allowed
    for name, value in shown.items():
        inner = known.get(name, {}).get("response")
        for each in value if isinstance(value, list) and inner else []:
            found |= {f"{name}.{stranger}" for stranger in _strangers(each, inner)}
    return found


def test_the_lab_shows_nothing_that_is_not_listed(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    given: dict[str, dict[str, str]] = {
        "listTemplates": {"templatefilter": "all"},
        "findHostsForMigration": {"virtualmachineid": instance["id"]},
        "updateResourceCount": {"domainid": lab.api.listDomains()["domain"][0]["id"]},
        "listApis": {"name": "listZones"},
    }
    strangers = {}
    for name in (each for each in COMMANDS if each.startswith(("list", "find", "updateResourceCount"))):
        body = lab.raw.call(name, **given.get(name, {})).body
        body.pop("count", None)
        fields: Any = listed_apis()[name]["response"]
        shown = [item for items in body.values() if isinstance(items, list) for item in items]
        found = {stranger for item in shown for stranger in _strangers(item, fields)}
        if found:
            strangers[name] = found
    assert strangers == {}


def test_a_plain_user_is_told_of_what_it_may_call(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    names = {each["name"] for each in client.call("listApis").body["api"]}
    assert "scaleVirtualMachine" in names
    assert not {"createAccount", "listHosts"} & names
    assert client.call("listApis", name="listHosts").status == 432
