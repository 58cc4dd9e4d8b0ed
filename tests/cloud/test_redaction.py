"""Secrets are hidden by the names of fields, by their values, and by the look of a text; the rest stays."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cloud.redaction import HIDDEN, Redactor

SECRET = "s3cr3t-canary-value"  # noqa: S105 - none
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\nBBBB\n-----END OPENSSH PRIVATE KEY-----"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /client/api?command=listZones&apiKey={SECRET}&response=json",
        f"signature={SECRET}",
        f"the sessionkey: {SECRET} of admin",
        f'{{"secretkey":"{SECRET}"}}',
        f"<graphics type='vnc' passwd='{SECRET}'/>",
        f'"usersecretkey" : "{SECRET}"',
        f"--password={SECRET}",
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str) -> None:
    assert SECRET not in Redactor().text(text)
    assert HIDDEN in Redactor().text(text)


@pytest.mark.parametrize("text", [f"a\n{KEY}\nb", KEY[:60]])
def test_private_keys_are_hidden_also_where_they_are_cut(text: str) -> None:
    assert "AAAA" not in Redactor().known(text)


def test_a_known_value_is_hidden_anywhere_and_nothing_else_is() -> None:
    text = f"instance i-2-7 said {SECRET}, signature: not a value"
    assert Redactor([SECRET]).known(text) == f"instance i-2-7 said {HIDDEN}, signature: not a value"


def test_a_secret_that_a_field_betrays_is_hidden_elsewhere_from_then_on() -> None:
    redactor = Redactor()
    answer = {"user": [{"apikey": SECRET, "passwordenabled": "false", "name": "x"}]}
    assert redactor.tree(answer) == {"user": [{"apikey": HIDDEN, "passwordenabled": "false", "name": "x"}]}
    assert redactor.known(f"a log with {SECRET}") == f"a log with {HIDDEN}"


def test_what_a_traceback_leaves_of_a_long_key_is_hidden() -> None:
    key = "7R6xyjrv6CERCUeMrUuSlxX3yVe2gooqsSQvm23xDZDUTJK7sm-4KRYTUWrmpKEPxhL2NqdEciCRHZ"
    text = f"secrets = ['{key[:30]}...{key[-40:]}', 'other']"
    assert Redactor([key]).known(text) == f"secrets = ['{HIDDEN}', 'other']"


@given(st.text(alphabet=st.sampled_from("p secretky=\"':\n-&{}"), max_size=300))
def test_any_text_is_taken(text: str) -> None:
    Redactor([SECRET]).text(text)


@pytest.mark.parametrize("piece", ["a", "secret", "secret=", 'secret="', "-----BEGIN PRIVATE KEY-----", "_ "])
def test_a_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    started = time.process_time()
    Redactor().text(piece * (300_000 // len(piece)))
    assert time.process_time() - started < 20
