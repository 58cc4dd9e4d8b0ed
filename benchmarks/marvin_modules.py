"""Runs the smoke modules of a CloudStack tree on a simulated lab and prints the table that docs/marvin.md has."""

from __future__ import annotations

import re
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import click
import pytest

_NO_COMMAND = re.compile(r"the cloud has no API command (\w+)")
_NO_SETTING = re.compile(r"Config parameter with name (\S+) doesn't exist")
# What a traceback names, and what that says is lacking.
_LACKING = (
    ("the database", ("mysql.connector", "dbConnection.py")),
    ("SSH to a guest or a host", ("sshClient.py", "SSH Access failed", "get_ssh_client", "SSHException")),
    ("a guest network with public addresses", ("Public IP", "access_ssh_over_nat", "src_nat")),
)
_MOST = 3
_SECONDS = 100


def needs(suite: ET.Element) -> str:
    """What most of those that did not pass lacked."""
    lacked: Counter[str] = Counter()
    for case in suite:
        for result in case:
            text = f"{result.get('message')} {result.text}"
            found = _NO_COMMAND.search(text) or _NO_SETTING.search(text)
            if result.tag == "skipped":
                lacked[" ".join(str(result.get("message")).split()).lower()[:60]] += 1
            else:
                lacked[f"`{found[1]}`" if found else _lacking(text)] += 1
    named = [f"{what}" for what, _ in lacked.most_common(_MOST)]
    return ", ".join(named) + (f" and {len(lacked) - _MOST} more" if len(lacked) > _MOST else "")


def _lacking(text: str) -> str:
    for what, signs in _LACKING:
        if any(sign in text for sign in signs):
            return what
    return (
        f"more time than {_SECONDS} s for a test" if "Timeout (>" in text else "answers that the lab gives differently"
    )


@click.command()
@click.argument("tree", type=click.Path(path_type=Path, exists=True))
@click.option("--only", default="test_*.py", help="Pattern of the modules' names.")
def main(tree: Path, only: str) -> None:
    """Modules of TREE, a CloudStack source tree."""
    modules = sorted((tree / "test" / "integration" / "smoke").glob(only))
    with tempfile.TemporaryDirectory() as folder:
        options = ["--with-marvin", "--hosts=simulated", f"--state={folder}/lab", f"--log-folder-path={folder}"]
        options += [
            "-q",
            "--tb=short",
            "--show-capture=no",
            "--hypervisor=kvm",
            "-p",
            "no:cacheprovider",
            f"--timeout={_SECONDS}",
            "--leftovers=remove",
        ]
        pytest.main([*options, *map(str, modules)])
        print("| module | collected | passed | skipped | needs |\n|---|---|---|---|---|", file=sys.stderr)
        for file in sorted(Path(folder).glob("MarvinLogs/*/xunit/*.xml")):
            suite = ET.parse(file).getroot()  # noqa: S314 - written a moment ago
            passed = sum(len(case) == 0 for case in suite)
            row = (file.stem, str(len(suite)), str(passed), suite.attrib["skip"], needs(suite))
            print(f"| {' | '.join(row)} |", file=sys.stderr)


if __name__ == "__main__":
    main()
