"""Which value of a setting wins."""

import pytest

from harness.reference.settings import (
    AUTO_MIGRATE,
    CPU_CEILING,
    CPU_OVERCOMMIT,
    ENABLE_DYNAMIC_SCALE,
    SCALE_RETRY,
    Settings,
)


def test_an_unset_setting_has_its_default() -> None:
    settings = Settings()
    assert settings.flag(AUTO_MIGRATE, "a") is True
    assert settings.flag(ENABLE_DYNAMIC_SCALE) is False
    assert settings.integer(SCALE_RETRY) == 2
    assert settings.number(CPU_OVERCOMMIT, "a") == 1.0


def test_a_cluster_value_wins_over_the_global_one_in_its_cluster_only() -> None:
    settings = Settings(global_values={CPU_CEILING: "8"}, clusters={"a": {CPU_CEILING: "4"}})
    assert settings.integer(CPU_CEILING, "a") == 4
    assert settings.integer(CPU_CEILING, "b") == 8
    assert settings.integer(CPU_CEILING) == 8


def test_a_zone_value_wins_over_the_global_one() -> None:
    settings = Settings(global_values={ENABLE_DYNAMIC_SCALE: "true"}, zone={ENABLE_DYNAMIC_SCALE: "FALSE"})
    assert settings.flag(ENABLE_DYNAMIC_SCALE) is False


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(KeyError):
        Settings().text("no.such.setting")


def test_a_cluster_has_no_value_of_its_own_of_a_setting_of_wider_scope() -> None:
    values = {SCALE_RETRY: "9", ENABLE_DYNAMIC_SCALE: "true"}
    settings = Settings(clusters={"a": values})
    assert settings.integer(SCALE_RETRY, "a") == 2
    assert settings.flag(ENABLE_DYNAMIC_SCALE, "a") is False
