"""Writes how to reach a lab, in the forms that its users read: our own, the `cs` command's and Marvin's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from harness.lab.fleet import Fleet, LabHost
from harness.lab.topology import LabSpec

if TYPE_CHECKING:
    from harness.lab.api.lab_cloud import LabCloud

CLOUD_FILE = "cloud.toml"
KNOWN_HOSTS_FILE = "known_hosts"
CS_FILE = "cloudstack.ini"
MARVIN_FILE = "marvin.cfg"

# It is nobody else's.
_ALL_ALLOWED = [
    "instances",
    "offerings",
    "accounts",
    "cluster-settings",
    "zone-settings",
    "global-settings",
    "templates",
    "hosts",
]


@dataclass(frozen=True)
class ReachedCloud:
    """How to reach a cloud that serves already, with the first admin's secrets."""

    endpoint: str
    api_key: str
    secret_key: str
    password: str
    integration: str | None = None

    @classmethod
    def of(cls, cloud: LabCloud) -> ReachedCloud:
        integration = cloud.integration_endpoint if cloud.has_integration_port else None
        keys = cloud.admin
        return cls(cloud.endpoint, keys.api_key, keys.secret_key, cloud.admin_password, integration)


@dataclass(frozen=True)
class CoverageFiles:
    """How to ask which code of a CloudStack ran: `servers` has JaCoCo's `address:port` by program."""

    jacoco_cli: Path
    servers: Mapping[str, str]
    classes: Sequence[str]
    sources: Path | None


def write_config_files(
    folder: Path,
    spec: LabSpec,
    hosts: Sequence[LabHost],
    fleet: Fleet,
    cloud: ReachedCloud,
    *,
    kind: str | None = None,
    deviations: Sequence[str] = (),
    coverage: CoverageFiles | None = None,
    log: Path | None = None,
) -> None:
    """Write `cloud.toml` (with the secret and the known hosts in files beside it), `cloudstack.ini` and `marvin.cfg`.

    `kind` is that of the lab where the fleet's does not tell it; `deviations` are its hosts' from what is usual; `log`
    is where the lab writes what a management server would.

    They hold secrets of this lab and are readable by their owner only.
    """
    known_hosts = "".join(f"{host.ssh.known_host}\n" for host in hosts)
    cloudstack_ini = f"[cloudstack]\nendpoint = {cloud.endpoint}\nkey = {cloud.api_key}\nsecret = {cloud.secret_key}\n"
    for name, text in {
        "secret_key": f"{cloud.secret_key}\n",
        KNOWN_HOSTS_FILE: known_hosts,
        CLOUD_FILE: _cloud_toml(
            folder,
            hosts,
            fleet,
            cloud,
            spec,
            {"hosts": kind or fleet.kind, "deviations": list(deviations)},
            coverage,
            log,
        ),
        CS_FILE: cloudstack_ini,
        MARVIN_FILE: json.dumps(_marvin(spec, hosts, cloud), indent=2) + "\n",
    }.items():
        file = folder / name
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")


def _cloud_toml(
    folder: Path,
    hosts: Sequence[LabHost],
    fleet: Fleet,
    cloud: ReachedCloud,
    spec: LabSpec,
    lab: dict[str, object],
    coverage: CoverageFiles | None,
    log: Path | None,
) -> str:
    key_file = str(hosts[0].ssh.key_file)
    # libssh2 takes the lab's own known_hosts; the ssh program would look into, and add to, the user's.
    login = f"sshauth=privkey&keyfile={quote(key_file)}&known_hosts={quote(str(folder / KNOWN_HOSTS_FILE))}"
    libvirt_uri = f"qemu+libssh2://{{user}}@{{address}}/system?{login}&known_hosts_verify=normal"
    tables: dict[str, dict[str, object]] = {
        "api": {"endpoint": cloud.endpoint, "api_key": cloud.api_key, "secret_key_file": "secret_key"},
        "cloud": {
            "zone": spec.zone,
            "template": "lab-guest",
            "unscalable_template": "lab-guest-unscalable",
            "network": "lab-net",
        },
        "hosts": {
            "user": hosts[0].ssh.user,
            "key_file": key_file,
            "known_hosts": KNOWN_HOSTS_FILE,
            "libvirt_uri": libvirt_uri,
            "cgroup_version": hosts[0].hypervisor.node_info().cgroup_version,
        },
        # A guest that cannot show what was plugged in is an optional witness.
        "guest": {"agent": True} if fleet.guest_boot.onlines_hotplug else {"onlines_hotplug": False},
        "time_limits": {**_server_limits(str(lab["hosts"])), "ssh": 10, **_guest_limits(fleet.kind)},
        "lab": lab,
    }
    if log is not None:
        # The hosts see the machine's files; the log's own machine has no SSH server for the lab.
        way = hosts[0].ssh
        where = {"address": way.address, "port": way.port, "user": way.user, "key_file": key_file}
        tables["logs.management"] = {**where, "file": str(log)}
    for host in hosts:
        tables[f"hosts.overrides.{host.spec.name}"] = {"address": host.ssh.address, "port": host.ssh.port}
    if coverage is not None:
        tables["coverage"] = {
            "jacoco_cli": str(coverage.jacoco_cli),
            "classes": list(coverage.classes),
            **({"sources": str(coverage.sources)} if coverage.sources is not None else {}),
        }
        tables["coverage.servers"] = dict(coverage.servers)
    # JSON's strings, numbers and booleans are TOML's.
    parts = ["# How to reach the embedded lab that wrote this file.\n", f"allow = {json.dumps(_ALL_ALLOWED)}\n"]
    for table, values in tables.items():
        parts.append(f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items()))
    return "\n".join(parts)


def _server_limits(kind: str) -> dict[str, object]:
    """A real server shares the machine with its database and agents, and is slow as long as nothing is compiled."""
    return {"api": 60, "job": 300} if kind == "cloudstack" else {"job": 120}


def _guest_limits(kind: str) -> dict[str, float]:
    """Simulated guests show at once what they are given, or never."""
    return {"guest_boot": 1, "guest_hotplug": 0.2} if kind == "simulated" else {"guest_boot": 60, "guest_hotplug": 15}


def _marvin(spec: LabSpec, hosts: Sequence[LabHost], cloud: ReachedCloud) -> dict[str, object]:
    """Marvin logs in with the password at the port it is given, or asks there as at an integration port."""
    address = urlsplit(cloud.integration or cloud.endpoint)
    clusters = [
        {
            "clustername": cluster,
            "hypervisor": "KVM",
            "hosts": [
                {"url": f"http://{host.ssh.address}:{host.ssh.port}", "username": host.ssh.user, "password": ""}
                for host in hosts
                if host.spec.cluster == cluster
            ],
        }
        for cluster in spec.clusters
    ]
    return {
        "zones": [{"name": spec.zone, "networktype": "Advanced", "pods": [{"name": spec.pod, "clusters": clusters}]}],
        "mgtSvr": [
            {
                "mgtSvrIp": address.hostname,
                "port": address.port,
                "user": "admin",
                "passwd": cloud.password,
                # Where the port is the integration port, signed requests go to another one.
                **({"apiPort": urlsplit(cloud.endpoint).port} if cloud.integration else {}),
                "apiKey": cloud.api_key,
                "securityKey": cloud.secret_key,
                "hypervisor": "KVM",
                "useHttps": "False",
            }
        ],
        "dbSvr": {"dbSvr": address.hostname, "port": 3306, "user": "cloud", "passwd": "cloud", "db": "cloud"},
        "logger": {"LogFolderPath": "marvin-logs"},
        "globalConfig": [],
        # The hosts' keys and the template, for which Marvin has no place.
        "csHarness": {"environmentFile": CLOUD_FILE},
    }
