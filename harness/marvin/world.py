"""The cloud that Marvin's tests run against: where it is, Marvin's client for it, and what is left there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from harness.cloud.client import CloudApi
from harness.marvin import client
from harness.marvin.client import MarvinStartError
from harness.marvin.config import MarvinConfig
from harness.marvin.keys import Access, access
from harness.marvin.made import MadeThings
from harness.run.environment import load
from harness.run.ledger import Ledger


@dataclass(frozen=True)
class Wishes:
    """What options say over the configuration."""

    zone: str | None
    hypervisor: str | None
    deploy: bool


class World:
    """Connects when it is first asked for its API, and starts Marvin when a test needs it."""

    def __init__(self, config: MarvinConfig, wishes: Wishes, logger: logging.Logger, ledger: Ledger) -> None:
        self.config = config
        self.ledger = ledger
        self._made: MadeThings | None = None
        self.logger = logger
        self._wishes = wishes
        self._access: Access | None = None
        self._api: CloudApi | None = None
        self.parsed: Any = None
        self.test_client: Any = None

    def api(self) -> CloudApi:
        """Raises HarnessError where the cloud cannot be reached or lets nobody in."""
        if self._api is None:
            reached = self._access = access(self.config)
            self._api = CloudApi(reached.endpoint, reached.api_key, reached.secret_key, verify=reached.verify)
        return self._api

    def made(self) -> MadeThings:
        """What tests ask for in this process. Raises as api() does."""
        if self._made is None:
            self._made = MadeThings(self.ledger, self.api())
        return self._made

    @property
    def is_local(self) -> bool:
        """Whether the cloud is on this machine, where the same address may be another cloud tomorrow."""
        return self.config.management_server.address in ("127.0.0.1", "localhost", "::1")

    def start(self) -> None:
        """Start Marvin's client, and have the zone built where that was asked for. Raises HarnessError."""
        api = self.api()
        if self._access is None:
            raise RuntimeError("api() sets it")
        self.parsed = client.parsed_config(self.config, self._access)
        hypervisor = self._wishes.hypervisor or self.config.hypervisor()
        if hypervisor is None:
            raise MarvinStartError(f"{self.config.file}: no cluster names a hypervisor; give --hypervisor")
        zone = self.config.zone(self._wishes.zone).name
        self.test_client = client.start(self.config, self.parsed, api, self.made(), self.logger, zone, hypervisor)
        if self._wishes.deploy:
            client.deploy(self.test_client, self.parsed, self.logger)
        if self.config.companion is not None:
            environment = load(self.config.file.parent / self.config.companion.environment_file)
            client.name_test_template(hypervisor, environment.cloud.template, api)

    def inject(self, cls: type) -> None:
        """Put into a test class what Marvin's plugin does.

        Source: marvinPlugin.py, _injectClients.
        """
        target: Any = cls
        target.debug, target.info = self.logger.debug, self.logger.info
        target.warn, target.error = self.logger.warning, self.logger.error
        target.testClient = target.clstestclient = self.test_client
        target.config = self.parsed
        if self.test_client.identifier is None:
            self.test_client.identifier = cls.__name__
        if hasattr(target, "user") and hasattr(target, "UserName"):
            self.test_client.getUserApiClient(target.UserName, target.DomainName, target.AcctType)
