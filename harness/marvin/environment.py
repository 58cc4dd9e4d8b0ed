"""Makes an environment of a Marvin configuration, so that `verify` needs nothing else."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from harness.cloud.client import CloudApi
from harness.marvin.config import ClusterEntry, HostEntry, MarvinConfig, MarvinConfigError, read
from harness.marvin.keys import Access, access
from harness.run.environment import Api, Cloud, Environment, HostLogins, HostOverride, Secrets, load

_SSH_PORT = 22


def environment_in(file: Path) -> Environment:
    """The environment of a file of either kind: an environment file, or a Marvin configuration, which is JSON.

    Raises:
        HarnessError: it cannot be used; the text names the file and the key.
    """
    return environment_of(file) if _is_json(file) else load(file)


def _is_json(file: Path) -> bool:
    """Neither kind begins like the other: Marvin takes comments before the opening brace, TOML has no brace there."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        # Which is said by whoever reads it.
        return False
    return next((line.lstrip() for line in lines if line.strip() and not line.lstrip().startswith("#")), "")[:1] == "{"


def environment_of(file: Path, zone: str | None = None) -> Environment:
    """The environment that a Marvin configuration describes; `zone` is the first one of the file where it is None.

    What such a file does not say is looked up in the cloud: the admin's keys, the hosts' names, and a template that is
    dynamically scalable. Hosts are reached with the user and password of their entry; without a password with the SSH
    agent and keys of whoever runs this. A host never seen is trusted, since such a file has no place for host keys.

    Raises:
        HarnessError: the file or the cloud lacks something; the text names the key.
    """
    config = read(file)
    if config.companion is not None:
        return load(file.parent / config.companion.environment_file).given_by(file)
    reached = access(config)
    api = CloudApi(reached.endpoint, reached.api_key, reached.secret_key, verify=reached.verify)
    wanted = config.zone(zone)
    zone_id = _zone_id(config, api, wanted.name)
    there = api.list("listHosts", "host", type="Routing", zoneid=zone_id)
    logins = _logins([cluster for pod in wanted.pods if pod for cluster in pod.clusters if cluster], there)
    environment = Environment(
        api=_api(reached),
        cloud=Cloud(zone=wanted.name, template=_template(config, api, zone_id)),
        hosts=HostLogins(
            host_keys="accept-new",
            known_hosts=Path("~/.ssh/known_hosts").expanduser(),
            overrides={name: login.override for name, login in logins.items()},
        ),
    )
    passwords = {name: login.password for name, login in logins.items() if login.password}
    return environment.with_secrets(file, Secrets(secret_key=reached.secret_key, host_passwords=passwords))


@dataclass(frozen=True)
class _Login:
    override: HostOverride
    password: str


def _api(reached: Access) -> Api:
    ca_bundle = Path(reached.verify) if isinstance(reached.verify, str) else None
    return Api(endpoint=reached.endpoint, api_key=reached.api_key, verify_tls=bool(reached.verify), ca_bundle=ca_bundle)


def _zone_id(config: MarvinConfig, api: CloudApi, name: str) -> str:
    zones = {str(each["name"]): str(each["id"]) for each in api.list("listZones", "zone")}
    if name not in zones:
        raise MarvinConfigError(
            f"{config.file}: zones[].name: the cloud has no zone {name!r}; it has {', '.join(sorted(zones)) or 'none'}"
        )
    return zones[name]


def _template(config: MarvinConfig, api: CloudApi, zone_id: str) -> str:
    """The first that is ready and dynamically scalable; one of CloudStack's own only where there is no other."""
    found = [
        each
        for each in api.list("listTemplates", "template", templatefilter="all", zoneid=zone_id)
        if each.get("isready")
        and each.get("isdynamicallyscalable")
        and each.get("templatetype") != "SYSTEM"
        and each.get("hypervisor", "KVM") == "KVM"
    ]
    if not found:
        raise MarvinConfigError(
            f"{config.file}: the zone has no KVM template that is ready and dynamically scalable; "
            "make one so (updateTemplate isdynamicallyscalable=true)"
        )
    return str(min(found, key=lambda each: each.get("templatetype") == "BUILTIN")["name"])


def _logins(clusters: list[ClusterEntry], there: list[dict[str, object]]) -> dict[str, _Login]:
    """Logins by the names that CloudStack has for the hosts."""
    names = {str(host["name"]) for host in there}
    by_address = {str(host.get("ipaddress", "")): str(host["name"]) for host in there}
    logins = {}
    for entry in (host for cluster in clusters for host in cluster.hosts):
        address = entry.address
        name = address if address in names else by_address.get(address) or by_address.get(_resolved(address))
        if name is not None:
            logins[name] = _login(entry)
    return logins


def _login(entry: HostEntry) -> _Login:
    return _Login(
        HostOverride(address=entry.address, port=entry.port or _SSH_PORT, user=entry.username), entry.password
    )


def _resolved(name: str) -> str:
    try:
        return socket.gethostbyname(name)
    except OSError:
        # A name such as the simulator's `sim`, which no resolver knows, is no host that can be looked into.
        return ""
