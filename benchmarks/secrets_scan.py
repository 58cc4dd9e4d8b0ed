"""Runs the whole matrix while everything breaks, and searches all that it writes and shows for its secrets.

None of what breaks is the product's doing, so a case that failed counts as well.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cloud_state import CLI, lab_up

from harness.errors import HarnessError
from harness.lab.control import kept_control
from harness.lab.faults.catalogue import Fault
from harness.lab.faults.order import FaultOrder
from harness.run.api_access import api_of
from harness.run.environment import Environment, load

_PASSWORD = "host-canary-55667788"  # noqa: S105 - planted to be found
# Of the calls that each could strike, so many are struck.
_OFTEN = {
    Fault.SERVER_ERROR: 0.02,
    Fault.GARBAGE_BODY: 0.01,
    Fault.JOB_WITHOUT_RESULT: 0.02,
    Fault.AGENT_DISCONNECTED: 0.02,
    Fault.MIGRATION_FAILED: 0.3,
    Fault.VCPU_REFUSED: 0.2,
    Fault.SSH_CUT: 0.02,
}
_SIGNATURE = re.compile(rb"(?i)(?:signature|sessionkey|password)=(?!hidden|\*)[\w%+/=-]{16,}")
_PAUSE_S = 0.3
# Calls of the API that are all answered: a run that cannot begin shows nothing.
_BEGINS_AFTER = 150


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--select", default="full")
    parser.add_argument("--seed", type=int, default=0, help="which calls are struck")
    arguments = parser.parse_args()
    with lab_up("simulated") as cloud, tempfile.TemporaryDirectory() as folder:
        text = cloud.read_text().replace("[hosts]\n", '[hosts]\npassword_env = "HOST_PASSWORD"\n')
        cloud.write_text(text)
        environment = _with_password(cloud)
        control = kept_control(cloud.parent.parent)
        for number, (kind, probability) in enumerate(_OFTEN.items()):
            nth = _BEGINS_AFTER if kind in (Fault.SERVER_ERROR, Fault.GARBAGE_BODY) else 40
            control.arm(FaultOrder(kind=kind, probability=probability, seed=arguments.seed + number, nth=nth))
        reports, shown = Path(folder, "reports"), Path(folder, "shown")
        secrets, processes = set(_of_the_file(environment)), set[bytes]()
        over = threading.Event()
        watching = threading.Thread(target=_watch, args=(environment, secrets, processes, over))
        watching.start()
        command = [*CLI, "verify", f"--cloud={cloud}", f"--reports={reports}", f"--select={arguments.select}"]
        with shown.open("wb") as file:
            ended = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
            subprocess.run([*CLI, "cleanup", f"--reports={reports}"], stdout=file, stderr=file, check=False)
        over.set()
        watching.join()
        control.close()
        written = {
            str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()
        }
        written["command lines of processes"] = b"\n".join(processes)
        found = sorted(_found(written, secrets))
        cases = json.loads((reports / "latest" / "results.json").read_text())["cases"]
        failed = list(_failed(cases))
    print("\n".join([*found, *failed]))
    size = sum(map(len, written.values()))
    print(
        f"the run ended with {ended}; {len(secrets)} secrets sought in {len(written)} files of {size / 2**20:.1f} MiB "
        f"and {len(processes)} command lines: {len(found)} found; {len(failed)} of {len(cases)} cases failed"
    )
    sys.exit(1 if found or failed or ended == 0 else 0)


def _with_password(cloud: Path) -> Environment:
    os.environ["HOST_PASSWORD"] = _PASSWORD
    return load(cloud)


def _of_the_file(environment: Environment) -> Iterator[str]:
    yield _PASSWORD
    yield from api_of(environment).secrets
    key_file = environment.hosts.key_file
    if key_file is not None:
        yield from environment.path(key_file).read_text().splitlines()[1:-1]


def _watch(environment: Environment, secrets: set[str], processes: set[bytes], over: threading.Event) -> None:
    """Learn the keys of every user that comes and goes, and the command lines of every process that can be seen."""
    api = api_of(environment)
    while not over.wait(_PAUSE_S):
        # The lab refuses and breaks off as it was told to; the next time will do.
        with suppress(HarnessError):
            for user in api.list("listUsers", "user", listall=True):
                keys = api.call("getUserKeys", id=user["id"]).get("userkeys", {})
                secrets.update(str(keys[name]) for name in ("apikey", "secretkey") if keys.get(name))
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                processes.add(process.read_bytes())


def _found(written: dict[str, bytes], secrets: set[str]) -> Iterator[str]:
    for where, content in written.items():
        for secret in secrets:
            if any(form.encode() in content for form in (secret, quote(secret, safe=""))):
                yield f"{where}: {secret[:4]}..."
        if _SIGNATURE.search(content) and where != "command lines of processes":
            yield f"{where}: a value under a telling name"


def _failed(cases: list[dict[str, Any]]) -> Iterator[str]:
    """A line for each case that failed, with what it found."""
    for case in cases:
        if case["outcome"] == "failed":
            found = (f"{each['what']} should be {each['expected']}, is {each['observed']}" for each in case["findings"])
            yield f"WRONG VERDICT: {case['id']}: {'; '.join(found)}"


if __name__ == "__main__":
    main()
