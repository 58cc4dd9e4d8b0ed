"""Forms of answers, methods, paging, access, and what happens when the lab itself is at fault."""

from __future__ import annotations

import logging
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlencode, urlsplit

import pytest

from tests.lab.api.conftest import Lab, LabMaker
from tests.lab.api.raw import RawClient


def test_without_a_wish_for_json_the_answer_is_xml_with_the_version(lab: Lab) -> None:
    signed = lab.raw.signed({"command": "listZones", "apiKey": lab.raw.api_key, "response": "yaml"})
    answer = lab.raw.get(signed)
    assert answer.headers["Content-Type"] == "text/xml;charset=utf-8"
    assert answer.text.startswith(
        '<?xml version="1.0" encoding="UTF-8"?><listzonesresponse cloud-stack-version="4.23.0.0">'
        "<count>1</count><zone><id>"
    )
    assert "<tags>" not in answer.text
    assert "<securitygroupsenabled>false</securitygroupsenabled>" in answer.text


def test_an_error_in_xml_has_the_version_too(lab: Lab) -> None:
    answer = lab.raw.get(lab.raw.signed({"command": "stopVirtualMachine", "apiKey": lab.raw.api_key}))
    text = "Unable to execute API command stopvirtualmachine due to missing parameter id"
    assert answer.status == 431
    assert answer.headers["X-Description"] == text
    assert answer.text == (
        '<?xml version="1.0" encoding="UTF-8"?><stopvirtualmachineresponse cloud-stack-version="4.23.0.0">'
        f"<errorcode>431</errorcode><cserrorcode>9999</cserrorcode><errortext>{text}</errortext>"
        "</stopvirtualmachineresponse>"
    )


def test_reason_and_content_type_are_those_of_a_real_server(lab: Lab) -> None:
    answer = lab.raw.call("stopVirtualMachine")
    assert answer.reason == "Request Header Fields Too Large"
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"


def test_other_methods_and_paths_are_refused(lab: Lab) -> None:
    put = lab.raw.send("PUT")
    assert (put.status, put.text) == (405, "")
    elsewhere = RawClient(lab.cloud.endpoint.replace("/client/api", "/elsewhere"), "", "")
    assert elsewhere.get({}).status == 404


def test_a_page_beyond_the_end_has_the_count_alone(lab: Lab) -> None:
    assert lab.raw.call("listHosts", page=99, pagesize=2).json == {"listhostsresponse": {"count": 3}}


def test_pages_hold_what_was_asked_and_page_zero_is_the_first(lab: Lab) -> None:
    second = lab.raw.call("listHosts", page=2, pagesize=2).body
    assert second["count"] == 3
    assert [host["name"] for host in second["host"]] == ["kvm3"]
    zeroth = lab.raw.call("listHosts", page=0, pagesize=2).body
    assert [host["name"] for host in zeroth["host"]] == ["kvm1", "kvm2"]


def test_of_a_parameter_given_twice_the_first_counts(lab: Lab) -> None:
    signed = lab.raw.signed({"command": "listHosts", "response": "json", "apiKey": lab.raw.api_key, "name": "kvm1"})
    answer = lab.raw.send("GET", f"?{urlencode(signed)}&name=kvm2")
    assert [host["name"] for host in answer.body["host"]] == ["kvm1"]


def test_a_plain_user_may_not_see_hosts(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    user = client.call("listUsers").body["user"][0]
    answer = client.call("listHosts")
    assert (answer.status, answer.root) == (432, "errorresponse")
    assert answer.body["cserrorcode"] == 9999
    assert answer.body["errortext"] == (
        f"The API [listHosts] does not exist or is not available for the account for user id [{user['id']}]."
    )


def test_a_plain_user_may_not_touch_another_accounts_instance(lab: Lab) -> None:
    offering_id = lab.fixed()
    instance = lab.deploy(offering_id)
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    answer = client.call("scaleVirtualMachine", id=instance["id"], serviceofferingid=offering_id)
    assert answer.status == 531
    assert answer.body["cserrorcode"] == 4365
    assert answer.body["errortext"] == "Caller does not have permission to operate with provided resource."
    assert client.call("listVirtualMachines").json == {"listvirtualmachinesresponse": {}}


def test_an_owner_who_is_no_admin_does_not_see_host_and_domain(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    started = client.call(
        "deployVirtualMachine", zoneid=lab.zone_id, templateid=lab.template_id(), serviceofferingid=lab.fixed()
    ).body
    lab.finished(started)
    own = client.call("listVirtualMachines", id=started["id"]).body["virtualmachine"][0]
    assert own["state"] == "Running"
    assert not {"hostid", "hostname", "instancename"} & own.keys()
    seen = lab.api.listVirtualMachines(id=started["id"])["virtualmachine"][0]
    assert {"hostid", "hostname", "instancename"} <= seen.keys()


def test_another_accounts_instances_are_listed_when_asked_for(lab: Lab) -> None:
    keys = lab.cloud.add_user("someone")
    client = RawClient(lab.cloud.endpoint, keys.api_key, keys.secret_key)
    started = client.call(
        "deployVirtualMachine", zoneid=lab.zone_id, templateid=lab.template_id(), serviceofferingid=lab.fixed()
    ).body
    lab.finished(started)
    assert lab.api.listVirtualMachines() == {}
    assert lab.api.listVirtualMachines(listall="true")["count"] == 1
    assert lab.api.listVirtualMachines(id=started["id"])["count"] == 1


def test_a_fault_of_the_lab_is_answered_and_logged_but_not_shown(
    make_lab: LabMaker, caplog: pytest.LogCaptureFixture
) -> None:
    lab = make_lab()
    zones = lab.api.listZones
    del lab.cloud._cloud.state.zone
    with caplog.at_level(logging.ERROR):
        answer = lab.raw.call("listZones")
    assert zones is not None
    assert answer.status == 530
    assert answer.body["errorcode"] == 530
    assert answer.body["cserrorcode"] == 4250
    assert answer.body["errortext"] == "Internal error executing command, please contact your system administrator"
    assert "listZones met a fault of the lab" in caplog.text
    assert caplog.records[-1].exc_info is not None


def test_one_connection_serves_many_requests(lab: Lab) -> None:
    parts = urlsplit(lab.cloud.endpoint)
    connection = HTTPConnection(parts.hostname or "", parts.port or 0, timeout=10)
    query = urlencode(lab.raw.signed({"command": "listZones", "response": "json", "apiKey": lab.raw.api_key}))
    ports = []
    for _ in range(3):
        connection.request("GET", f"{parts.path}?{query}")
        assert connection.getresponse().read()
        assert connection.sock is not None
        ports.append(connection.sock.getsockname()[1])
    assert ports == [ports[0]] * 3
    connection.close()


def test_requests_that_do_not_wait_for_answers_are_all_answered(lab: Lab) -> None:
    parts = urlsplit(lab.cloud.endpoint)
    query = urlencode(lab.raw.signed({"command": "listZones", "response": "json", "apiKey": lab.raw.api_key}))
    head = f"GET {parts.path}?{query} HTTP/1.1\r\nHost: lab\r\n"
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as connection:
        connection.sendall(f"{head}\r\n{head}Connection: close\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    assert answer.count(b"HTTP/1.1 200 OK") == answer.count(b'"listzonesresponse"') == 2


def test_the_end_joins_every_thread_though_a_connection_is_kept_alive(make_lab: LabMaker) -> None:
    before = set(threading.enumerate())
    lab = make_lab()
    parts = urlsplit(lab.cloud.endpoint)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as idle:
        lab.deploy(lab.fixed())
        lab.cloud.shutdown()
        assert idle.recv(1) == b""
    assert [t.name for t in set(threading.enumerate()) - before if t.name.startswith(("lab-job", "lab-api"))] == []
    assert lab.hosts["kvm1"].hypervisor.domain_names() == ()
    lab.cloud.shutdown()


def test_every_command_tells_its_parameters(lab: Lab) -> None:
    apis = {api["name"]: api for api in lab.api.listApis()["api"]}
    scale = apis["scaleVirtualMachine"]
    assert scale["isasync"] is True
    assert {(p["name"], p["type"], p["required"]) for p in scale["params"]} >= {
        ("id", "uuid", True),
        ("serviceofferingid", "uuid", True),
        ("details", "map", False),
    }
    assert lab.api.listApis(name="listZones")["count"] == 1


def test_asking_for_an_api_that_is_not_there_is_refused(lab: Lab) -> None:
    assert lab.raw.call("listApis", name="frobnicate").status == 432


def test_requests_in_parallel_while_instances_come_and_go_are_all_answered(lab: Lab) -> None:
    offering_id, zone_id, template_id = lab.fixed(), lab.zone_id, lab.template_id()
    statuses: list[int] = []
    ending = threading.Event()

    def look() -> None:
        while not ending.is_set():
            statuses.append(lab.raw.call("listVirtualMachines").status)
            statuses.append(lab.raw.call("listVolumes").status)
            statuses.append(lab.raw.call("listHosts").status)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for looker in lookers:
        looker.start()
    try:
        given = {"zoneid": zone_id, "templateid": template_id, "serviceofferingid": offering_id}
        started = [lab.raw.call("deployVirtualMachine", **given).body for _ in range(12)]
        assert {lab.finished(each)["jobstatus"] for each in started} == {1}
        ended = [lab.raw.call("destroyVirtualMachine", id=each["id"], expunge="true").body for each in started]
        assert {lab.finished(each)["jobstatus"] for each in ended} == {1}
    finally:
        ending.set()
        for looker in lookers:
            looker.join()
    assert set(statuses) == {200}
    assert [h["memoryallocatedbytes"] for h in lab.api.listHosts(type="Routing")["host"]] == [0, 0, 0]


def test_control_characters_are_refused(lab: Lab) -> None:
    answer = lab.raw.call("listZones", name="a\x00b")
    assert (answer.status, answer.body["cserrorcode"]) == (431, 9999)
    text = "Received value containing illegal ASCII non-printable characters for parameter name"
    assert answer.body["errortext"] == text
    assert lab.raw.call("listZones", name="a\nb").status == 200


def test_an_answer_in_xml_is_well_formed_whatever_a_user_wrote(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    given = {"details[0].<a b>": "\ufffe & <x>"}
    assert lab.raw.call("updateVirtualMachine", id=instance["id"], **given).status == 200
    query = {"command": "listVirtualMachines", "apiKey": lab.raw.api_key}
    assert "<_a_b_>? &amp; &lt;x&gt;</_a_b_>" in lab.raw.get(lab.raw.signed(query)).text
    lab.offering(customized="true", **{"serviceofferingdetails[0].key": "", "serviceofferingdetails[0].value": "v"})
    query["command"] = "listServiceOfferings"
    assert "<_>v</_>" in lab.raw.get(lab.raw.signed(query)).text


def test_sizes_are_not_changed_as_details(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    changed = lab.api.updateVirtualMachine(id=instance["id"], **{"details[0].cpuNumber": "abc", "details[0].mine": "1"})
    assert changed["virtualmachine"]["details"] == {"mine": "1"}
    assert lab.api.listVirtualMachines()["virtualmachine"][0]["cpunumber"] == 1


def test_a_list_may_be_asked_for_what_is_gone_and_for_nothing(lab: Lab) -> None:
    instance = lab.deploy(lab.fixed())
    lab.run("destroyVirtualMachine", id=instance["id"], expunge="true")
    assert lab.api.listVirtualMachines(id=instance["id"]) == {}
    assert lab.api.listStoragePools(clusterid="-1") == {}
    assert lab.raw.call("listVirtualMachines", id="x").status == 431
    assert lab.raw.call("startVirtualMachine", id=instance["id"]).status == 431


def test_destroying_and_scaling_at_once_is_answered_and_leaves_the_books_right(lab: Lab) -> None:
    sizes = [lab.fixed(cpus) for cpus in (1, 2)]
    instances = [lab.deploy(sizes[0])["id"] for _ in range(6)]

    def both(instance_id: str) -> list[int]:
        scaled = lab.raw.call("scaleVirtualMachine", id=instance_id, serviceofferingid=sizes[1])
        gone = lab.raw.call("destroyVirtualMachine", id=instance_id, expunge="true")
        again = lab.raw.call("scaleVirtualMachine", id=instance_id, serviceofferingid=sizes[0])
        for answer in (scaled, gone, again):
            if answer.status == 200:
                lab.finished(answer.body)
        return [scaled.status, gone.status, again.status]

    with ThreadPoolExecutor(6) as threads:
        statuses = list(threads.map(both, instances))
    assert all(seen[:2] == [200, 200] and seen[2] in (200, 431) for seen in statuses)
    assert lab.api.listVirtualMachines(listall="true") == {}
    assert [each["cpuallocatedvalue"] for each in lab.api.listHosts()["host"]] == [0, 0, 0]
    account = lab.api.listAccounts(name="admin")["account"][0]
    assert (account["vmtotal"], account["cputotal"], account["memorytotal"]) == (0, 0, 0)


@pytest.mark.parametrize("keyword", ["LAB-ZONE", "láb-zoné"])
def test_case_and_accents_do_not_matter_in_what_is_looked_for(lab: Lab, keyword: str) -> None:
    assert lab.raw.call("listZones", keyword=keyword).body["count"] == 1
