"""Marvin's options for pytest. What they switch on is imported when there is a --with-marvin."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("marvin", "CloudStack's Marvin test modules")
    group.addoption("--with-marvin", action="store_true", help="run Marvin test modules, against the cloud below")
    group.addoption(
        "--marvin-config",
        metavar="FILE",
        help="Marvin configuration of the cloud (default: $MARVIN_CONFIG; without it an embedded lab)",
    )
    group.addoption(
        "--marvin-path",
        metavar="DIR",
        help="tools/marvin of a CloudStack tree, or `own` for the small one that comes with the harness (default: an "
        "installed Marvin, else that of the tree in which the tests are, else our own)",
    )
    group.addoption("--zone", metavar="NAME", help="zone to test in (default: the configuration's first)")
    group.addoption("--hypervisor", metavar="TYPE", help="hypervisor under test (default: the configuration's)")
    group.addoption("--deploy", action="store_true", help="first build the zone that the configuration describes")
    group.addoption("--log-folder-path", metavar="DIR", help="where MarvinLogs lands (default: the configuration's)")
    group.addoption(
        "--attr",
        action="append",
        default=[],
        metavar="ATTR",
        help="nose's -a: a comma is and, a repeated option is or; key=value, key, !key",
    )
    group.addoption(
        "--eval-attr", action="append", default=[], metavar="EXPR", help="nose's -A: a Python expression of attributes"
    )
    group.addoption("--fast-waits", dest="fast_waits", action="store_true", default=True, help="(default)")
    group.addoption(
        "--no-fast-waits",
        dest="fast_waits",
        action="store_false",
        help="sleep as long as Marvin does, and do not look whether what it waits for has come",
    )
    group.addoption(
        "--leftovers",
        choices=["list", "remove", "ignore"],
        default="list",
        help="what a module leaves in the cloud: list it (default), list and remove it, or do not look",
    )


def marvin_config(config: pytest.Config) -> Path | None:
    """The Marvin configuration that an option or MARVIN_CONFIG names."""
    named = config.getoption("marvin_config") or os.environ.get("MARVIN_CONFIG")
    return Path(named) if named else None


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("with_marvin"):
        from harness.marvin.runner import MarvinRunner

        config.pluginmanager.register(MarvinRunner(config), "marvin-runner")
