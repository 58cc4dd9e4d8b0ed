"""Starts Marvin's test client for one cloud: Marvin's own class, with keys that are known and users of its own."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping
from typing import Any

from harness.cloud.client import CloudApi
from harness.cloud.signature import signature
from harness.errors import HarnessError
from harness.marvin.config import NOT_GIVEN, MarvinConfig
from harness.marvin.keys import Access
from harness.marvin.made import MadeThings
from harness.marvin.people import user_keys

JOB_SECONDS = 3600


class MarvinStartError(HarnessError):
    """Marvin did not start, or did not build the zone; its log says why."""


def parsed_config(config: MarvinConfig, reached: Access) -> Any:
    """The configuration as tests see it: attributes, where what is missing is None.

    What Marvin's client trips over when a file leaves it out is there, and so are the keys.
    """
    port = int(reached.endpoint.rpartition(":")[2].partition("/")[0])
    server = dict(config.tree["mgtSvr"][0])
    server |= {"port": port, "apiKey": reached.api_key, "securityKey": reached.secret_key}
    server |= {"useHttps": str(config.management_server.https)}
    for key in ("certCAPath", "certPath"):
        server.setdefault(key, NOT_GIVEN)
    tree: Mapping[str, Any] = {"dbSvr": {}, "logger": {}, "globalConfig": [], **config.tree, "mgtSvr": [server]}
    loaded: Any = importlib.import_module("marvin.jsonHelper").jsonLoader(tree)
    return loaded


def start(
    config: MarvinConfig,
    parsed: Any,
    api: CloudApi,
    made: MadeThings,
    logger: logging.Logger,
    zone: str,
    hypervisor: str,
) -> Any:
    """A CSTestClient that is ready; what is asked for with it and its user clients is written down in `made`.

    Raises:
        MarvinStartError: Marvin's own start failed.
    """
    base = importlib.import_module("marvin.cloudstackTestClient").CSTestClient
    connection = importlib.import_module("marvin.cloudstackConnection").CSConnection
    api_client = importlib.import_module("marvin.cloudstackAPI.cloudstackAPIClient").CloudStackAPIClient
    details = parsed.mgtSvr[0]

    def user_client(
        _: Any,
        UserName: str | None = None,  # noqa: N803 - tests give it by name
        DomainName: str | None = None,  # noqa: N803
        type: int = 0,
    ) -> Any:
        """Marvin's own changes the admin's port and keys under way."""
        if UserName is None or DomainName is None:
            return importlib.import_module("marvin.codes").FAILED
        # Marvin's kind of object cannot be copied: what it does not have is None, __setstate__ too.
        theirs = details.__class__(vars(details))
        theirs.apiKey, theirs.securityKey = user_keys(api, made, UserName, DomainName, type)
        client = api_client(connection(theirs, JOB_SECONDS, logger))
        client.hypervisor = hypervisor
        return client

    if hasattr(connection, "_CSConnection__sign"):
        connection._CSConnection__sign = _sign
    made.into_connection(connection)
    kind = _subclass(base, user_client)
    client = kind(
        details,
        parsed.dbSvr,
        async_timeout=JOB_SECONDS,
        logger=logger,
        test_data_filepath=config.test_data.path if config.test_data else None,
        zone=zone,
        hypervisor_type=hypervisor,
    )
    if client.createTestClient() == importlib.import_module("marvin.codes").FAILED:
        raise MarvinStartError(f"{config.file}: Marvin's test client does not start; runinfo.txt in its logs says why")
    return client


def _sign(connection: Any, payload: Mapping[str, object]) -> str:
    """Marvin's own signs a value with a tilde as Python before 3.7 quoted it; on a newer one the cloud refuses that."""
    return signature(payload, connection.securityKey)


def _subclass(base: type, user_client: object) -> Any:
    return type("TestClient", (base,), {"getUserApiClient": user_client})


def deploy(client: Any, parsed: Any, logger: logging.Logger) -> None:
    """Build the zone that the configuration describes, with Marvin's deployDataCenter.

    Raises:
        MarvinStartError: this Marvin has none, or it failed.
    """
    try:
        module = importlib.import_module("marvin.deployDataCenter")
    except ModuleNotFoundError:
        raise MarvinStartError(
            "--deploy: the harness's own Marvin builds no zones; give --marvin-path tools/marvin of a CloudStack tree"
        ) from None
    try:
        built = module.DeployDataCenters(client, parsed, logger).deploy()
    except SystemExit:
        # After it has cleaned up, which it tries.
        built = None
    if built != importlib.import_module("marvin.codes").SUCCESS:
        raise MarvinStartError("--deploy: Marvin could not build the zone; runinfo.txt in its logs says why")


def name_test_template(hypervisor: str, name: str, api: CloudApi) -> None:
    """Have get_test_template find the template `name` where the cloud lacks the one that Marvin would download."""
    data = importlib.import_module("marvin.config.test_data").test_data
    wanted = data["test_templates"].get(hypervisor.lower())
    there = {str(each["name"]) for each in api.list("listTemplates", "template", templatefilter="all")}
    if wanted is not None and wanted["name"] not in there:
        wanted["name"] = name
