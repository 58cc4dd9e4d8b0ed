"""The evidence of a case: what it asked and saw, bounded, and what could not be had told beside it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cloud.client import Exchange
from harness.cloud.redaction import Redactor
from harness.errors import HarnessError
from harness.hosts.access import HostAccess
from harness.hosts.domain_xml import console_file
from harness.hosts.observation import DomainView
from harness.run.evidence import MOST_BYTES, gather
from harness.run.session import Session
from harness.run.stage import Stage
from harness.run.witness import Witness


@pytest.fixture
def witness(session: Session, stage: Stage) -> Witness:
    """Of an instance that was looked at and stopped, whose console is kept in a file."""
    witness = Witness()
    calls: list[object] = []
    session.watched_by(witness, calls.append)
    instance = stage.instance(stage.fixed(1, 500, 256))
    instance.verify()
    instance.stop()
    return witness


def _no_way(host: str) -> HostAccess:
    raise HarnessError(f"no way to {host}")


def _text(folder: Path, files: list[str], name: str) -> str:
    return next((folder / file).read_text() for file in files if file.endswith(name))


def test_exchanges_looks_domains_and_versions_are_kept(session: Session, witness: Witness, tmp_path: Path) -> None:
    files = gather(tmp_path, "XML-01", witness, Redactor(), session.inventory.facts, {}, _no_way)
    lines = [json.loads(line) for line in _text(tmp_path, files, "api.jsonl").splitlines()]
    commands = [line["command"] for line in lines]
    assert {"deployVirtualMachine", "queryAsyncJobResult", "stopVirtualMachine"} <= set(commands)
    begun = [line["answer"]["jobid"] for line in lines if line["command"] == "deployVirtualMachine"]
    assert begun == witness.job_ids[:1]
    looks = [json.loads(line) for line in _text(tmp_path, files, "looks.jsonl").splitlines()]
    assert looks[0]["scheduler"]["shares"] == 500
    assert "vcpus" in looks[0]["cgroup"]
    assert "<domain" in _text(tmp_path, files, "-before.xml")
    versions = json.loads(_text(tmp_path, files, "hosts.json"))
    assert all(host["libvirt"] and host["qemu"] for host in versions.values())


def test_a_second_case_of_the_same_id_has_a_folder_of_its_own(witness: Witness, tmp_path: Path) -> None:
    first = gather(tmp_path, "XML-01", witness, Redactor(), {}, {}, _no_way)
    second = gather(tmp_path, "XML-01", witness, Redactor(), {}, {}, _no_way)
    assert not set(first) & set(second)


def test_a_log_that_cannot_be_read_is_told(witness: Witness, tmp_path: Path) -> None:
    nowhere = HostAccess(name="management server", address="127.0.0.1", port=1)
    logs = {"management-server": (nowhere, "/var/log/x.log")}
    files = gather(tmp_path, "XML-01", witness, Redactor(), {}, logs, _no_way)
    assert "connection refused" in _text(tmp_path, files, "not-gathered.txt")


def test_a_console_is_read_where_the_domain_keeps_it(session: Session, witness: Witness, tmp_path: Path) -> None:
    console = tmp_path / "console.log"
    console.write_text("x" * 100_000 + "login: ")
    look = witness.looks[0]
    assert isinstance(look.seen.domain, DomainView)
    xml = look.seen.domain.xml.replace("<console type='pty'>", f"<console type='pty'><log file='{console}'/>")
    kept = Witness()
    kept.sees(replace(look.seen, domain=replace(look.seen.domain, xml=xml)))
    files = gather(tmp_path, "XML-01", kept, Redactor(), {}, {}, session._accesses.__getitem__)
    text = next((tmp_path / file).read_text() for file in files if "console-" in file)
    assert text.endswith("login: ")
    assert len(text) == 64 * 1024
    assert console_file(look.seen.domain.xml) is None


def test_the_evidence_of_one_case_is_bounded(witness: Witness, tmp_path: Path) -> None:
    huge = Exchange("listTemplates", {}, 0.0, 0.0, {"template": [{"name": "t" * 5000} for _ in range(100)]})
    for _ in range(2000):
        witness.hears(huge)
    look = witness.looks[0]
    assert isinstance(look.seen.domain, DomainView)
    domain = replace(look.seen.domain, xml=f"<domain>{'x' * 100_000}</domain>")
    for number in range(200):
        witness.sees(replace(look.seen, instance_name=f"i-{number}", domain=domain))
    files = gather(tmp_path, "XML-01", witness, Redactor(), {}, {}, _no_way)
    assert sum((tmp_path / file).stat().st_size for file in files) <= MOST_BYTES
    assert "left out" in _text(tmp_path, files, "api.jsonl").splitlines()[0]
