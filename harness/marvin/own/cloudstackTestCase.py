"""The class that Marvin's test classes are made of."""

from __future__ import annotations

import unittest
from collections.abc import Callable, Iterable
from typing import Any

from .lib.utils import cleanup_resources


def user(Name: str, DomainName: str, AcctType: int) -> Callable[[type], type]:
    """Have the tests of a class run by a user of its own."""

    def decorate(cls: Any) -> Any:
        cls.user, cls.UserName, cls.DomainName, cls.AcctType = Name, Name, DomainName, AcctType
        return cls

    return decorate


class cloudstackTestCase(unittest.TestCase):
    """Before its set-up `testClient`, `clstestclient`, `config`, `debug`, `info`, `warn` and `error` go into it."""

    clstestclient: Any = None
    config: Any = None

    @classmethod
    def getClsTestClient(cls) -> Any:
        return cls.clstestclient

    @classmethod
    def getClsConfig(cls) -> Any:
        return cls.config

    def tearDown(self) -> None:
        if hasattr(self, "apiclient") and hasattr(self, "cleanup"):
            self.cleanup_resources(self.apiclient, reversed(self.cleanup))

    @classmethod
    def tearDownClass(cls) -> None:
        client = getattr(cls, "apiclient", None) or getattr(cls, "api_client", None)
        if client is not None and hasattr(cls, "_cleanup"):
            cls.cleanup_resources(client, reversed(cls._cleanup))

    @classmethod
    def cleanup_resources(cls, api_client: Any, resources: Iterable[Any]) -> None:
        cleanup_resources(api_client, resources)
