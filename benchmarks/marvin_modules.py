"""Runs the smoke modules of a CloudStack tree, each on a simulated lab of its own, for the table of docs/marvin.md."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click

_NO_COMMAND = re.compile(r"the cloud has no API command (\w+)")
_NO_SETTING = re.compile(r"Config parameter with name (\S+) doesn't exist")
# What a traceback names, and what that says is lacking.
_LACKING = (
    ("the database", ("mysql.connector", "dbConnection.py")),
    ("SSH to a guest or a host", ("sshClient.py", "SSH Access failed", "get_ssh_client", "SSHException")),
    ("a guest network with public addresses", ("Public IP", "access_ssh_over_nat", "src_nat")),
)
_OTHER = "other answers"
_MOST = 3


def collected(modules: Iterable[Path]) -> Counter[str]:
    """How many tests each module has, by its name."""
    command = [sys.executable, "-m", "pytest", "--with-marvin", "--collect-only", "-q", "-p", "no:cacheprovider"]
    told = subprocess.run([*command, *map(str, modules)], capture_output=True, text=True, check=True).stdout
    return Counter(Path(line.partition("::")[0]).stem for line in told.splitlines() if "::" in line)


def run(module: Path, seconds: int, test_seconds: int) -> list[ET.Element]:
    """The tests of a module that ended within so many seconds, as its xunit file has them."""
    with tempfile.TemporaryDirectory(prefix="csh-") as folder:
        options = ["--with-marvin", "--hosts=simulated", f"--state={folder}/lab", f"--log-folder-path={folder}"]
        options += ["-q", "--tb=short", "-p", "no:cacheprovider", "--hypervisor=kvm", "--leftovers=ignore"]
        options += [f"--timeout={test_seconds}"]
        command = [sys.executable, "-m", "pytest", *options, str(module)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        found = Path(folder).glob("MarvinLogs/*/xunit/*.xml")
        return [case for file in found for case in ET.parse(file).getroot()]  # noqa: S314 - written a moment ago


def needs(cases: Iterable[ET.Element], not_ended: int) -> str:
    """What most of those that did not pass lacked."""
    lacked: Counter[str] = Counter()
    for case in cases:
        for result in case:
            text = f"{result.get('message')} {result.text}"
            if result.tag == "skipped":
                lacked[f"skipped: {' '.join(str(result.get('message')).split()).lower()[:60]}"] += 1
            else:
                lacked[_lacking(text)] += 1
    if not_ended:
        lacked["more time"] += not_ended
    named = [what for what, _ in lacked.most_common(_MOST)]
    return "; ".join(named).replace("|", "\\|") + (f" and {len(lacked) - _MOST} more" if len(lacked) > _MOST else "")


def _lacking(text: str) -> str:
    found = _NO_COMMAND.search(text) or _NO_SETTING.search(text)
    if found:
        return f"`{found[1]}`"
    for what, signs in _LACKING:
        if any(sign in text for sign in signs):
            return what
    return "more time" if "Timeout (>" in text else _OTHER


@click.command()
@click.argument("tree", type=click.Path(path_type=Path, exists=True))
@click.option("--only", multiple=True, default=["test_*.py"], help="Pattern of modules' names; may be repeated.")
@click.option("--seconds", default=75, help="The longest that a module may take.")
@click.option("--test-seconds", default=40, help="The longest that one test may take, with its set-up.")
@click.option("--at-once", default=4, help="So many modules side by side.")
def main(tree: Path, only: tuple[str, ...], seconds: int, test_seconds: int, at_once: int) -> None:
    """Modules of TREE, a CloudStack source tree."""
    smoke = tree / "test" / "integration" / "smoke"
    modules = sorted({module for pattern in only for module in smoke.glob(pattern)})
    tests = collected(modules)
    click.echo("| module | collected | passed | skipped | needs |\n|---|---:|---:|---:|---|")
    with ThreadPoolExecutor(at_once) as pool:
        for module, cases in zip(
            modules, pool.map(partial(run, seconds=seconds, test_seconds=test_seconds), modules), strict=True
        ):
            passed = sum(len(case) == 0 for case in cases)
            skipped = sum(case.find("skipped") is not None for case in cases)
            lacked = needs(cases, max(0, tests[module.stem] - len(cases)))
            click.echo(f"| {module.stem} | {tests[module.stem]} | {passed} | {skipped} | {lacked} |")


if __name__ == "__main__":
    main()
