"""Tests that nose takes for such by their name and unittest does not: `login_test_saml_user`, for one."""

from __future__ import annotations

import re
import unittest
from collections.abc import Iterable, Iterator

import pytest

# pytest has no other way to make a test of a unittest class's method.
from _pytest.unittest import TestCaseFunction

# Source: nose 1.3.7, nose/config.py.
_NAME = re.compile(r"(?:^|[\b_./-])[Tt]est")


def take_noses_names(collector: object) -> None:
    """Have the collector of a unittest class collect methods that nose's rule takes, where they have attributes too.

    nose itself would run any of that name; helpers such as `do_vpc_test` are no tests, and have no attributes.
    """
    if not isinstance(collector, pytest.Class) or not issubclass(collector.obj, unittest.TestCase):
        return
    more = list(_names(collector.obj))
    if not more:
        return
    collect = collector.collect

    def with_noses() -> Iterable[pytest.Item | pytest.Collector]:
        yield from collect()
        for name in more:
            yield TestCaseFunction.from_parent(collector, name=name)

    collector.collect = with_noses  # type: ignore[method-assign]


def _names(cls: type) -> Iterator[str]:
    for name in sorted(dir(cls)):
        if name.startswith(("_", unittest.TestLoader.testMethodPrefix)) or not _NAME.search(name):
            continue
        method = getattr(cls, name)
        if callable(method) and getattr(method, "__dict__", None):
            yield name
