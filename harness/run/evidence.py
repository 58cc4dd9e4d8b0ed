"""Writes what is known of a case that failed or could not run into the run's folder, without secrets and bounded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

from harness.cloud.client import Exchange
from harness.cloud.redaction import Redactor
from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.domain_xml import MalformedDomainXml, console_file
from harness.hosts.log_reading import end_of, lines_with
from harness.hosts.observation import HostFacts
from harness.run.witness import Look, Witness

Thing = TypeVar("Thing")

MOST_BYTES = 2 * 1024 * 1024
FOLDER = "evidence"
_KIB = 1024
_CUT = "\n(cut here: the evidence of a case is bounded)\n"


def gather(
    run_folder: Path,
    case_id: str,
    witness: Witness,
    redactor: Redactor,
    facts: dict[str, HostFacts],
    logs: dict[str, tuple[HostAccess, str]],
    access: Callable[[str], HostAccess],
) -> list[str]:
    """Write a case's evidence; gives the files relative to the run's folder.

    `logs` are by name the places of logs in which a job's lines may stand; `access` is the way to a host by its name.
    What cannot be had is told in a file of its own.
    """
    files = _Files(run_folder, case_id, redactor)
    epoch = witness.exchanges[0].began if witness.exchanges else 0.0
    for one in witness.exchanges:
        if not one.is_question:
            # What the answer to a change betrays as a secret is hidden in everything.
            redactor.tree(one.answer)
    exchanges = _newest(witness.exchanges, lambda one: _exchange(redactor, one, epoch), 900 * _KIB)
    files.write("api.jsonl", exchanges, ours=True)
    for name, first, last in witness.domains:
        files.write(f"domain-{name}-before.xml", first[: 48 * _KIB])
        if last != first:
            files.write(f"domain-{name}-after.xml", last[: 48 * _KIB])
    files.write("looks.jsonl", _newest(witness.looks, _look, 200 * _KIB), ours=True)
    there = {name: asdict(facts[name]) for name in witness.hosts if name in facts}
    if there:
        files.write("hosts.json", json.dumps(there, indent=2) + "\n")
    if witness.overcome:
        files.write("not-answered.txt", "\n".join(witness.overcome) + "\n")
    lacking: list[str] = []
    words = [f"logid:{job_id[:8]}" for job_id in witness.job_ids]
    for name, (way, file) in logs.items():
        _read(files, f"{name}.log", lacking, partial(lines_with, way, file, words, 200 * _KIB))
    for name, host, file in _consoles(witness):
        _read(files, f"console-{name}.log", lacking, partial(end_of, access(host), file, 64 * _KIB))
    if lacking:
        files.write("not-gathered.txt", "\n".join(lacking) + "\n")
    return files.written


class _Files:
    """Files of one case, together at most MOST_BYTES."""

    def __init__(self, run_folder: Path, case_id: str, redactor: Redactor) -> None:
        self.written: list[str] = []
        self._run_folder = run_folder
        self._redactor = redactor
        self._left = MOST_BYTES
        number, self._folder = 1, run_folder / FOLDER / case_id
        while self._folder.exists():
            number += 1
            self._folder = run_folder / FOLDER / f"{case_id}~{number}"

    def write(self, name: str, text: str, *, ours: bool = False) -> None:
        """`ours` is JSON in which secrets under telling names are hidden already."""
        if self._left <= 0:
            return
        text = self._redactor.known(text) if ours else self._redactor.text(text)
        content = text.encode("utf-8", errors="replace")
        if len(content) > self._left:
            content = content[: max(0, self._left - len(_CUT))] + _CUT.encode()[: self._left]
        if not content:
            return
        self._left -= len(content)
        self._folder.mkdir(parents=True, exist_ok=True)
        # An instance's name comes from the cloud.
        file = self._folder / "".join(sign if sign.isalnum() or sign in "-._" else "_" for sign in name)
        file.write_bytes(content)
        self.written.append(str(file.relative_to(self._run_folder)))


def _exchange(redactor: Redactor, one: Exchange, epoch: float) -> str:
    told = {
        "began": round(one.began - epoch, 3),
        "seconds": round(one.seconds, 3),
        "command": one.command,
        "parameters": {name: value for name, value in one.parameters.items() if value is not None},
        **({"answer": one.answer} if one.error is None else {"error": one.error}),
    }
    return json.dumps(redactor.tree(told), default=str)


def _look(look: Look) -> str:
    told = asdict(look.seen)
    domain = told["domain"]
    domain.pop("xml", None)
    return json.dumps({"exchanges_before": look.exchanges_before, **told})


def _newest(things: Sequence[Thing], line_of: Callable[[Thing], str], most_bytes: int) -> str:
    """As many of the last lines as fit; the first one says how many did not."""
    kept: list[str] = []
    for thing in reversed(things):
        line = line_of(thing)
        most_bytes -= len(line.encode()) + 1
        if most_bytes < 0:
            break
        kept.append(line)
    left_out = len(things) - len(kept)
    head = [json.dumps({"left out": left_out})] if left_out else []
    return "".join(f"{line}\n" for line in [*head, *reversed(kept)])


def _consoles(witness: Witness) -> Iterator[tuple[str, str, str]]:
    """Instance, host and file of each console that is kept in a file."""
    hosts = {look.seen.instance_name: look.seen.host for look in witness.looks}
    for name, _, xml in witness.domains:
        try:
            file = console_file(xml)
        except MalformedDomainXml:
            continue
        if file is not None:
            yield name, hosts[name], file


def _read(files: _Files, name: str, lacking: list[str], look: Callable[[], str]) -> None:
    """A case's verdict does not depend on a log that cannot be read."""
    try:
        files.write(name, look())
    except HarnessError as failure:
        lacking.append(f"{name}: {failure}")
