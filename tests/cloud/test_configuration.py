"""Settings as a server tells them: with values, without, and too many to list them all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from werkzeug.wrappers import Response

from harness.cloud import configuration
from harness.cloud.client import ApiAnswerError, CloudApi
from harness.cloud.configuration import Place
from harness.reference.settings import CPU_CEILING, SCALE_RETRY, STRICT_HOST_TAGS
from tests.cloud.conftest import ScriptedServer, json_response
from tests.conftest import SimulatedLab


@pytest.fixture
def api(lab: SimulatedLab) -> CloudApi:
    return CloudApi(lab.endpoint, lab.api_key, lab.secret_key)


def test_a_text_that_was_set_to_nothing_is_nothing(api: CloudApi) -> None:
    configuration.update(api, STRICT_HOST_TAGS, "ssd", Place())
    assert configuration.value(api, STRICT_HOST_TAGS, Place()) == "ssd"
    configuration.update(api, STRICT_HOST_TAGS, "", Place())
    assert configuration.value(api, STRICT_HOST_TAGS, Place()) == ""


def test_a_setting_that_the_server_lacks_has_no_value(api: CloudApi) -> None:
    with pytest.raises(ApiAnswerError, match=r"tells no value of no\.such\.setting"):
        configuration.value(api, "no.such.setting", Place())


def test_a_server_of_more_settings_than_a_page_is_asked_for_each_by_its_name(
    api: CloudApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    zone = api.list("listZones", "zone")[0]["id"]
    clusters = [cluster["id"] for cluster in api.list("listClusters", "cluster")]
    configuration.update(api, SCALE_RETRY, "3", Place())
    configuration.update(api, CPU_CEILING, "7", Place(cluster_id=clusters[0]))
    whole = configuration.snapshot(api, zone, clusters, by_name=configuration.are_many(api))
    assert whole.integer(SCALE_RETRY) == 3
    assert [whole.integer(CPU_CEILING, cluster) for cluster in clusters] == [7, 0]
    asked = []
    monkeypatch.setattr(configuration, "PAGE_SIZE", 1)
    monkeypatch.setattr(api, "list", lambda *what, **how: asked.append(how) or CloudApi.list(api, *what, **how))
    assert configuration.snapshot(api, zone, clusters, by_name=configuration.are_many(api)) == whole
    assert {"name": SCALE_RETRY} in asked
    assert {} not in asked


def _answering(told: str, in_force: str) -> Callable[[str], Response]:
    def answer(command: str) -> Response:
        if command == "listConfigurations":
            there = [{"name": CPU_CEILING, "value": in_force}]
            return json_response(command, {"count": 1, "configuration": there})
        return json_response(command, {"configuration": {"name": CPU_CEILING, "value": told}})

    return answer


def test_an_answer_with_the_global_value_to_a_change_in_a_cluster_is_the_servers_way(server: ScriptedServer) -> None:
    server.answer = _answering("0", "5")
    configuration.update(server.api, CPU_CEILING, "5", Place(cluster_id="c"))
    with pytest.raises(ApiAnswerError, match=f"asked to set {CPU_CEILING} to 5, it is 0"):
        configuration.update(server.api, CPU_CEILING, "5", Place())


def test_an_answer_with_another_value_is_an_error_where_the_setting_was_not_changed(server: ScriptedServer) -> None:
    server.answer = _answering("0", "7")
    with pytest.raises(ApiAnswerError, match=f"asked to set {CPU_CEILING} to 5, it is 7"):
        configuration.update(server.api, CPU_CEILING, "5", Place(cluster_id="c"))
