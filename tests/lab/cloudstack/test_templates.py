"""What serves the templates, and what `lab status` says of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import requests

from harness.lab.cloudstack.status import template_server
from harness.lab.cloudstack.templates import SCALABLE, TemplateServer
from harness.lab.kvm.preflight import SYSTEM_PATH

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-img", path=SYSTEM_PATH) is None, reason="not verified: no qemu-img (package qemu-utils)"
)


def test_a_template_is_served_until_the_server_is_closed_and_status_says_both(tmp_path: Path) -> None:
    server = TemplateServer(tmp_path / "templates", "127.0.0.1")
    url = server.url(SCALABLE)
    try:
        assert requests.get(url, timeout=10).content.startswith(b"QFI")
        assert template_server(url) == f"template server: serves {url}"
    finally:
        server.close()
    assert template_server(url).startswith(f"template server: does not serve {url}, so no new host can start")


def test_a_template_that_was_taken_away_is_told(tmp_path: Path) -> None:
    server = TemplateServer(tmp_path / "templates", "127.0.0.1")
    try:
        (tmp_path / "templates" / f"{SCALABLE}.qcow2").unlink()
        assert "does not serve" in template_server(server.url(SCALABLE))
    finally:
        server.close()
