"""A lab with its control endpoint, and a client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.lab.api.server import ApiServer
from harness.lab.control_endpoint.application import ControlApplication
from harness.lab.control_endpoint.client import LabControl
from tests.lab.api.conftest import Lab, lab, make_lab, shared_clouds

__all__ = ["lab", "make_lab", "shared_clouds"]

TOKEN = "the token"  # noqa: S105


@pytest.fixture
def endpoint(lab: Lab) -> Iterator[ApiServer]:
    server = ApiServer(ControlApplication(lab.cloud, TOKEN))
    yield server
    server.close()


@pytest.fixture
def control(endpoint: ApiServer) -> Iterator[LabControl]:
    control = LabControl(endpoint.address, TOKEN)
    yield control
    control.close()
