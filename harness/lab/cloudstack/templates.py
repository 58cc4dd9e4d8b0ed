"""Serves the lab's two templates to the hosts, which download them directly when the first instance needs one."""

from __future__ import annotations

import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from harness.errors import HarnessError

SCALABLE = "lab-guest"
UNSCALABLE = "lab-guest-unscalable"
# Large enough for CloudStack to take it for a disk; nothing is on it, see xml_hook.groovy.
DISK_SIZE = "64M"


class TemplateServer:
    """Two empty disks at an address that the hosts reach, by HTTP, until `close`."""

    def __init__(self, folder: Path, address: str) -> None:
        folder.mkdir()
        for name in (SCALABLE, UNSCALABLE):
            done = subprocess.run(
                ["qemu-img", "create", "-q", "-f", "qcow2", str(folder / f"{name}.qcow2"), DISK_SIZE],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise HarnessError(f"qemu-img made no template: {done.stderr.strip()}")
        self._server = ThreadingHTTPServer((address, 0), partial(_Quiet, directory=str(folder)))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="templates", daemon=True).start()

    def url(self, name: str) -> str:
        address, port = self._server.server_address[:2]
        return f"http://{address!s}:{port}/{name}.qcow2"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """The agents' logs tell of their downloads."""
