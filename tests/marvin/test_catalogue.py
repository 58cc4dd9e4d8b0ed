"""What listApis tells, kept between runs; and the modules that are made of it."""

from __future__ import annotations

import copy
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.cloud.client import CloudApi
from harness.marvin.catalogue import ApiCommand, Catalogue
from harness.marvin.imports import MarvinImports
from harness.marvin.source import OWN, MarvinSource, Origin
from tests.conftest import SimulatedLab

COFFEE = ApiCommand(True, {"id": "uuid", "cups": "list", "notes": "map"}, ("id",), {"id": "string", "name": "string"})


@pytest.fixture
def api(lab: SimulatedLab) -> CloudApi:
    return CloudApi(lab.endpoint, lab.api_key, lab.secret_key)


def test_commands_are_asked_for_once_and_kept_by_version(api: CloudApi, tmp_path: Path) -> None:
    catalogue = Catalogue(lambda: api, tmp_path)
    scale = catalogue.command("scaleVirtualMachine")
    assert scale is not None
    assert (scale.asynchronous, scale.required) == (True, ("id", "serviceofferingid"))
    assert "details" in scale.lists
    [file] = tmp_path.iterdir()
    assert file.name.startswith("4.23")
    # The next run reads what is there.
    file.write_text(json.dumps([{"name": "listZones", "isasync": False}]))
    later = Catalogue(lambda: api, tmp_path)
    assert later.command("listZones") == ApiCommand(False, {}, (), {})
    # A command that is not among them may have come with a plug-in since.
    assert later.command("scaleVirtualMachine") == scale
    assert later.command("makeCoffee") is None


def test_without_a_folder_nothing_is_kept(api: CloudApi, tmp_path: Path) -> None:
    assert Catalogue(lambda: api, None).command("listZones") is not None
    assert list(tmp_path.iterdir()) == []


def test_nameless_entries_of_a_real_server_are_left_out(api: CloudApi, tmp_path: Path) -> None:
    catalogue = Catalogue(lambda: api, tmp_path)
    assert catalogue.command("listZones") is not None
    [file] = tmp_path.iterdir()
    entry = {"name": "extract", "params": [{}, {"name": "id"}], "response": [{}, {"name": "url", "type": "string"}]}
    file.write_text(json.dumps([entry, {"isasync": True}]))
    found = Catalogue(lambda: api, tmp_path).command("extract")
    assert found == ApiCommand(False, {"id": ""}, (), {"url": "string"})


@pytest.fixture
def marvin_modules() -> Iterator[None]:
    imports = MarvinImports(MarvinSource(OWN, Origin.OWN), {"makeCoffee": COFFEE}.get)
    imports.begin()
    yield
    imports.end()


def _module(name: str) -> Any:
    return importlib.import_module(f"marvin.cloudstackAPI.{name}")


@pytest.mark.usefixtures("marvin_modules")
def test_a_command_has_an_attribute_for_each_parameter() -> None:
    command = _module("makeCoffee").makeCoffeeCmd()
    assert (command.id, command.cups, command.notes) == (None, [], [])
    assert (command.isAsync, command.required, command.typeInfo["id"]) == ("true", ["id"], "uuid")
    # Each has lists of its own.
    command.cups.append(1)
    assert _module("makeCoffee").makeCoffeeCmd().cups == []
    with pytest.raises(AttributeError):
        _ = command.sugar
    assert vars(_module("makeCoffee").makeCoffeeResponse()) == {"id": None, "name": None}


@pytest.mark.usefixtures("marvin_modules")
def test_a_command_that_the_cloud_lacks_can_be_made_and_is_refused_when_sent() -> None:
    unknown = _module("makeTea").makeTeaCmd()
    unknown.leaves.append("green")
    assert unknown.leaves == ["green"]
    client = _module("cloudstackAPIClient").CloudStackAPIClient(connection=None)
    refusal = importlib.import_module("marvin.cloudstackException").CloudstackAPIException
    with pytest.raises(refusal, match="the cloud has no API command makeTea"):
        client.makeTea(unknown)


@pytest.mark.usefixtures("marvin_modules")
def test_a_client_sends_through_its_connection_and_can_be_copied() -> None:
    class Connection:
        def marvinRequest(self, cmd: object, response_type: object, method: str) -> tuple[str, str, str]:  # noqa: N802
            return type(cmd).__name__, type(response_type).__name__, method

    client = _module("cloudstackAPIClient").CloudStackAPIClient(Connection())
    client.id = "TestIt-test_1"
    sent = client.makeCoffee(_module("makeCoffee").makeCoffeeCmd(), method="POST")
    assert sent == ("makeCoffeeCmd", "makeCoffeeResponse", "POST")
    assert isinstance(copy.copy(client).connection, Connection)
    assert copy.copy(client).id is None


@pytest.mark.usefixtures("marvin_modules")
def test_marvins_own_modules_give_any_command_to_those_who_import_it_there() -> None:
    base = importlib.import_module("marvin.lib.base")
    assert base.makeCoffee is _module("makeCoffee")
    with pytest.raises(AttributeError):
        _ = base.nothing
    everything = importlib.import_module("marvin.cloudstackAPI").__all__
    assert "cloudstackAPIClient" in everything


@pytest.mark.usefixtures("marvin_modules")
@pytest.mark.parametrize("module", ["marvin.cloudstackAPI", "marvin.lib.base"])
def test_a_star_import_gets_the_commands_that_its_file_names(tmp_path: Path, module: str) -> None:
    file = tmp_path / "starry.py"
    file.write_text(f"from {module} import *\n\nmade = makeCoffee.makeCoffeeCmd()\nother = makeTea.makeTeaCmd()\n")
    found: dict[str, Any] = {}
    exec(compile(file.read_text(), str(file), "exec"), found)  # noqa: S102 - the text above
    assert found["made"].required == ["id"]
    assert ("VirtualMachine" in found) is (module == "marvin.lib.base")
