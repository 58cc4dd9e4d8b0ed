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
from harness.lab.cloudstack.jacoco import find_jacoco
from harness.lab.cloudstack.lab import CloudStackLab, CloudStackUp
from harness.lab.cloudstack.preflight import require
from harness.lab.config_files import CoverageFiles, ReachedCloud, write_config_files
from harness.lab.folder import CloudStackDescription, HostDescription, LabDescription, LabFolder
from harness.lab.server import say
from harness.lab.topology import DEFAULT_LAB

# Beside the lab's folder, which goes; the next lab up or down in this state folder takes them away.
FAILED = "failed"


class _ToldToEndError(HarnessError):
    """Somebody took the lab down before it was up."""


class _Ends:
    """What a signal does: it breaks into a start, which takes minutes, and ends a lab that is up in order."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._starting = True

    def told(self, *_: object) -> None:
        self._stop.set()
        if self._starting:
            self._starting = False
            raise _ToldToEndError("it was taken down before it was up")

    def go_on_in_order(self) -> None:
        """From now on a signal only says that it is time to end."""
        self._starting = False


@click.command()
@click.option("--state", type=click.Path(path_type=Path), required=True)
@click.option("--name", required=True)
@click.option("--cloudstack", "wish", required=True)
@click.option("--jacoco", type=click.Path(path_type=Path))
def main(state: Path, name: str, wish: str, jacoco: Path | None) -> None:
    """Run the lab in the foreground; lines of JSON say what is being done, then that it is up or why not."""
    stop = threading.Event()
    ends = _Ends(stop)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ends.told)
    folder = LabFolder(state, name)
    try:
        build = find_build(wish)
        attached = find_jacoco(jacoco) if jacoco is not None else None
        require()
        with folder.owned():
            logging.basicConfig(filename=folder.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
            lab = CloudStackLab(
                build, folder.path, secrets.token_hex(2), DEFAULT_LAB, lambda what: say({"doing": what}), attached
            )
            try:
                up = lab.up()
                _describe(folder, lab, up)
                ends.go_on_in_order()
                say({"up": True})
                stop.wait()
            except _ToldToEndError:
                raise
            except HarnessError:
                lab.keep_logs(folder.state / FAILED)
                raise
            finally:
                ends.go_on_in_order()
                lab.down()
    except HarnessError as failure:
        say({"error": str(failure)})
        sys.exit(2)


def _describe(folder: LabFolder, lab: CloudStackLab, up: CloudStackUp) -> None:
    cloud = ReachedCloud(up.endpoint, up.admin.api_key, up.admin.secret_key, up.admin.password)
    coverage = None
    if lab.jacoco is not None:
        build = lab.build
        classes = (*build.server_jars, *build.agent_jars)
        coverage = CoverageFiles(lab.jacoco.cli, lab.coverage_servers, classes, build.sources)
    write_config_files(
        folder.path,
        lab.spec,
        up.hosts,
        lab.fleet,
        cloud,
        kind="cloudstack",
        deviations=lab.deviations,
        coverage=coverage,
    )
    folder.describe(
        LabDescription(
            lab_id=lab.fleet.lab_id,
            pid=os.getpid(),
            kind="cloudstack",
            release=up.version,
            endpoint=up.endpoint,
            cloudstack=CloudStackDescription(
                origin=lab.build.origin,
                server_pid=up.server_pid,
                templates=up.templates,
                logs=lab.logs,
                deviations=lab.deviations,
            ),
            hosts=[HostDescription.of(host) for host in up.hosts],
        )
    )


if __name__ == "__main__":
    main()
