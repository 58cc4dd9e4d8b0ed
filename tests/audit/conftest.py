"""A simulated lab for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.audit.clouds import AuditedCloud, audited_cloud


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AuditedCloud]:
    with audited_cloud(tmp_path_factory.mktemp("audited")) as cloud:
        yield cloud
