"""Which behaviour a version has."""

import pytest

from harness.reference.release import BEFORE, SINCE, release_of


@pytest.mark.parametrize(
    ("version", "release"),
    [("4.22.0.0-SNAPSHOT", BEFORE), ("4.9.3", BEFORE), ("4.23.0.0", SINCE), ("4.24", SINCE), ("5.0", SINCE)],
)
def test_the_version_tells_the_behaviour(version: str, release: object) -> None:
    assert release_of(version) is release


def test_the_presence_of_the_settings_outweighs_the_version() -> None:
    assert release_of("4.22.0.0-SNAPSHOT", has_new_settings=True) is SINCE
    assert release_of("4.23.0.0", has_new_settings=False) is BEFORE


def test_a_text_that_is_no_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="no CloudStack version"):
        release_of("main")
