"""Login with a password, what a session needs, and how it ends."""

from __future__ import annotations

import json
from http.cookies import SimpleCookie
from urllib.parse import urlencode

import pytest

from harness.lab.api.sessions import Sessions
from tests.lab.api.conftest import Lab
from tests.lab.api.raw import RawAnswer

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_UNVERIFIED = "unable to verify user credentials and/or request signature"


def _login(lab: Lab, **given: str) -> RawAnswer:
    wanted = {"username": "admin", "password": lab.cloud.admin_password, **given}
    return lab.raw.send("POST", "", urlencode({"command": "login", "response": "json", **wanted}), _FORM)


class _Browser:
    """Keeps what a login gave, and sends it along."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        answer = _login(lab)
        assert answer.status == 200, answer.text
        self.login = answer.body
        self.cookies = {name: cookie.value for name, cookie in SimpleCookie(answer.cookies).items()}
        self.key = str(answer.body["sessionkey"])

    def call(self, command: str, method: str = "GET", **given: str) -> RawAnswer:
        query = urlencode({"command": command, "response": "json", "sessionkey": self.key, **given})
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if method == "GET":
            return self._lab.raw.send("GET", f"?{query}", None, headers)
        return self._lab.raw.send("POST", "", query, headers | _FORM)


def test_a_login_tells_who_one_is_and_gives_a_key(lab: Lab) -> None:
    browser = _Browser(lab)
    shown = {name: value for name, value in browser.login.items() if not name.endswith("id")}
    assert shown == {
        "username": "admin",
        "timeout": 1800,
        "account": "admin",
        "firstname": "Admin",
        "lastname": "User",
        "type": "1",
        "timezone": "UTC",
        "timezoneoffset": "0.0",
        "registered": "false",
        "sessionkey": browser.key,
        "is2faenabled": "false",
        "is2faverified": "true",
        "issuerfor2fa": "CloudStack",
    }
    assert browser.cookies["sessionkey"] == browser.key
    assert browser.call("listZones").body["count"] == 1
    assert browser.call("listZones", "POST").body["count"] == 1


def test_a_login_is_posted(lab: Lab) -> None:
    answer = lab.raw.send("GET", "?command=login&response=json&username=admin&password=x")
    assert (answer.status, answer.text) == (405, "Please use HTTP POST to authenticate using this API")
    assert answer.headers["Content-Type"] == "application/json;charset=utf-8"


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        ({"password": "wrong"}, 531, "Failed to authenticate user admin in domain 1; please provide valid credentials"),
        ({"password": ""}, 531, "Failed to authenticate user admin in domain 1; please provide valid credentials"),
        ({"username": "x"}, 531, "Failed to authenticate user x in domain 1; please provide valid credentials"),
        ({"domain": "sub/one"}, 531, "Unable to find the domain from the path /sub/one/"),
        ({"domainId": "7"}, 531, "Unable to find the domain from the path null"),
        ({"domainid": "nope"}, 401, "Invalid domain id entered, please enter a valid one"),
    ],
)
def test_a_login_that_fails_says_so_without_a_cloudstack_code(
    lab: Lab, given: dict[str, str], code: int, text: str
) -> None:
    answer = _login(lab, **given)
    assert answer.status == code
    assert answer.json == {"loginresponse": {"uuidList": [], "errorcode": code, "errortext": text}}
    assert "X-Description" not in answer.headers


@pytest.mark.parametrize("given", [{"domain": "/"}, {"domain": "ROOT"}, {"domain": ""}, {"domainId": "1"}])
def test_the_root_domain_may_be_named(lab: Lab, given: dict[str, str]) -> None:
    assert _login(lab, **given).status == 200


def test_a_login_without_a_name_has_no_body(lab: Lab) -> None:
    answer = lab.raw.send("POST", "", "command=login&response=json", _FORM)
    assert (answer.status, answer.text) == (531, "")


def test_a_user_without_a_password_cannot_log_in(lab: Lab) -> None:
    lab.cloud.add_user("someone")
    assert _login(lab, username="someone", password="").status == 531


def test_a_wrong_session_key_ends_the_session(lab: Lab) -> None:
    browser = _Browser(lab)
    wrong = browser.call("listZones", sessionkey="wrong")
    assert wrong.status == 401
    assert wrong.body == {"uuidList": [], "errorcode": 401, "errortext": "unable to verify user credentials"}
    after = browser.call("listZones", "POST")
    assert (after.status, after.body["errortext"]) == (401, _UNVERIFIED)
    out = browser.call("logout")
    assert (out.status, out.root, out.body["cserrorcode"]) == (431, "logoutresponse", 9999)
    assert out.body["errortext"] == out.headers["X-Description"] == "Session not found for the logout process."


def test_the_key_is_wanted_as_a_cookie_too(lab: Lab) -> None:
    browser = _Browser(lab)
    del browser.cookies["sessionkey"]
    assert browser.call("listZones").status == 401


def test_after_a_logout_the_session_is_worth_nothing(lab: Lab) -> None:
    browser = _Browser(lab)
    assert browser.call("logout").json == {"logoutresponse": {"description": "success"}}
    assert browser.call("listZones").status == 401


def test_a_new_login_ends_the_session_it_is_made_in(lab: Lab) -> None:
    browser = _Browser(lab)
    browser.call("login", "POST", username="admin")
    assert browser.call("listZones").status == 401


def test_a_session_of_a_user_who_was_removed_is_over(lab: Lab) -> None:
    person = {"username": "new", "firstname": "A", "lastname": "B", "email": "c", "password": "secret"}
    account = lab.raw.call("createAccount", accounttype=0, **person).body["account"]
    answer = _login(lab, username="new", password=person["password"])
    assert "managementserverid" not in answer.body
    lab.run("deleteAccount", id=account["id"])
    cookies = "; ".join(f"{name}={each.value}" for name, each in SimpleCookie(answer.cookies).items())
    query = urlencode({"command": "listZones", "response": "json", "sessionkey": answer.body["sessionkey"]})
    assert lab.raw.send("GET", f"?{query}", None, {"Cookie": cookies}).status == 401


def test_a_session_that_is_not_used_is_over_after_half_an_hour(lab: Lab) -> None:
    moment = 0.0
    lab.cloud._api._sessions = Sessions(lab.cloud._cloud, lambda: moment)
    browser = _Browser(lab)
    moment = 1800.0
    assert browser.call("listZones").status == 200
    moment = 3601.0
    assert browser.call("listZones").body["errortext"] == _UNVERIFIED


def test_in_a_session_an_unknown_command_is_an_unsupported_one(lab: Lab) -> None:
    answer = _Browser(lab).call("frob")
    assert (answer.status, answer.root, answer.body["cserrorcode"]) == (432, "errorresponse", 9999)
    assert answer.body["errortext"] == "Unknown API command: frob"


def test_a_login_can_be_answered_in_xml(lab: Lab) -> None:
    body = urlencode({"command": "login", "username": "admin", "password": lab.cloud.admin_password})
    answer = lab.raw.send("POST", "", body, _FORM)
    assert answer.text.startswith(
        '<?xml version="1.0" encoding="UTF-8"?><loginresponse cloud-stack-version="4.23.0.0">'
    )
    assert json.dumps(answer.text).count("sessionkey") == 2
