"""A whole cloud: management brain, agents and API server in front of hosts that are up."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.lab.agent.agent import KvmAgent
from harness.lab.agent.disks import DiskError, Disks
from harness.lab.api import sessions
from harness.lab.api.application import ApiApplication
from harness.lab.api.commands import COMMANDS
from harness.lab.api.ignored import IgnoredParameters
from harness.lab.api.integration import IntegrationApplication
from harness.lab.api.server import ApiServer
from harness.lab.faults.registry import Faults
from harness.lab.faults.wire import FaultyWire
from harness.lab.fleet import GuestBoot, LabHost
from harness.lab.hypervisor import HypervisorError
from harness.lab.management.cloud import Cloud, Patience
from harness.lab.management.jobs import JobRunner
from harness.lab.management.model import Role, User
from harness.lab.management.power import PowerWatch
from harness.lab.management.state import CloudState
from harness.lab.topology import LabSpec
from harness.reference.release import SINCE, Release

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_log = logging.getLogger(__name__)


class LabCloudError(HarnessError):
    """The cloud cannot be made of these hosts."""


@dataclass(frozen=True)
class ApiKeys:
    """With what a client signs."""

    api_key: str
    secret_key: str


class LabCloud:
    """A fresh cloud of one zone. It does not bring hosts up or down; their fleet does.

    `disks` is a directory that all hosts see; None where hosts are simulated and no file is needed. Without
    `admin_password` nobody can guess it, but the owner of this object reads it there. With `integration_port`
    there is a second port, where nobody has to say who they are. `faults` are those that the hosts' fleet was given.
    """

    def __init__(
        self,
        spec: LabSpec,
        hosts: Sequence[LabHost],
        guest_boot: GuestBoot,
        release: Release = SINCE,
        disks: Path | None = None,
        *,
        patience: Patience | None = None,
        admin_password: str | None = None,
        integration_port: bool = False,
        faults: Faults | None = None,
    ) -> None:
        by_name = {host.spec.name: host for host in hosts}
        missing = [at.name for at in spec.hosts if at.name not in by_name]
        if missing:
            raise LabCloudError(f"the lab needs the hosts {', '.join(missing)}, which are not up")
        self.faults = faults or Faults()
        agents = {name: KvmAgent(host, guest_boot, self.faults) for name, host in by_name.items()}
        self.admin_password = admin_password or secrets.token_urlsafe(12)
        state = CloudState(
            spec,
            {name: (agent.node_info(), agent.address) for name, agent in agents.items()},
            release,
            admin_password=self.admin_password,
        )
        self._cloud = Cloud(
            state=state,
            agents={record.id: agents[record.name] for record in state.hosts.values()},
            disks=Disks(disks),
            jobs=JobRunner(),
            patience=patience or Patience(),
            faults=self.faults,
        )
        self.faults.attend_cloud({*COMMANDS, sessions.LOGIN, sessions.LOGOUT}, self._names_of)
        self._power = PowerWatch(self._cloud)
        self._api = ApiApplication(self._cloud, self._power)
        self._server: ApiServer | None = None
        self._has_integration_port = integration_port
        self._integration: ApiServer | None = None

    @property
    def inside(self) -> Cloud:
        """What the management server knows, for whoever looks at the lab from behind."""
        return self._cloud

    @property
    def ignored(self) -> IgnoredParameters:
        """Parameters that had no effect on the calls that gave them."""
        return self._api.ignored

    @property
    def admin(self) -> ApiKeys:
        """The first admin's keys as they are now."""
        state = self._cloud.state
        return _keys(state.user(state.admin.id))

    @property
    def endpoint(self) -> str:
        """Raises LabCloudError before `serve`."""
        if self._server is None:
            raise LabCloudError("the lab's cloud does not serve yet")
        return self._server.endpoint

    @property
    def integration_endpoint(self) -> str:
        """Raises LabCloudError before `serve`, or where the port was not asked for."""
        if self._integration is None:
            raise LabCloudError("the lab's cloud has no integration port")
        return self._integration.endpoint

    def add_user(self, name: str) -> ApiKeys:
        """A plain account with one user."""
        return _keys(self._cloud.state.add_account(name, Role.USER))

    def serve(self) -> str:
        """Begin to serve and return the API's address."""
        if self._server is None:
            self._server = self._served(self._api)
            if self._has_integration_port:
                self._integration = self._served(IntegrationApplication(self._cloud, self._api))
        return self._server.endpoint

    def _served(self, application: WSGIApplication) -> ApiServer:
        wire = FaultyWire(application, self.faults)
        server = ApiServer(wire)
        wire.close_port = server.close_for
        return server

    def _names_of(self, name: str) -> frozenset[str]:
        """Everything that an instance is called, by its id or its domain."""
        with self._cloud.state.lock:
            found = [each for each in self._cloud.state.instances.values() if name in (each.id, each.instance_name)]
        names = {(each.id, each.instance_name, each.name, each.display_name) for each in found}
        return frozenset({name}.union(*names))

    def shutdown(self) -> None:
        """Stop serving, let running jobs end, destroy all domains of instances; safe to call twice.

        No fault is armed any more.
        """
        self.faults.clear()
        for server in (self._server, self._integration):
            if server is not None:
                server.close()
        self._server = self._integration = None
        self._cloud.jobs.shut_down()
        self._power.shut_down()
        with self._cloud.state.lock:
            instances = list(self._cloud.state.instances.values())
        for instance in instances:
            agents = [self._cloud.agents[instance.host_id]] if instance.host_id else []
            try:
                for agent in agents:
                    agent.destroy(instance.instance_name)
                self._cloud.disks.remove(instance.volume_id)
            except (HypervisorError, DiskError) as failure:
                # The fleet takes the hosts down next, and what runs on them with them.
                _log.warning("%s is left behind: %s", instance.instance_name, failure)


def _keys(user: User) -> ApiKeys:
    return ApiKeys(user.api_key, user.secret_key)
