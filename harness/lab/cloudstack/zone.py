"""Makes a zone through the API of a management server that has none: clusters, hosts, storage, network, templates."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from cs import CloudStack, CloudStackException

from harness.errors import HarnessError
from harness.lab.cloudstack.templates import SCALABLE, UNSCALABLE, TemplateServer
from harness.lab.kvm.host import GUEST_BRIDGE
from harness.lab.kvm.network import LabNetwork
from harness.lab.topology import LabSpec
from harness.waiting import DeadlineExpired, wait_until

HOST_UP_SECONDS = 240.0
MODULES_SECONDS = 90.0
TEMPLATE_SECONDS = 60.0
KEYS_SECONDS = 30.0
FIRST_PASSWORD = "password"  # noqa: S105 what the schema's own data say; it is changed at once
NETWORK = "lab-net"


class ZoneError(HarnessError):
    """The server refused a step, or a host or template did not come; the text says which."""


@dataclass(frozen=True)
class Admin:
    """The first admin. All but `user_id` are secrets."""

    user_id: str
    api_key: str
    secret_key: str
    password: str


def first_admin(endpoint: str) -> Admin:
    """Log in as the admin of a fresh server, make keys and a password that nobody can guess."""
    with requests.Session() as session:
        login = _posted(session, endpoint, command="login", username="admin", password=FIRST_PASSWORD, domain="/")[
            "loginresponse"
        ]
        # CloudStack takes the session's key from the cookie it sets as well, but wants it said.
        keyed = {"sessionkey": str(login["sessionkey"])}
        user = str(login["userid"])
        _posted(session, endpoint, command="registerUserKeys", id=user, **keyed)

        def made() -> dict[str, Any]:
            answer = _posted(session, endpoint, command="getUserKeys", id=user, **keyed)
            keys: dict[str, Any] = answer["getuserkeysresponse"]["userkeys"]
            return keys

        # Since 4.23 a job makes them.
        keys = wait_until("the first admin's keys", made, lambda keys: "secretkey" in keys, KEYS_SECONDS)
        password = secrets.token_urlsafe(18)
        _posted(
            session,
            endpoint,
            command="updateUser",
            id=user,
            currentpassword=FIRST_PASSWORD,
            password=password,
            **keyed,
        )
    return Admin(user, str(keys["apikey"]), str(keys["secretkey"]), password)


def _posted(session: requests.Session, endpoint: str, **parameters: str) -> dict[str, Any]:
    answer = session.post(endpoint, data={**parameters, "response": "json"}, timeout=60)
    document: dict[str, Any] = answer.json()
    if not answer.ok:
        said: dict[str, Any] = next(iter(document.values()), {})
        raise ZoneError(f"{parameters['command']} was refused: {said.get('errortext', answer.status_code)}")
    return document


class ZoneMaker:
    """The steps, in the order in which they can be taken."""

    def __init__(self, endpoint: str, admin: Admin, spec: LabSpec, network: LabNetwork) -> None:
        self.spec = spec
        self.network = network
        self._api = CloudStack(
            endpoint=endpoint,
            key=admin.api_key,
            secret=admin.secret_key,
            timeout=60,
            job_timeout=120,
            poll_interval=0.3,
        )
        self._zone = ""
        self._pod = ""
        self._clusters: dict[str, str] = {}

    def version(self) -> str:
        """The release that the server says it is, as soon as it can: its modules go on loading after it answers.

        Raises:
            ZoneError: it cannot for long.
        """

        def look() -> str:
            told = str(self._call("listCapabilities")["capability"]["cloudstackversion"])
            # One of the last to be loaded, and what storage needs.
            if not self._call("listStorageProviders", type="primary").get("dataStoreProvider"):
                raise ZoneError(
                    "the server has no primary storage's provider; a module of its storage may have failed to start"
                )
            return told

        try:
            return wait_until("the server's modules", look, bool, MODULES_SECONDS, transient=(ZoneError,))
        except DeadlineExpired as expired:
            raise ZoneError(str(expired.last_seen)) from expired

    def make(self) -> None:
        """Zone, physical network, pod and clusters: what agents need to say where they belong."""
        ours = str(self.network.own_address)
        self._zone = self._id(
            "createZone", "zone", name=self.spec.zone, networktype="Advanced", dns1=ours, internaldns1=ours
        )
        physical = self._id(
            "createPhysicalNetwork",
            "physicalnetwork",
            zoneid=self._zone,
            name="lab-physical",
            isolationmethods="VLAN",
            vlan="100-199",
        )
        for traffic in ("Guest", "Management", "Public"):
            self._call("addTrafficType", traffictype=traffic, physicalnetworkid=physical, kvmnetworklabel=GUEST_BRIDGE)
        self._call("updatePhysicalNetwork", id=physical, state="Enabled")
        self._pod = self._id(
            "createPod",
            "pod",
            zoneid=self._zone,
            name=self.spec.pod,
            gateway=ours,
            netmask=str(self.network.subnet.netmask),
            startip=str(self.network.subnet[200]),
            endip=str(self.network.subnet[220]),
        )
        for cluster in self.spec.clusters:
            found = self._call(
                "addCluster",
                zoneid=self._zone,
                podid=self._pod,
                clustername=cluster,
                clustertype="CloudManaged",
                hypervisor="KVM",
            )["cluster"]
            self._clusters[cluster] = str(found[0]["id"])
        self._call("updateZone", id=self._zone, allocationstate="Enabled")

    def wait_for_hosts(
        self, agent_words: Callable[[tuple[str, ...]], str], ended: Callable[[], tuple[str, ...]]
    ) -> None:
        """Return once all hosts are Up.

        `agent_words` tells what the agents of hosts by name said last; `ended` names the hosts whose agents ended.

        Raises:
            ZoneError: one did not come, or cannot come any more.
        """
        wanted = {host.name for host in self.spec.hosts}

        def lacking() -> tuple[str, ...]:
            if gone := ended():
                raise ZoneError(f"the agent of {', '.join(gone)} ended: {agent_words(gone)}")
            hosts = self._call("listHosts", type="Routing").get("host", [])
            return tuple(sorted(wanted - {str(host["name"]) for host in hosts if host["state"] == "Up"}))

        try:
            wait_until("hosts to be Up", lacking, lambda names: not names, HOST_UP_SECONDS)
        except DeadlineExpired as expired:
            missing = expired.last_seen if isinstance(expired.last_seen, tuple) else tuple(sorted(wanted))
            raise ZoneError(
                f"{', '.join(missing)} did not become Up within {HOST_UP_SECONDS:g} s: {agent_words(missing)}"
            ) from expired

    def fill(self, primary: Path, templates: TemplateServer) -> None:
        """Storage, network and templates, which need hosts that are Up."""
        for cluster, cluster_id in self._clusters.items():
            folder = primary / cluster
            folder.mkdir(exist_ok=True)
            self._call(
                "createStoragePool",
                zoneid=self._zone,
                podid=self._pod,
                clusterid=cluster_id,
                name=f"primary-{cluster}",
                url=f"SharedMountPoint://localhost{folder}",
            )
        self._make_network()
        for name, scalable in ((SCALABLE, True), (UNSCALABLE, False)):
            self._register(name, templates.url(name), scalable=scalable)

    def _make_network(self) -> None:
        # Without services no virtual router is asked for; shared, because every account's instances are to be in it.
        offering = self._id(
            "createNetworkOffering",
            "networkoffering",
            name="lab-shared",
            displaytext="Shared, without services",
            guestiptype="Shared",
            traffictype="Guest",
            specifyvlan=True,
            specifyipranges=True,
        )
        self._call("updateNetworkOffering", id=offering, state="Enabled")
        self._call(
            "createNetwork",
            name=NETWORK,
            displaytext="What all of the lab's instances are in",
            zoneid=self._zone,
            networkofferingid=offering,
            vlan="untagged",
            bypassvlanoverlapcheck=True,
            acltype="Domain",
            gateway="10.79.0.1",
            netmask="255.255.252.0",
            startip="10.79.0.10",
            endip="10.79.3.250",
        )

    def _register(self, name: str, url: str, *, scalable: bool) -> None:
        kinds = (
            self._call("listOsTypes", description="Debian GNU/Linux 12 (64-bit)").get("ostype")
            or self._call("listOsTypes")["ostype"]
        )
        self._call(
            "registerTemplate",
            name=name,
            displaytext=name,
            url=url,
            zoneid=self._zone,
            format="QCOW2",
            hypervisor="KVM",
            ostypeid=str(kinds[0]["id"]),
            directdownload=True,
            requireshvm=True,
            ispublic=True,
            isfeatured=True,
            isdynamicallyscalable=scalable,
        )

        def ready() -> bool:
            found = self._call("listTemplates", templatefilter="all", name=name, zoneid=self._zone)["template"]
            return any(bool(template["isready"]) for template in found)

        try:
            wait_until(f"the template {name} to be ready", ready, bool, TEMPLATE_SECONDS)
        except DeadlineExpired as expired:
            raise ZoneError(str(expired)) from expired

    def _id(self, command: str, what: str, **parameters: object) -> str:
        return str(self._call(command, **parameters)[what]["id"])

    def _call(self, command: str, **parameters: object) -> dict[str, Any]:
        try:
            answer = getattr(self._api, command)(fetch_result=True, **parameters)
        except CloudStackException as refused:
            raise ZoneError(f"{command} was refused: {_text(refused)}") from refused
        except requests.RequestException as failure:
            raise ZoneError(f"{command} got no answer: {failure}") from failure
        return dict(answer)


def _text(refused: CloudStackException) -> str:
    error = getattr(refused, "error", None)
    return str(error.get("errortext", error)) if isinstance(error, dict) else str(refused)
