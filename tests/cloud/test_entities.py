"""Answers with fields that are missing or of another kind."""

import pytest

from harness.cloud.client import ApiAnswerError
from harness.cloud.entities import Zone, read


def test_a_field_that_is_not_there_is_named() -> None:
    with pytest.raises(ApiAnswerError, match=r"Zone has an unusable field networktype: Field required"):
        read(Zone, {"id": "1", "name": "z"})


def test_fields_that_nobody_asked_for_do_not_matter() -> None:
    assert read(Zone, {"id": "1", "name": "z", "networktype": "Basic", "more": 1}).network_type == "Basic"
