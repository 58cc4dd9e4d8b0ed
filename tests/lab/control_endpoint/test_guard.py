"""Who may ask the control endpoint what: no page from elsewhere, and nobody without the token changes anything."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection

import pytest

from harness.lab.api.server import ApiServer
from tests.lab.api.conftest import Lab
from tests.lab.control_endpoint.conftest import TOKEN

ORDER = '{"kind": "html-body"}'
RIGHT = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
Ask = Callable[..., tuple[int, str, dict[str, str]]]


@pytest.fixture
def ask(endpoint: ApiServer) -> Ask:
    def ask(method: str, path: str, body: str | None = None, **headers: str) -> tuple[int, str, dict[str, str]]:
        connection = HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
        try:
            named = {
                name.replace("_", "-"): value.replace("PORT", str(endpoint.port)) for name, value in headers.items()
            }
            connection.request(method, path, body, named)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(), dict(answer.getheaders())
        finally:
            connection.close()

    return ask


def test_with_the_token_a_fault_is_armed(lab: Lab, ask: Ask) -> None:
    assert ask("POST", "/faults", ORDER, **RIGHT)[0] == 201
    assert len(lab.cloud.faults.armed) == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": "Bearer \xff"}, 401),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example:PORT"}, 403),
        ({"Host": "127.0.0.1"}, 403),
    ],
)
def test_whatever_is_not_right_changes_nothing(lab: Lab, ask: Ask, given: dict[str, str], status: int) -> None:
    right = {"Authorization": RIGHT["Authorization"], "Content_Type": RIGHT["Content-Type"]}
    assert ask("POST", "/faults", ORDER, **right | given)[0] == status
    assert lab.cloud.faults.armed == ()


def test_clearing_needs_the_token_too(lab: Lab, ask: Ask) -> None:
    ask("POST", "/faults", ORDER, **RIGHT)
    assert ask("DELETE", "/faults")[0] == 401
    assert ask("DELETE", "/faults/1")[0] == 401
    assert len(lab.cloud.faults.armed) == 1


@pytest.mark.parametrize("path", ["/", "/state", "/faults", "/fault-kinds", "/ignored-parameters"])
def test_reading_needs_no_token_but_our_own_name(ask: Ask, path: str) -> None:
    status, _, headers = ask("GET", path)
    assert status == 200
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert ask("GET", path, Host="localhost:PORT")[0] == 200
    assert ask("GET", path, Host="evil.example:PORT")[0] == 403
    assert ask("GET", path, Origin="http://evil.example")[0] == 403
    assert ask("GET", path, Origin="http://127.0.0.1:PORT")[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("PUT", "/faults", ORDER, 404),
        ("GET", "/faults/1", None, 404),
        ("DELETE", "/faults/1", None, 404),
        ("DELETE", "/faults/%C2%B2", None, 404),
        ("POST", "/faults", "{", 422),
        ("POST", "/faults", "", 422),
        ("POST", "/faults", "[]", 422),
        ("POST", "/faults", '{"kind": "none"}', 422),
        ("POST", "/faults", '{"kind": "html-body", "colour": 1}', 422),
        ("POST", "/faults", '{"kind": "host-down"}', 422),
        ("POST", "/faults", "x" * 70_000, 413),
    ],
)
def test_what_cannot_be_is_refused_in_json(ask: Ask, method: str, path: str, body: str | None, status: int) -> None:
    got, text, headers = ask(method, path, body, **RIGHT)
    assert got == status
    assert headers["Content-Type"] == "application/json"
    assert text.startswith('{"error": "')
