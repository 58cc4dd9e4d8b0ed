"""The process that a lab is: brings hosts and API up, says so, and takes all down when told or when its owner dies."""

from __future__ import annotations

import gc
import json
import os
import secrets
import signal
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

import click

from harness.errors import HarnessError
from harness.lab.api.lab_cloud import LabCloud, LabCloudError
from harness.lab.api.server import ApiServer
from harness.lab.cache import cache_dir
from harness.lab.config_files import ReachedCloud, write_config_files
from harness.lab.control_endpoint.application import ControlApplication
from harness.lab.control_endpoint.token import new_token
from harness.lab.ending import Ending
from harness.lab.faults.registry import Faults
from harness.lab.fleet import Fleet
from harness.lab.folder import HostDescription, LabDescription, LabFolder
from harness.lab.heap import one_heap
from harness.lab.kvm.fleet import KvmFleet
from harness.lab.log import logging_to
from harness.lab.management.latency_choice import latencies_of
from harness.lab.management.population import populate
from harness.lab.options import LabOptions
from harness.lab.simulated.fleet import SimulatedFleet
from harness.reference.release import release_of


@click.command()
@click.option("--state", type=click.Path(path_type=Path), required=True)
@click.option("--name", required=True)
@click.option("--hosts", "kind", type=click.Choice(["kvm", "simulated"]), required=True)
@click.option("--release", required=True)
@click.option("--mended", is_flag=True, help="Without the known defects of the release.")
@click.option("--latency", default="instant")
@click.option("--clock", type=click.Choice(["wall", "virtual"]), default="wall")
@click.option("--defect", help="One of those that docs/defects.md lists.")
@click.option("--integration-port", is_flag=True)
@click.option("--clusters", type=int, default=0)
@click.option("--hosts-per-cluster", type=int, default=1)
@click.option("--instances", type=int, default=0)
@click.option("--topology", type=click.Path(path_type=Path))
@click.option("--calls", type=click.Path(path_type=Path))
@click.option("--owned", is_flag=True, help="Go down when standard input ends.")
def main(state: Path, name: str, kind: str, release: str, owned: bool, **options: Any) -> None:
    """Run a lab in the foreground; one line of JSON on standard output says that it is up, or why not."""
    one_heap()
    ending = Ending()
    for number in (signal.SIGTERM, signal.SIGINT):
        # The signal alone is the word.
        signal.signal(number, lambda *_: None)
    if owned:
        threading.Thread(target=_stop_at_end_of, args=(sys.stdin, ending), daemon=True).start()
    folder = LabFolder(state, name)
    try:
        with folder.owned(), logging_to(folder.log):
            _serve(folder, kind, release, LabOptions(**options), ending)
    except HarnessError as failure:
        say({"error": str(failure)})
        sys.exit(2)


def _serve(folder: LabFolder, kind: str, release: str, options: LabOptions, ending: Ending) -> None:
    behaviour = release_of(release).mended if options.mended else release_of(release)
    latencies = latencies_of(options.latency)
    if options.clock == "virtual" and kind == "kvm":
        raise LabCloudError("real hosts need real time: a virtual clock needs simulated hosts")
    if (options.clusters or options.instances or options.topology) and kind == "kvm":
        raise LabCloudError("KVM hosts are the usual three and begin empty: a large lab needs simulated hosts")
    spec = options.spec
    gc.disable()
    lab_id = secrets.token_hex(2)
    faults = Faults()
    fleet: Fleet
    if kind == "kvm":
        fleet = KvmFleet(spec.hosts, folder.path, lab_id, cache_dir(), faults=faults)
    else:
        fleet = SimulatedFleet(spec.hosts, folder.path, faults=faults)
    try:
        hosts = fleet.up()
        cloud = LabCloud(
            spec,
            hosts,
            fleet.guest_boot,
            behaviour,
            disks=_disks(folder, kind),
            faults=faults,
            latencies=latencies,
            virtual_clock=options.clock == "virtual",
            integration_port=options.integration_port,
            defect=options.defect,
            calls=options.calls,
        )
        control: ApiServer | None = None
        try:
            populate(cloud.inside, options.instances)
            endpoint = cloud.serve()
            write_config_files(folder.path, spec, hosts, fleet, ReachedCloud.of(cloud), log=folder.log)
            control = ApiServer(ControlApplication(cloud, new_token(folder.path)))
            description = LabDescription(
                lab_id=lab_id,
                pid=os.getpid(),
                kind=kind,
                release=release,
                mended=options.mended,
                defect=options.defect,
                endpoint=endpoint,
                control=control.address,
                integration=cloud.integration_endpoint if options.integration_port else None,
                hosts=[HostDescription.of(host) for host in hosts],
            )
            folder.describe(description)
            _keep_what_is_there()
            say({"up": True})
            ending.wait()
        finally:
            if control is not None:
                control.close()
            cloud.shutdown()
    finally:
        fleet.down()


def _keep_what_is_there() -> None:
    """A large cloud is millions of objects that stay: looked through for garbage they cost seconds, now and later."""
    gc.freeze()
    gc.enable()


def _disks(folder: LabFolder, kind: str) -> Path | None:
    """The primary storage that KVM hosts share; simulated hosts keep no files."""
    return folder.path / "primary" if kind == "kvm" else None


def _stop_at_end_of(stream: TextIO, ending: Ending) -> None:
    stream.read()
    ending.tell()


def say(message: dict[str, object]) -> None:
    """Tell whoever started the lab, one line of JSON each time."""
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
