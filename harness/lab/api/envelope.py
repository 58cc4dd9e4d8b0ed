"""Answers in CloudStack's envelopes: JSON, or XML where the request does not ask for JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from xml.sax.saxutils import escape, quoteattr

from werkzeug.wrappers import Response

from harness.lab.management.errors import ApiError, BareError

_LONGEST_DESCRIPTION = 4096
# What an XML 1.0 document may not hold, and what may not be in a name.
_NOT_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]|^(?=[^A-Za-z_])")


@dataclass(frozen=True)
class Form:
    """How the caller wants the answer; `version` stands on the root of XML answers.

    The integration port writes the types of its answers another way, and no description.
    """

    is_json: bool
    version: str
    integration: bool = False

    @property
    def content_type(self) -> str:
        name = "application/json" if self.is_json else "text/xml"
        return f"{name}; charset=UTF-8" if self.integration else f"{name};charset=utf-8"


def success(form: Form, root: str, body: Mapping[str, object]) -> Response:
    return _response(form, 200, root, body, version=True)


def error(form: Form, root: str, refusal: ApiError) -> Response:
    """A synchronous error; a bare one has neither CloudStack error code nor version nor description."""
    body: dict[str, object] = {"uuidList": [], "errorcode": refusal.code}
    bare = isinstance(refusal, BareError)
    if not bare:
        body["cserrorcode"] = refusal.cs_code
    body["errortext"] = str(refusal)
    response = _response(form, refusal.code, root, body, version=not bare)
    if not (bare or form.integration):
        response.headers["X-Description"] = _one_line(str(refusal))
    return response


def text(form: Form, status: int, body: str) -> Response:
    """A few answers are no envelope, only labelled as one."""
    return Response(body, status=_status_line(status), content_type=form.content_type)


def _one_line(text: str) -> str:
    """What fits into a header: one line of Latin-1, not endless."""
    printable = "".join(each if each.isprintable() else " " for each in text[:_LONGEST_DESCRIPTION])
    return " ".join(printable.split()).encode("latin-1", "replace").decode("latin-1")


def _status_line(status: int) -> str:
    """With the reason as it is usually written; werkzeug's own is in capital letters."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        # CloudStack's own codes from 530 on have no reason.
        return str(status)


def _response(form: Form, status: int, root: str, body: Mapping[str, object], *, version: bool) -> Response:
    if form.is_json:
        text = json.dumps({root: body}, separators=(",", ":"), ensure_ascii=False)
        return Response(text, status=_status_line(status), content_type=form.content_type)
    attribute = f" cloud-stack-version={quoteattr(form.version)}" if version else ""
    inner = "".join(_element(name, value) for name, value in body.items())
    text = f'<?xml version="1.0" encoding="UTF-8"?><{root}{attribute}>{inner}</{root}>'
    return Response(text, status=_status_line(status), content_type=form.content_type)


def _element(name: str, value: object) -> str:
    name = _NOT_IN_NAMES.sub("_", name) or "_"
    if isinstance(value, (list, tuple)):
        return "".join(_element(name, item) for item in value)
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(key, item) for key, item in value.items())}</{name}>"
    if isinstance(value, bool):
        return f"<{name}>{str(value).lower()}</{name}>"
    return f"<{name}>{escape(_NOT_XML.sub('?', str(value)))}</{name}>"
