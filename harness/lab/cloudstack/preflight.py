"""Says in short what this machine lacks for a management server, its database and its agents."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.kvm.preflight import SYSTEM_PATH

# By program, the package of Debian and Ubuntu that has it.
PROGRAMS = {
    "mariadbd": "mariadb-server-core",
    "mariadb-install-db": "mariadb-server-core",
    "mariadb": "mariadb-client-core",
    "java": "openjdk-17-jre-headless",
    "qemu-img": "qemu-utils",
}
LEAST_JAVA = 17
# Server, database and three agents; the guests are small.
NEEDED_MIB = 5 * 1024


class CannotRunError(HarnessError):
    """This machine lacks something that a CloudStack needs."""


def require() -> None:
    """Raises CannotRunError with all that is missing."""
    lacking = missing()
    if lacking:
        raise CannotRunError(f"a CloudStack cannot run here: {'; '.join(lacking)}")


def missing(meminfo: Path = Path("/proc/meminfo")) -> tuple[str, ...]:
    """Short reasons, the packages to install among them; none if all is there."""
    absent = {name: package for name, package in PROGRAMS.items() if shutil.which(name, path=SYSTEM_PATH) is None}
    reasons = [f"no {name} (package {package})" for name, package in absent.items()]
    if "java" not in absent:
        reasons += _java_missing()
    available = available_mib(meminfo.read_text(encoding="ascii"))
    if available < NEEDED_MIB:
        reasons.append(f"too little memory: {available} MiB are available, {NEEDED_MIB} MiB are needed")
    return tuple(reasons)


def available_mib(meminfo: str) -> int:
    """What the kernel says new programs can have, of the text of /proc/meminfo."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def _java_missing() -> list[str]:
    said = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None:
        return [f"a java that does not say its version: {said.strip()[-100:]}"]
    return [] if int(version[1]) >= LEAST_JAVA else [f"Java {version[1]}, {LEAST_JAVA} is needed"]
