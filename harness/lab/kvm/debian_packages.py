"""Fetches Debian packages and unpacks them into a folder; installs nothing."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError

# Our death takes the download along, so that nothing is written after a sweep. As root, since the cache may be private.
_APT = ["setpriv", "--pdeathsig", "KILL", "apt-get", "-qq", "-o", "APT::Sandbox::User=root"]


class PackageMissingError(HarnessError):
    """apt cannot give a package."""

    def __init__(self, what: str, said: str) -> None:
        super().__init__(f"{what}: {' '.join(said.split()) or 'not found'}; run `apt-get update` and try again")


def known_packages(names: Sequence[str]) -> tuple[str, ...]:
    """Those of the names that apt knows, in the given order."""
    done = subprocess.run(["apt-cache", "show", *names], capture_output=True, text=True, check=False)
    known = set(re.findall(r"^Package: (\S+)$", done.stdout, flags=re.MULTILINE))
    return tuple(name for name in names if name in known)


def dependencies(name: str) -> tuple[str, ...]:
    """What the candidate version of a package depends on, by name."""
    done = subprocess.run(["apt-cache", "show", "--no-all-versions", name], capture_output=True, text=True, check=False)
    field = re.search(r"^Depends: (.*)$", done.stdout, flags=re.MULTILINE)
    if field is None:
        raise PackageMissingError(name, done.stderr)
    return tuple(re.findall(r"(?:^|[,|]\s*)([a-z0-9][a-z0-9+.-]+)", field[1]))


def fetch(names: Sequence[str], kept: Path) -> tuple[Path, ...]:
    """The packages' files in the folder `kept`; those already there in the candidate version are not fetched again."""
    kept.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run([*_APT, "download", "--print-uris", *names], capture_output=True, text=True, check=False)
    if listed.returncode:
        raise PackageMissingError(", ".join(names), listed.stderr)
    files = {kept / file: file.split("_")[0] for file in re.findall(r"^'[^']*' (\S+)", listed.stdout, re.MULTILINE)}
    missing = [name for file, name in files.items() if not file.exists()]
    if missing:
        # apt writes to a part file first and moves it here when the checksum holds.
        done = subprocess.run([*_APT, "download", *missing], capture_output=True, text=True, check=False, cwd=kept)
        if done.returncode:
            raise PackageMissingError(", ".join(missing), done.stderr)
    return tuple(files)


def unpack(packages: Sequence[Path], folder: Path) -> None:
    """Lay the packages' files out beneath `folder`."""
    for package in packages:
        done = subprocess.run(
            ["dpkg-deb", "--extract", str(package), str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise HarnessError(f"{package}: {done.stderr.strip()}; delete the file and try again")
