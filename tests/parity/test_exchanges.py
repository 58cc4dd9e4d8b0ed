"""The corpus asked of a cloud: what counts as a difference, and what is one of our lab's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.parity.accepted import AcceptedDifferences, AcceptedFileError, load_accepted
from harness.parity.exchanges import Asked, CorpusError, Difference, Exchange, ParityError, differences, load
from tests.conftest import SimulatedLab

CORPUS = Path(__file__).parents[1] / "data" / "lab" / "exchanges.json"


@pytest.fixture(scope="module")
def asked(lab: SimulatedLab) -> Iterator[Asked]:
    asked = Asked(lab.endpoint, lab.api_key, lab.secret_key)
    yield asked
    asked.close()


def exchange(**given: object) -> Exchange:
    return Exchange.model_validate(
        {"name": "one", "release": "4.23", "user": "admin", "request": {"command": "listZones"}, **given}
    )


def test_our_lab_answers_the_recorded_exchanges_as_the_real_server_did(asked: Asked) -> None:
    chosen = [each for each in load(CORPUS) if each.release == asked.release()]
    assert len(chosen) > 20
    assert [each for one in chosen for each in differences(one, asked.answer(one))] == []


def test_the_release_is_told_by_the_presence_of_the_new_settings(asked: Asked) -> None:
    assert asked.release() == "4.23"


def test_a_plain_user_is_answered_as_one(asked: Asked) -> None:
    assert asked.answer(exchange(user="user", request={"command": "listHosts"})).status == 432


def test_another_text_status_or_field_is_a_difference() -> None:
    real = exchange(status=431, body={"r": {"errortext": "no", "cserrorcode": 9999}}, description="no")
    ours = exchange(status=530, body={"r": {"errortext": "never"}}, description=None)
    assert list(differences(real, ours)) == [
        Difference("one", "status", "431", "530"),
        Difference("one", "body.r.cserrorcode", "9999", "nothing"),
        Difference("one", "body.r.errortext", '"no"', '"never"'),
        Difference("one", "description", '"no"', "null"),
    ]


def test_lists_of_other_lengths_differ_as_a_whole() -> None:
    (found,) = differences(exchange(body=[1, 2]), exchange(body=[1]))
    assert (found.path, found.real, found.ours) == ("body", "[1, 2]", "[1]")


def test_null_and_nothing_are_two_things() -> None:
    (found,) = differences(exchange(body={"a": None}), exchange(body={}))
    assert (found.real, found.ours) == ("null", "nothing")


def test_ids_and_times_are_no_difference() -> None:
    one = "10000000-aaaa-4aaa-8aaa-aaaaaaaaaaaa at 2026-11-22T10:00:00+0000"
    other = "20000000-bbbb-4bbb-8bbb-bbbbbbbbbbbb at 2026-11-23T11:11:11+0000"
    assert list(differences(exchange(body={"text": one}), exchange(body={"text": other}))) == []


def test_a_cloud_that_is_not_there_is_an_error_and_no_agreement() -> None:
    with pytest.raises(ParityError, match="failed"):
        Asked("http://127.0.0.1:1/client/api", "key", "secret")


def test_an_accepted_difference_needs_a_reason(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text('[[accepted]]\nexchange = "*"\npath = "body.*"\nreason = ""\n', encoding="utf-8")
    with pytest.raises(AcceptedFileError, match="reason"):
        load_accepted(file)


def test_what_is_accepted_covers_its_paths_only_and_is_told_when_it_covers_nothing(tmp_path: Path) -> None:
    file = tmp_path / "accepted.toml"
    file.write_text(
        '[[accepted]]\nexchange = "one"\npath = "body.*.jobid"\nreason = "numbers of another server"\n',
        encoding="utf-8",
    )
    accepted = load_accepted(file)
    covered, other = Difference("one", "body.r.jobid", "1", "2"), Difference("one", "body.r.count", "1", "2")
    assert accepted.reason(covered) == "numbers of another server"
    assert accepted.reason(other) is None
    assert accepted.unused([covered]) == []
    assert accepted.unused([other]) == accepted.accepted
    assert load_accepted(None) == AcceptedDifferences()


@pytest.mark.parametrize("text", ["[{}]", "nothing", '[{"name": "one", "release": "4.23", "user": "root"}]'])
def test_a_corpus_that_is_none_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "corpus.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"corpus\.json"):
        load(file)
