"""A Marvin configuration as an environment: keys by every way in, hosts and template from the cloud."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.lab.api.lab_cloud import LabCloud
from harness.lab.simulated.fleet import SimulatedFleet
from harness.lab.topology import DEFAULT_LAB
from harness.marvin.config import MarvinConfigError, read
from harness.marvin.environment import environment_of
from harness.marvin.keys import access

PASSWORD = "a pass-word"  # noqa: S105 - the test lab's

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabCloud]:
    fleet = SimulatedFleet(DEFAULT_LAB.hosts, tmp_path_factory.mktemp("lab"))
    made = LabCloud(DEFAULT_LAB, fleet.up(), fleet.guest_boot, admin_password=PASSWORD, integration_port=True)
    made.serve()
    yield made
    made.shutdown()
    fleet.down()


@pytest.fixture
def write(cloud: LabCloud, tmp_path: Path) -> Write:
    def written(zone: str = DEFAULT_LAB.zone, hosts: list[dict[str, str]] | None = None, **server: object) -> Path:
        clusters = [{"clustername": "c", "hypervisor": "KVM", "hosts": hosts or []}]
        tree = {
            "zones": [{"name": zone, "pods": [{"name": "p", "clusters": clusters}]}],
            "mgtSvr": [{"mgtSvrIp": "127.0.0.1", "port": urlsplit(cloud.endpoint).port, **server}],
        }
        file = tmp_path / "some.cfg"
        file.write_text(json.dumps(tree))
        return file

    return written


def _integration(cloud: LabCloud) -> dict[str, object]:
    return {
        "port": urlsplit(cloud.integration_endpoint).port,
        "apiPort": urlsplit(cloud.endpoint).port,
        "user": "root",
        "passwd": "nobody asks",
    }


def test_keys_of_the_file_are_taken_as_they_are(write: Write) -> None:
    reached = access(read(write(apiKey="a", securityKey="b", passwd="wrong")))  # noqa: S106
    assert (reached.api_key, reached.secret_key) == ("a", "b")


def test_user_and_password_log_in_and_get_their_keys(cloud: LabCloud, write: Write) -> None:
    reached = access(read(write(user="admin", passwd=PASSWORD)))
    assert (reached.api_key, reached.secret_key) == (cloud.admin.api_key, cloud.admin.secret_key)
    assert reached.endpoint == cloud.endpoint


def test_the_integration_port_tells_the_admins_keys(cloud: LabCloud, write: Write) -> None:
    reached = access(read(write(**_integration(cloud))))
    assert (reached.api_key, reached.secret_key) == (cloud.admin.api_key, cloud.admin.secret_key)
    assert reached.endpoint == cloud.endpoint


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"[1]", b'{"loginresponse": 7}', b"{}", b'"' + b"x" * (5 * 1024 * 1024) + b'"'], ids=len
)
def test_whatever_answers_in_place_of_a_login_is_told_in_one_line(write: Write, body: bytes) -> None:
    """An answer is bounded in size too."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(MarvinConfigError, match=r"mgtSvrIp, port: "):
            access(read(write(port=server.server_port, user="admin", passwd="p")))  # noqa: S106
        server.shutdown()


def test_keys_that_a_job_makes_are_waited_for(write: Write) -> None:
    answers = {
        "login": [{"userid": "u", "sessionkey": "s"}],
        "registerUserKeys": [{"jobid": "j"}],
        "getUserKeys": [{"userkeys": {}}],
        "queryAsyncJobResult": [
            {"jobid": "j", "jobstatus": 0},
            {"jobid": "j", "jobstatus": 1, "jobresult": {"userkeys": {"apikey": "key", "secretkey": "secret"}}},
        ],
    }

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.tell(parse_qs(urlsplit(self.path).query)["command"][0])

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.tell("login")

        def tell(self, command: str) -> None:
            body = json.dumps({f"{command.lower()}response": answers[command].pop(0)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = access(read(write(port=server.server_port, user="admin", passwd="p")))  # noqa: S106
        server.shutdown()
    assert (found.api_key, found.secret_key) == ("key", "secret")


def test_a_wrong_password_is_said_in_one_line(write: Write) -> None:
    with pytest.raises(MarvinConfigError, match=r"some\.cfg: mgtSvr\[0\]\.user, passwd: login was refused: ") as raised:
        access(read(write(user="admin", passwd="wrong")))  # noqa: S106
    assert "\n" not in str(raised.value)


def test_a_server_that_is_not_there_is_said_in_one_line(write: Write) -> None:
    with pytest.raises(MarvinConfigError, match=r"mgtSvrIp, port: no CloudStack answers at http://127") as raised:
        access(read(write(port=1)))
    assert "\n" not in str(raised.value)


def test_hosts_are_matched_by_address_and_the_template_is_found(cloud: LabCloud, write: Write) -> None:
    entry = {"url": "http://kvm1:2222", "username": "admin", "password": "s3cret"}
    environment = environment_of(write(hosts=[entry, {"url": "http://sim/c0/h0"}], **_integration(cloud)))
    assert environment.cloud.zone == DEFAULT_LAB.zone
    assert environment.cloud.template == "lab-guest"
    assert environment.api_key() == cloud.admin.api_key
    assert environment.secret_key() == cloud.admin.secret_key
    [(name, login)] = environment.hosts.overrides.items()
    assert (name, login.address, login.port, login.user) == ("kvm1", "kvm1", 2222, "admin")
    assert (environment.password("kvm1"), environment.password("kvm2")) == ("s3cret", None)
    assert "s3cret" not in repr(environment)
    assert cloud.admin.secret_key not in repr(environment)


def test_a_zone_that_the_cloud_has_not_is_named_with_those_that_it_has(cloud: LabCloud, write: Write) -> None:
    with pytest.raises(MarvinConfigError, match=rf"no zone 'moon'; it has {DEFAULT_LAB.zone}"):
        environment_of(write(zone="moon", **_integration(cloud)))


def test_an_environment_file_that_it_names_says_everything(write: Write, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[api]\nendpoint = "https://c/client/api"\napi_key = "k"\nsecret_key_file = "s"\n'
        '[cloud]\nzone = "mine"\ntemplate = "t"\n'
    )
    file = write()
    file.write_text(json.dumps({**json.loads(file.read_text()), "csHarness": {"environmentFile": "mine.toml"}}))
    assert environment_of(file).cloud.zone == "mine"
