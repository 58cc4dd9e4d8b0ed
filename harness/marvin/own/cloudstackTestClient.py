"""What a test class has as `testClient`."""

from __future__ import annotations

import copy
import importlib
import importlib.util
import logging
from typing import Any, NoReturn

from harness.errors import HarnessError

from .cloudstackConnection import CSConnection
from .codes import SUCCESS
from .config.test_data import test_data


class NoDatabaseError(HarnessError):
    """A test asks the database."""


class NoDatabase:
    """The database of nobody: only a test that uses it fails."""

    def execute(self, *_: object, **__: object) -> NoReturn:
        raise NoDatabaseError("the harness's own Marvin has no database connection; give --marvin-path tools/marvin")


class CSTestClient:
    def __init__(
        self,
        mgmt_details: Any,
        dbsvr_details: Any,
        async_timeout: float = 3600,
        logger: logging.Logger | None = None,
        test_data_filepath: str | None = None,
        zone: str | None = None,
        hypervisor_type: str | None = None,
    ) -> None:
        self.identifier: str | None = None
        self._connection = CSConnection(mgmt_details, async_timeout, logger)
        self._zone = zone
        self._hypervisor = hypervisor_type
        self._data = _data(test_data_filepath) if test_data_filepath else test_data

    def createTestClient(self) -> str:
        made = importlib.import_module("marvin.cloudstackAPI.cloudstackAPIClient").CloudStackAPIClient
        self._client = made(self._connection)
        return SUCCESS

    def getApiClient(self) -> Any:
        self._client.id = self.identifier
        return self._client

    def getParsedTestDataConfig(self) -> dict[str, Any]:
        return copy.deepcopy(self._data)

    def getHypervisorInfo(self) -> str | None:
        return self._hypervisor

    def getZoneForTests(self) -> str | None:
        return self._zone

    def getDbConnection(self) -> NoDatabase:
        return NoDatabase()


def _data(file: str) -> dict[str, Any]:
    """The dictionary `test_data` of a file of somebody's own, as Marvin takes it from TestData.Path."""
    specification = importlib.util.spec_from_file_location("marvin_test_data", file)
    if specification is None or specification.loader is None:
        raise HarnessError(f"TestData.Path: {file} is no Python file")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    found: dict[str, Any] = module.test_data
    return found
