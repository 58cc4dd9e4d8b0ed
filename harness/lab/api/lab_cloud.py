"""A whole cloud: management brain, agents and API server in front of hosts that are up."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.agent.agent import KvmAgent
from harness.lab.agent.disks import DiskError, Disks
from harness.lab.api.application import ApiApplication
from harness.lab.api.integration import IntegrationApplication
from harness.lab.api.server import ApiServer
from harness.lab.fleet import GuestBoot, LabHost
from harness.lab.hypervisor import HypervisorError
from harness.lab.management.cloud import Cloud, Patience
from harness.lab.management.jobs import JobRunner
from harness.lab.management.model import Role, User
from harness.lab.management.power import PowerWatch
from harness.lab.management.state import CloudState
from harness.lab.topology import LabSpec
from harness.reference.release import SINCE, Release

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
    there is a second port, where nobody has to say who they are.
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
    ) -> None:
        by_name = {host.spec.name: host for host in hosts}
        missing = [at.name for at in spec.hosts if at.name not in by_name]
        if missing:
            raise LabCloudError(f"the lab needs the hosts {', '.join(missing)}, which are not up")
        agents = {name: KvmAgent(host, guest_boot) for name, host in by_name.items()}
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
        )
        self._power = PowerWatch(self._cloud)
        self._server: ApiServer | None = None
        self._has_integration_port = integration_port
        self._integration: ApiServer | None = None

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
            api = ApiApplication(self._cloud, self._power)
            self._server = ApiServer(api)
            if self._has_integration_port:
                self._integration = ApiServer(IntegrationApplication(self._cloud, api))
        return self._server.endpoint

    def shutdown(self) -> None:
        """Stop serving, let running jobs end, destroy all domains of instances; safe to call twice."""
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
