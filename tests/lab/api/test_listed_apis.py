"""What listApis tells is what a real server told, what the lab reads, and what the lab shows."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from harness.lab.api.commands import COMMANDS
from harness.lab.api.listed_apis import listed_apis
from tests.lab.api.conftest import Entity, Lab
from tests.lab.api.raw import RawClient

# What listApis of a real 4.22 server told: a list of commands with name, async, params and response.
_RECORDING = os.environ.get("CS_HARNESS_RECORDED_APIS", "")

# What a real server answers and does not list: it says of this command that it answers with alerts.
_STRANGERS = {"listAlertTypes": {"alerttypeid"}}


@pytest.mark.skipif(not _RECORDING, reason="CS_HARNESS_RECORDED_APIS names no recording of listApis")
def test_the_lab_tells_what_a_real_server_told() -> None:
    recorded = {each["name"]: each for each in json.loads(Path(_RECORDING).read_text(encoding="utf-8"))}
    for name, shown in listed_apis().items():
        assert shown["isasync"] is recorded[name]["async"], name
        assert _plain(shown["params"], "since", "required") == _plain(recorded[name]["params"], "since", "required")
        assert _plain(shown["response"]) == _plain(recorded[name]["response"]), name


def _plain(fields: Any, *more: str) -> list[Any]:
    keys = ("name", "type", *more)
    return [[*(field.get(key) or None for key in keys), _plain(field.get("response", []))] for field in fields]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_id_names_a_kind_of_record(name: str) -> None:
    assert [each.name for each in COMMANDS[name].parameters if not each.kind] == []


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
        found = {stranger for item in shown for stranger in _strangers(item, fields)} - _STRANGERS.get(name, set())
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
