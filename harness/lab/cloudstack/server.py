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
from harness.lab.ending import Ending
from harness.lab.folder import CloudStackDescription, HostDescription, LabDescription, LabFolder
from harness.lab.server import say
from harness.lab.starter import when_nobody_reads
from harness.lab.topology import DEFAULT_LAB

# Beside the lab's folder, which goes; the next lab up or down in this state folder takes them away.
FAILED = "failed"


class _ToldToEndError(HarnessError):
    """Somebody took the lab down before it was up."""


class _NotUpError(HarnessError):
    """A part did not start; the text is its own, and names the logs that are kept."""


class _Ends:
    """What a signal does: it breaks into a start, which takes minutes, and ends a lab that is up in order."""

    def __init__(self) -> None:
        self._starting = True

    def told(self, *_: object) -> None:
        if self._starting:
            self._starting = False
            raise _ToldToEndError("it was taken down before it was up")

    def go_on_in_order(self) -> None:
        """From now on a signal only says that it is time to end."""
        self._starting = False

    def left_alone(self) -> None:
        """Nobody waits for the start any more: break into what the first thread does, whatever it waits for."""
        if self._starting:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


@click.command()
@click.option("--state", type=click.Path(path_type=Path), required=True)
@click.option("--name", required=True)
@click.option("--cloudstack", "wish", required=True)
@click.option("--jacoco", type=click.Path(path_type=Path))
def main(state: Path, name: str, wish: str, jacoco: Path | None) -> None:
    """Run the lab in the foreground; lines of JSON say what is being done, then that it is up or why not."""
    ending, ends = Ending(), _Ends()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ends.told)
    when_nobody_reads(sys.stdout.fileno(), ends.left_alone)
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
                ending.wait()
            except _ToldToEndError:
                raise
            except HarnessError as failure:
                raise _NotUpError(lab.keep_logs(folder.state / FAILED, str(failure))) from failure
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
