"""What a client of the API sees of each fault on the wire and of jobs."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from harness.reference.offering import Size
from harness.waiting import wait_until
from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawAnswer
from tests.lab.faults.conftest import Arm, armed

UNREACHED = (ConnectionRefusedError, ConnectionResetError, RemoteDisconnected, IncompleteRead)


def _zones(lab: Lab) -> RawAnswer:
    return lab.raw.call("listZones")


def test_connection_refused_answers_the_call_and_closes_the_port_for_a_while(lab: Lab, arm: Arm) -> None:
    endpoint = lab.cloud.endpoint
    arm("connection-refused", command="listZones", seconds=0.5, times=1)
    assert _zones(lab).status == 200

    def refused() -> bool:
        # A call that is under way when the port closes may be cut.
        with contextlib.suppress(RemoteDisconnected, ConnectionResetError, IncompleteRead):
            try:
                lab.raw.call("listHosts")
            except ConnectionRefusedError:
                return True
        return False

    wait_until("the port to close", refused, bool, 5, first_pause_s=0.01, longest_pause_s=0.01)
    back = wait_until("the port to open", lambda: _zones(lab), lambda _: True, 10, transient=UNREACHED)
    assert back.status == 200
    assert lab.cloud.endpoint == endpoint


def test_a_lab_whose_port_is_closed_goes_down_at_once(own_lab: Lab) -> None:
    armed(own_lab, "connection-refused", seconds=3600)
    assert _zones(own_lab).status == 200
    began = time.monotonic()
    own_lab.cloud.shutdown()
    assert time.monotonic() - began < 30


def test_connection_reset_cuts_the_answer_of_a_call_that_was_carried_out(lab: Lab, arm: Arm) -> None:
    arm("connection-reset", command="updateConfiguration", times=1)
    query = lab.raw.signed(
        {
            "command": "updateConfiguration",
            "response": "json",
            "apiKey": lab.raw.api_key,
            "name": "allow.additional.vm.configuration.list.kvm",
            "value": "x",
        }
    )
    received, reset = _sent(lab, f"GET /client/api?{urlencode(query)} HTTP/1.1\r\nHost: lab\r\n\r\n")
    assert reset
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 ")
    (length,) = (int(line.split()[1]) for line in head.splitlines() if line.lower().startswith(b"content-length"))
    assert len(body) == length // 2


def test_connection_reset_leaves_the_server_in_order(lab: Lab, arm: Arm) -> None:
    arm("connection-reset", command="createServiceOffering", times=1)
    given = {"name": "small", "displaytext": "small", "cpunumber": 1, "cpuspeed": 500, "memory": 256}
    with pytest.raises((ConnectionResetError, IncompleteRead)):
        lab.raw.call("createServiceOffering", **given)
    assert lab.raw.call("listServiceOfferings", name="small").body["count"] == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_server_error_carries_nothing_out(lab: Lab, arm: Arm, status: int) -> None:
    arm("server-error", command="createServiceOffering", times=1, status=status)
    given = {"name": "small", "displaytext": "small", "cpunumber": 1, "cpuspeed": 500, "memory": 256}
    answer = lab.raw.call("createServiceOffering", **given)
    assert answer.status == status
    assert answer.text.startswith("<!DOCTYPE html>")
    listed = lab.raw.call("listServiceOfferings", name="small")
    assert "listserviceofferingsresponse" in listed.text
    assert listed.body == {}


def test_slow_answer_comes_late_and_is_whole(lab: Lab, arm: Arm) -> None:
    arm("slow-answer", seconds=0.3)
    began = time.monotonic()
    assert _zones(lab).body["count"] == 1
    assert time.monotonic() - began >= 0.3


def test_a_slow_answer_does_not_hold_up_the_end_of_the_lab(own_lab: Lab) -> None:
    slow = armed(own_lab, "slow-answer", seconds=3600)
    with socket.create_connection(_address(own_lab), timeout=10) as connection:
        connection.sendall(b"GET /client/api?command=listZones HTTP/1.1\r\nHost: lab\r\n\r\n")
        wait_until("the call to be struck", lambda: slow.struck, bool, 10)
        own_lab.cloud.shutdown()


def test_garbage_body_is_the_same_for_the_same_seed(lab: Lab, arm: Arm) -> None:
    bodies = []
    for seed in (1, 1, 2):
        arm("garbage-body", size=64, seed=seed)
        received, _ = _sent(lab, "GET /client/api?command=listZones HTTP/1.0\r\n\r\n")
        bodies.append(received.partition(b"\r\n\r\n")[2])
        lab.cloud.faults.clear()
    assert [len(body) for body in bodies] == [64, 64, 64]
    assert bodies[0] == bodies[1] != bodies[2]


def test_garbage_body_is_labelled_as_an_answer(lab: Lab, arm: Arm) -> None:
    arm("garbage-body", size=0)
    answer = _zones(lab)
    assert (answer.status, answer.text) == (200, "")
    assert answer.headers["Content-Type"].startswith("application/json")


def test_html_body_is_a_page_with_status_200(lab: Lab, arm: Arm) -> None:
    arm("html-body", times=1)
    answer = _zones(lab)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "<h1>Please log in</h1>" in answer.text
    assert _zones(lab).body["count"] == 1


def test_duplicated_answer_holds_the_document_twice(lab: Lab, arm: Arm) -> None:
    once = _zones(lab).text
    arm("duplicated-answer", times=1)
    twice = _zones(lab).text
    assert twice == once * 2
    with pytest.raises(json.JSONDecodeError, match="Extra data"):
        json.loads(twice)


def test_replayed_answer_is_the_last_one_to_the_same_command(lab: Lab, arm: Arm) -> None:
    replayed = arm("replayed-answer", command="listServiceOfferings", times=1)
    before = lab.raw.call("listServiceOfferings").body["count"]
    assert replayed.struck == 0
    lab.fixed()
    assert lab.raw.call("listServiceOfferings").body["count"] == before
    assert replayed.struck == 1
    assert lab.raw.call("listServiceOfferings").body["count"] == before + 1


def test_faults_on_the_wire_see_the_parameters_of_a_form(lab: Lab, arm: Arm) -> None:
    arm("html-body", command="listZones")
    signed = lab.raw.signed({"command": "listZones", "response": "json", "apiKey": lab.raw.api_key})
    assert "Please log in" in lab.raw.post(signed).text
    other = lab.raw.signed({"command": "listHosts", "response": "json", "apiKey": lab.raw.api_key})
    assert lab.raw.post(other).body["count"] == 3


def test_an_instance_is_struck_by_its_name_and_another_is_not(lab: Lab, arm: Arm) -> None:
    offering = lab.fixed()
    one, two = lab.deploy(offering, name="one"), lab.deploy(offering, name="two")
    arm("html-body", command="listVirtualMachines", instance="one")
    assert "Please log in" in lab.raw.call("listVirtualMachines", id=one["id"]).text
    assert lab.raw.call("listVirtualMachines", id=two["id"]).body["count"] == 1


def test_the_integration_port_is_struck_too(own_lab: Lab) -> None:
    armed(own_lab, "html-body")
    address = urlsplit(own_lab.cloud.integration_endpoint)
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(b"GET /client/api?command=listZones HTTP/1.0\r\n\r\n")
        assert b"Please log in" in b"".join(iter(lambda: connection.recv(65536), b""))


def _started(lab: Lab, name: str) -> dict[str, Any]:
    return dict(
        lab.api.deployVirtualMachine(
            fetch_result=False,
            zoneid=lab.zone_id,
            templateid=lab.template_id(),
            serviceofferingid=lab.fixed(),
            name=name,
        )
    )


def test_job_lost_reads_like_a_job_that_there_never_was(lab: Lab, arm: Arm) -> None:
    lab.finished(first := _started(lab, "first"))
    never = lab.raw.call("queryAsyncJobResult", jobid="00000000-0000-0000-0000-000000000000")
    arm("job-lost", command="deployVirtualMachine", instance="first", times=1)
    lost = [lab.raw.call("queryAsyncJobResult", jobid=first["jobid"]) for _ in range(2)]
    for answer in lost:
        assert (answer.status, answer.body["cserrorcode"]) == (431, 9999)
        assert answer.text == never.text.replace("00000000-0000-0000-0000-000000000000", first["jobid"])
    assert lab.finished(_started(lab, "second"))["jobstatus"] == 1
    assert lab.cloud.faults.armed[0].struck == 1


def test_job_without_result_has_failed_and_says_nothing(lab: Lab, arm: Arm) -> None:
    arm("job-without-result", command="deployVirtualMachine")
    job = lab.finished(_started(lab, "first"))
    assert (job["jobstatus"], "jobresult" in job) == (2, False)


def test_whoever_reads_that_a_job_without_result_failed_was_told_of_its_end(lab: Lab, arm: Arm) -> None:
    growth, host = lab.cloud._cloud.state.untold_growth, lab.cloud._cloud.state.world().hosts[0]
    job = _started(lab, "first")
    growth.took(job["id"], host.id, Size(1, 500, 256), Size(2, 500, 256))
    arm("job-without-result", command="deployVirtualMachine")
    wait_until(
        "the job to be told",
        lambda: (lab.finished(job), growth.without((host,), growth.now()))[1],
        lambda there: there == (host,),
        1,
    )


def _address(lab: Lab) -> tuple[str, int]:
    parts = urlsplit(lab.cloud.endpoint)
    return str(parts.hostname), int(parts.port or 0)


def _sent(lab: Lab, request: str) -> tuple[bytes, bool]:
    """What comes back until the connection ends, and whether it was reset."""
    received = b""
    with socket.create_connection(_address(lab), timeout=10) as connection:
        connection.sendall(request.encode())
        try:
            while chunk := connection.recv(65536):
                received += chunk
        except ConnectionResetError:
            return received, True
    return received, False
