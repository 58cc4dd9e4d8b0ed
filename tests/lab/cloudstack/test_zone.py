"""A server whose modules do not all come up is not a server that can be used."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from harness.lab.cloudstack.zone import Admin, ZoneError, ZoneMaker
from harness.lab.kvm.gate import GatedProcess
from harness.lab.kvm.network import LabNetwork
from harness.lab.remains import Remains
from harness.lab.topology import DEFAULT_LAB


class WithoutStorage(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        capability = {"listcapabilitiesresponse": {"capability": {"cloudstackversion": "4.23.0.0"}}}
        answer = capability if "listCapabilities" in self.path else {"liststorageprovidersresponse": {}}
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_server_without_storage_modules_is_said_to_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.lab.cloudstack.zone.MODULES_SECONDS", 0.3)
    switch = GatedProcess(["true"], tmp_path / "switch.log", Remains(tmp_path / "remains"), {})
    switch.let_go()
    switch.wait_for_end(10)
    network = LabNetwork("0", IPv4Network("10.77.0.0/24"), switch)
    with HTTPServer(("127.0.0.1", 0), WithoutStorage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        maker = ZoneMaker(f"http://127.0.0.1:{server.server_port}/", Admin("", "k", "s", ""), DEFAULT_LAB, network)
        with pytest.raises(ZoneError, match=r"^the server has no primary storage's provider; a module"):
            maker.version()
        server.shutdown()
