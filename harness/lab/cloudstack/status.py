"""Whether the parts of a lab of a real CloudStack live, and what the server says of its hosts."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from pathlib import Path

import requests
from cs import CloudStack, CloudStackException

from harness.lab.cloudstack.daemon import last_words
from harness.lab.config_files import CS_FILE
from harness.lab.folder import LabDescription
from harness.lab.remains import process_stat

ANSWER_SECONDS = 10


def template_server(url: str) -> str:
    """Whether the hosts can still download the template, which they do when its first instance starts there."""
    try:
        requests.head(url, timeout=ANSWER_SECONDS).raise_for_status()
    except requests.RequestException as failure:
        return f"template server: does not serve {url}, so no new host can start an instance: {failure}"
    return f"template server: serves {url}"


def server_and_hosts(description: LabDescription, folder: Path) -> Iterator[str]:
    """One line for what serves the templates, one for the server, one for each host with its agent's state."""
    assert description.cloudstack is not None
    real = description.cloudstack
    yield template_server(real.templates)
    stat = process_stat(real.server_pid)
    if stat is None or stat.state in "ZX":
        words = last_words(real.logs["management server"], real.logs["management server, output"])
        yield f"management server: ended; {words}"
        return
    keys = configparser.ConfigParser(interpolation=None)
    keys.read(folder / CS_FILE, encoding="utf-8")
    section = keys["cloudstack"]
    api = CloudStack(endpoint=section["endpoint"], key=section["key"], secret=section["secret"], timeout=ANSWER_SECONDS)
    try:
        hosts = {host["name"]: host for host in api.listHosts(type="Routing").get("host", [])}
    except (CloudStackException, requests.RequestException) as failure:
        yield f"management server: process {real.server_pid} does not answer: {failure}"
        return
    yield f"management server: process {real.server_pid} answers at {description.endpoint}"
    for host in description.hosts:
        seen = hosts.get(host.name)
        state = f"agent {seen['state']}, {seen['resourcestate']}" if seen else "unknown to the server"
        yield f"{host.name} in {host.cluster}: {state}, ssh port {host.port} of {host.address}"
