"""Single requests, good and bad, as a real management server answered them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from harness.reference.release import BEFORE, SINCE, Release
from tests.lab.api.conftest import LabMaker
from tests.lab.api.raw import RawClient

_EXCHANGES = json.loads((Path(__file__).parents[2] / "data" / "lab" / "exchanges.json").read_text())
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+0000")


@pytest.mark.parametrize("release", [pytest.param(each, id=each.name) for each in (BEFORE, SINCE)])
def test_answers_are_those_of_a_real_server(make_lab: LabMaker, release: Release) -> None:
    lab = make_lab(release)
    keys = lab.cloud.add_user("someone")
    clients = {"admin": lab.raw, "user": RawClient(lab.raw.endpoint, keys.api_key, keys.secret_key)}
    places = {
        "<zone>": lab.zone_id,
        "<cluster-a>": lab.cluster_id("cluster-a"),
        "<cluster-b>": lab.cluster_id("cluster-b"),
    }
    for exchange in _EXCHANGES:
        if exchange["release"] != release.name:
            continue
        request = {name: places.get(value, value) for name, value in exchange["request"].items()}
        answer = clients[exchange["user"]].call(request.pop("command"), **request)
        name = exchange["name"]
        assert answer.status == exchange["status"], name
        assert _comparable(answer.json) == _comparable(exchange["body"]), name
        expected = exchange["description"]
        assert (expected is None) == ("X-Description" not in answer.headers), name
        if expected is not None:
            assert _UUID.sub("", answer.headers["X-Description"]) == _UUID.sub("", expected), name


def _comparable(body: Any) -> Any:
    """Without what differs from cloud to cloud: ids, times, and how a setting is described."""
    if isinstance(body, dict):
        skipped = ("description",) if "component" in body else ()
        return {name: _comparable(value) for name, value in body.items() if name not in skipped}
    if isinstance(body, list):
        return [_comparable(item) for item in body]
    return _TIME.sub("<time>", _UUID.sub("<uuid>", body)) if isinstance(body, str) else body
