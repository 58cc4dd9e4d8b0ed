"""The process that a lab of a real CloudStack is: the same life as `harness.lab.server`, with another cloud in it."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import sys
import threading
from pathlib import Path

import click

from harness.errors import HarnessError
from harness.lab.cloudstack.build import find_build
from harness.lab.cloudstack.lab import CloudStackLab, CloudStackUp
from harness.lab.cloudstack.preflight import require
from harness.lab.config_files import ReachedCloud, write_config_files
from harness.lab.folder import CloudStackDescription, HostDescription, LabDescription, LabFolder
from harness.lab.server import say
from harness.lab.topology import DEFAULT_LAB

# Beside the lab's folder, which goes; the next lab up or down in this state folder takes them away.
FAILED = "failed"


@click.command()
@click.option("--state", type=click.Path(path_type=Path), required=True)
@click.option("--name", required=True)
@click.option("--cloudstack", "wish", required=True)
def main(state: Path, name: str, wish: str) -> None:
    """Run the lab in the foreground; lines of JSON say what is being done, then that it is up or why not."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = LabFolder(state, name)
    try:
        build = find_build(wish)
        require()
        with folder.owned():
            logging.basicConfig(filename=folder.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
            lab = CloudStackLab(
                build, folder.path, secrets.token_hex(2), DEFAULT_LAB, lambda what: say({"doing": what})
            )
            try:
                up = lab.up()
                _describe(folder, lab, up)
                say({"up": True})
                stop.wait()
            except HarnessError:
                lab.keep_logs(folder.state / FAILED)
                raise
            finally:
                lab.down()
    except HarnessError as failure:
        say({"error": str(failure)})
        sys.exit(2)


def _describe(folder: LabFolder, lab: CloudStackLab, up: CloudStackUp) -> None:
    cloud = ReachedCloud(up.endpoint, up.admin.api_key, up.admin.secret_key, up.admin.password)
    write_config_files(folder.path, lab.spec, up.hosts, lab.fleet, cloud, kind="cloudstack", deviations=lab.deviations)
    folder.describe(
        LabDescription(
            lab_id=lab.fleet.lab_id,
            pid=os.getpid(),
            kind="cloudstack",
            release=up.version,
            endpoint=up.endpoint,
            cloudstack=CloudStackDescription(
                origin=lab.build.origin, server_pid=up.server_pid, logs=lab.logs, deviations=lab.deviations
            ),
            hosts=[HostDescription.of(host) for host in up.hosts],
        )
    )


if __name__ == "__main__":
    main()
