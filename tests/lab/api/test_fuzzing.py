"""Requests that nobody would make: always CloudStack's kind of answer, never a fault of the lab, never a long wait."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import Client, TestResponse

from harness.lab.api.commands import COMMANDS
from harness.lab.api.lab_cloud import LabCloud
from harness.lab.api.parameters import PLAIN, Parameter
from harness.lab.management.cloud import Patience
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import DEFAULT_LAB
from harness.waiting import wait_until
from tests.lab.api.conftest import Lab, served
from tests.lab.api.raw import RawClient

_EXAMPLES = int(os.environ.get("CS_HARNESS_FUZZ_EXAMPLES", "300"))
_FAULT = "met a fault of the lab"
_PATH = "/client/api"
_SECONDS = 5
# What ends the account that this test signs with is left to other tests.
_ENDING = {
    "deleteAccount",
    "deleteUser",
    "disableAccount",
    "disableUser",
    "lockAccount",
    "lockUser",
    "moveUser",
    "updateAccount",
}
_NAMES = (*sorted(COMMANDS.keys() - _ENDING), "login", "logout", "frobnicate", "", "LISTZONES")

# What only a request that is accepted may change; host capacity and events are left out, as they change by themselves.
_TABLES = (
    "accounts",
    "affinity_groups",
    "clusters",
    "disk_offerings",
    "domains",
    "hosts",
    "instances",
    "key_pairs",
    "network_offerings",
    "networks",
    "offerings",
    "roles",
    "tags",
    "templates",
    "users",
    "volumes",
)

_NUMBERS = st.one_of(
    st.integers(-(2**70), 2**70).map(str),
    st.sampled_from(
        ["0", "1", "2", "64", "500", "-1", "2147483647", "2147483648", "9" * 5000, "٣", "1e3", "0x10", "NaN", " 1"]
    ),
)
_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "",
            "true",
            "FALSE",
            "UserVm",
            "admin",
            "someone",
            "Running",
            "Inactive",
            "0.5",
            "2",
            "cpu.overprovisioning.factor",
            "cluster.cpu.allocated.capacity.disablethreshold",
            "scale.retry",
            "max.account.cpus",
            "all",
            "min",
            "\x00",
            "\r\nX: y",
            "%00",
            "<a>&'\"",
            "é~*+ /",
            "a" * 300,
            "z,y",
        ]
    ),
)


class _Target(logging.Handler):
    """A lab that is called without a socket in between; it listens to what the lab says of faults of its own."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(logging.ERROR)
        self.lab = lab
        self.faults: list[str] = []
        self.statuses: Counter[int] = Counter()
        api = lab.api
        lab.deploy(lab.fixed())
        custom = lab.offering(customized="true")["id"]
        user = lab.cloud.add_user("someone")
        self.keys = {"user": (user.api_key, user.secret_key), "nobody": ("x", "y")}
        instances = api.listVirtualMachines()["virtualmachine"]
        self.ids: dict[str, list[str]] = {
            "zone": [lab.zone_id],
            "template": [lab.template_id()],
            "virtualmachine": [each["id"] for each in instances],
            "serviceoffering": [custom, lab.fixed(2), *[each["serviceofferingid"] for each in instances]],
            "host": [each["id"] for each in api.listHosts()["host"]],
            "cluster": [each["id"] for each in api.listClusters()["cluster"]],
            "account": [each["id"] for each in api.listAccounts(listall="true")["account"]],
            "user": [each["id"] for each in api.listUsers(listall="true")["user"]],
            "domain": [each["id"] for each in api.listDomains()["domain"]],
            "network": [each["id"] for each in api.listNetworks()["network"]],
            "networkoffering": [each["id"] for each in api.listNetworkOfferings()["networkoffering"]],
            "diskoffering": [each["id"] for each in api.listDiskOfferings()["diskoffering"]],
            "ostype": [each["id"] for each in api.listOsTypes()["ostype"]],
            "role": [each["id"] for each in api.listRoles()["role"]],
        }
        disk = self.ids["diskoffering"][0]
        volumes = [lab.run("createVolume", diskofferingid=disk)["jobresult"]["volume"]["id"] for _ in range(3)]
        self.ids["volume"] = [*volumes, *[each["id"] for each in api.listVolumes(type="ROOT")["volume"]]]
        own = {"url": "http://x/y", "format": "QCOW2", "hypervisor": "KVM", "zoneid": lab.zone_id}
        self.ids["template"].append(api.registerTemplate(name="own", **own)["template"][0]["id"])
        self.ids["iso"] = [api.registerIso(name="iso", url="http://x/z", zoneid=lab.zone_id)["iso"][0]["id"]]
        self.ids["domain"].append(api.createDomain(name="sub")["domain"]["id"])
        self.ids["role"].append(api.createRole(name="own", type="User")["role"]["id"])
        lab.run("generateAlert", type=7, name="own", description="own")
        self.ids["alert"] = [each["id"] for each in api.listAlerts()["alert"]]
        group = lab.run("createAffinityGroup", name="group", type="host affinity")["jobresult"]["affinitygroup"]
        self.ids["affinitygroup"] = [group["id"]]
        assert lab.cloud._server is not None
        self.client = Client(lab.cloud._server._server.wsgi_app)

    def tables(self) -> list[object] | None:
        """What the cloud keeps, None while jobs change it."""
        state = self.lab.cloud._cloud.state
        if self.lab.cloud._cloud.jobs.pending():
            return None
        with state.lock:
            return [*(dict(getattr(state, name)) for name in _TABLES), state.zone, state.configuration.settings()]

    def emit(self, record: logging.LogRecord) -> None:
        if _FAULT in record.getMessage():
            self.faults.append(self.format(record))

    def real(self, value: str) -> str:
        """The id that a mark such as "#host#2" stands for; anything else as it is."""
        _, _, rest = value.partition("#")
        kind, _, number = rest.partition("#")
        ids = self.ids.get(kind, [])
        return ids[int(number) % len(ids)] if ids and number in tuple("01234") else value

    def client_of(self, who: str) -> RawClient:
        now = self.lab.cloud.admin
        return RawClient("", *self.keys.get(who, (now.api_key, now.secret_key)))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Target]:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, Path(tmp_path_factory.mktemp("fleet")))
    hosts = fleet.up()
    logger = logging.getLogger("harness.lab")
    cloud = LabCloud(DEFAULT_LAB, hosts, fleet.guest_boot, patience=Patience(stop_seconds=0.2, migrate_seconds=1))
    try:
        lab = served(cloud, hosts)
        lab.setting("enable.dynamic.scale.vm", "true")
        target = _Target(lab)
        logger.addHandler(target)
        try:
            yield target
        finally:
            logger.removeHandler(target)
    finally:
        cloud.shutdown()
        fleet.down()


def _cased(name: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name, name, name, name.upper(), f"{name}[0]", f"{name}[0].key", f"{name}[{'9' * 5000}].a"])


def _values(parameter: Parameter) -> st.SearchStrategy[str]:
    if parameter.kind in ("integer", "long", "short"):
        return st.one_of(_NUMBERS, _TEXTS)
    if parameter.kind not in PLAIN:
        mark = st.integers(0, 4).map(lambda number: f"#{parameter.kind}#{number}")
        return st.one_of(mark, mark, mark, mark, _TEXTS)
    if parameter.name == "resourceids":
        return st.just("#virtualmachine#0") | _TEXTS
    return _TEXTS | _NUMBERS


@st.composite
def _requests(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    name = draw(st.sampled_from(_NAMES))
    command = COMMANDS.get(name)
    wanted: dict[str, str] = {}
    for parameter in command.parameters if command else ():
        if parameter.required and draw(st.integers(0, 9)):
            wanted[parameter.name] = draw(_values(parameter))
        elif draw(st.integers(0, 9)) == 0:
            if parameter.kind == "map":
                key = draw(st.sampled_from(["cpuNumber", "cpuSpeed", "memory", "key", "value", "", "<x y>"]))
                wanted[f"{parameter.name}[{draw(st.sampled_from(['0', '1', '-1', 'a', '٣', '']))}].{key}"] = draw(
                    _TEXTS | _NUMBERS
                )
            else:
                wanted[draw(_cased(parameter.name))] = draw(_values(parameter))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        wanted[draw(_TEXTS)] = draw(_TEXTS)
    return name, wanted


def _check(answer: TestResponse) -> None:
    assert answer.status_code not in (500, 501, 502, 503), answer.text[:500]
    assert "Traceback" not in answer.text
    assert "Internal error executing command" not in answer.text
    if not answer.text or answer.status_code in (404, 405, 413):
        return
    if answer.headers["Content-Type"].startswith("application/json"):
        json.loads(answer.text)
    else:
        ElementTree.fromstring(answer.text)  # noqa: S314 - our own


# The usual limit for a test is one for the usual number of examples.
@pytest.mark.timeout(max(300, _EXAMPLES // 8))
@settings(max_examples=_EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    request=_requests(),
    who=st.sampled_from(["admin"] * 9 + ["user"] * 3 + ["nobody", "unsigned"]),
    form=st.sampled_from(["json", "json", "xml", "", "yaml"]),
    post=st.booleans(),
    spoilt=st.integers(0, 30),
)
def test_every_request_is_answered(
    target: _Target, request: tuple[str, dict[str, str]], who: str, form: str, post: bool, spoilt: int
) -> None:
    name, wanted = request
    parameters = {key: target.real(value) for key, value in wanted.items()}
    parameters |= {"command": name, "response": form}
    if who != "unsigned":
        signer = target.client_of(who)
        parameters = signer.signed({**parameters, "apiKey": signer.api_key})
    if spoilt == 0:
        parameters["signature"] = "é" + parameters.get("signature", "")
    before = target.tables()
    began = time.monotonic()
    send = target.client.post if post else target.client.get
    answer = send(_PATH, **{"data" if post else "query_string": parameters})
    assert time.monotonic() - began < _SECONDS
    assert target.faults == []
    if answer.status_code != 200 and before is not None:
        assert target.tables() == before
    target.statuses[answer.status_code] += 1
    _check(answer)


@pytest.mark.parametrize("name", sorted(COMMANDS.keys() - _ENDING))
def test_no_parameter_of_a_command_takes_what_it_cannot_be(target: _Target, name: str) -> None:
    command = COMMANDS[name]
    valid = {each.name: target.real(f"#{each.kind}#0") for each in command.parameters if each.required}
    for parameter in command.parameters:
        shown = f"{parameter.name}[0].{parameter.name}" if parameter.kind == "map" else parameter.name
        for wanted in (
            *({shown: value} for value in ("9" * 5000, "٣", "-1", "<a>,\x0b", "")),
            {f"{parameter.name}[{'9' * 5000}].key": "a"},
        ):
            signer = target.client_of("admin")
            given = {"command": name, "apiKey": signer.api_key, **valid, **wanted}
            answer = target.client.post(_PATH, data=signer.signed(given))
            assert target.faults == []
            _check(answer)


def test_afterwards_all_jobs_end_and_the_lab_is_as_good_as_before(target: _Target) -> None:
    lab = target.lab
    wait_until("the jobs", lambda: lab.cloud._cloud.jobs.pending(), lambda left: not left, 60)
    for command in ("listVirtualMachines", "listHosts", "listAccounts", "listConfigurations", "listEvents"):
        answer = target.client_of("admin").signed(
            {"command": command, "response": "json", "listall": "true", "apiKey": lab.cloud.admin.api_key}
        )
        assert target.client.get(_PATH, query_string=answer).status_code == 200
    assert target.faults == []
    assert {200, 401, 431, 432} <= target.statuses.keys()


@pytest.mark.parametrize("size", [1 << 20, 5 << 20])
def test_values_of_megabytes_are_refused_at_once(target: _Target, size: int) -> None:
    signer = target.client_of("admin")
    parameters = {"command": "listZones", "response": "json", "apiKey": signer.api_key, "name": "x" * size}
    began = time.monotonic()
    answer = target.client.post(_PATH, data=signer.signed(parameters))
    assert answer.status_code == (431 if size == 1 << 20 else 413)
    assert time.monotonic() - began < _SECONDS


@pytest.mark.parametrize(
    "head",
    [
        b"GET /client/api?command=%zz%ff%00&response=json HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /client/api?\xff\xfe=\x80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
        b"POST /client/api HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data\r\nContent-Length: 3\r\n\r\nabc",
        b"GET /client/api HTTP/1.1\r\nHost: x\r\nCookie: JSESSIONID=\xff; ;;=\r\n\r\n",
        b"BREW / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET " + b"/" * 70000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_hardly_http_is_answered_or_hung_up(target: _Target, head: bytes) -> None:
    parts = urlsplit(target.lab.cloud.endpoint)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_SECONDS) as connection:
        connection.sendall(head)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert b"Traceback" not in answer
    is_unknown_version = answer.startswith(b"HTTP/1.1 505 HTTP Version Not Supported")
    assert is_unknown_version == (b"HTTP/9.9" in head)
    assert is_unknown_version or not answer.startswith(b"HTTP/1.1 5")
    assert target.faults == []
