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
from harness.lab.api.call_log import CallLog
from harness.lab.api.commands import COMMANDS
from harness.lab.api.ignored import IgnoredParameters
from harness.lab.api.integration import IntegrationApplication
from harness.lab.api.server import ApiServer
from harness.lab.defects.catalogue import found
from harness.lab.faults.registry import Faults
from harness.lab.faults.wire import FaultyWire
from harness.lab.fleet import GuestBoot, LabHost
from harness.lab.hypervisor import HypervisorError
from harness.lab.management.clock import Clock, WallClock
from harness.lab.management.cloud import Cloud, Patience
from harness.lab.management.jobs import THREADS, JobRunner
from harness.lab.management.latency import INSTANT, Latencies, Pace
from harness.lab.management.model import Role, User
from harness.lab.management.power import PowerWatch
from harness.lab.management.state import CloudState
from harness.lab.management.virtual_clock import VirtualClock
from harness.lab.seams import Seams, Switch
from harness.lab.simulated.hypervisor import SimulatedHypervisor
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
    there is a second port, where nobody has to say who they are. A `virtual_clock` jumps over `latencies`; it is
    for simulated hosts, where no work takes time of its own. `faults` are those that the hosts' fleet was given,
    `defect` is the id of one of the catalogue, which is there from the beginning. Raises UnknownDefectError.
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
        latencies: Latencies = INSTANT,
        virtual_clock: bool = False,
        admin_password: str | None = None,
        integration_port: bool = False,
        faults: Faults | None = None,
        defect: str | None = None,
        calls: Path | None = None,
    ) -> None:
        by_name = {host.spec.name: host for host in hosts}
        missing = [at.name for at in spec.hosts if at.name not in by_name]
        if missing:
            raise LabCloudError(f"the lab needs the hosts {', '.join(missing)}, which are not up")
        self._spec = spec
        self.faults = faults or Faults()
        self._hosts = tuple(hosts)
        self._switch = Switch()
        self._agents = {name: KvmAgent(host, guest_boot, self.faults, self._switch) for name, host in by_name.items()}
        self._nodes = {name: (agent.node_info(), agent.address) for name, agent in self._agents.items()}
        self._disks = Disks(disks)
        self._patience = patience or Patience()
        self._latencies = latencies
        self._virtual_clock = virtual_clock
        self.admin_password = admin_password or secrets.token_urlsafe(12)
        commands = {*COMMANDS, sessions.LOGIN, sessions.LOGOUT}
        self.faults.attend_cloud(commands, self._names_of, self._alert_of_host_down)
        self._server: ApiServer | None = None
        self._calls = calls
        self.has_integration_port = integration_port
        self._integration: ApiServer | None = None
        self._first_defect = defect
        self._begin(release)
        self._first_keys = self.admin

    def _begin(self, release: Release) -> None:
        self.set_defect(self._first_defect)
        clock: Clock = VirtualClock(THREADS) if self._virtual_clock else WallClock()
        state = CloudState(
            self._spec, self._nodes, release, clock=clock, admin_password=self.admin_password, switch=self._switch
        )
        agents = {record.id: self._agents[record.name] for record in state.hosts.values()}
        state.attend_hosts(lambda host_id: agents[host_id].is_up)
        self._cloud = Cloud(
            state=state,
            agents=agents,
            disks=self._disks,
            jobs=JobRunner(clock),
            patience=self._patience,
            pace=Pace(self._latencies, clock),
            faults=self.faults,
        )
        self._power = PowerWatch(self._cloud)
        self._api = ApiApplication(self._cloud, self._power)
        self._integration_api = IntegrationApplication(self._cloud, self._api)

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

    def set_defect(self, defect_id: str | None) -> None:
        """Have this defect of the catalogue from now on, or none. Instances keep what it has done to them.

        Raises:
            UnknownDefectError: the catalogue has none of this id.
        """
        self._switch.seams = seams = Seams() if defect_id is None else found(defect_id).seams
        for host in self._hosts:
            if isinstance(host.hypervisor, SimulatedHypervisor):
                host.hypervisor.look = seams.look

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
            # A reset puts another cloud behind the same server.
            self._server = self._served(lambda environ, start: self._api(environ, start))
            if self.has_integration_port:
                self._integration = self._served(lambda environ, start: self._integration_api(environ, start))
        return self._server.endpoint

    def _served(self, application: WSGIApplication) -> ApiServer:
        if self._calls is not None:
            application = CallLog(application, self._calls)
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

    def _alert_of_host_down(self, name: str) -> None:
        """Source: AgentManagerImpl.handleDisconnectWithInvestigation."""
        state = self._cloud.state
        # By now the host may be called something else in the API.
        number = next(
            state.hosts[each].database_id for each, at in self._cloud.agents.items() if at is self._agents[name]
        )
        state.alerts.raise_alert("ALERT.COMPUTE.HOST", f"Host down, {number}")

    def reset(self, release: Release | None = None) -> None:
        """Put a fresh cloud behind the same address: no instances, no faults, and none of what was made or set.

        A defect is there again that was there from the beginning, and no other.

        The first admin's keys and password are those of the beginning; all ids are new. Jobs are dropped, and requests
        that come meanwhile are answered by the old cloud, which begins nothing any more. Not for two threads at once.
        """
        self._end()
        self._begin(release or self._cloud.state.release)
        state, first = self._cloud.state, self._first_keys
        state.renew_keys(state.admin.id, (first.api_key, first.secret_key))

    def let_pass(self, seconds: float) -> None:
        """Let time pass for a cloud with nothing to do. Raises LabCloudError where its clock is the wall's."""
        clock = self._cloud.state.clock
        if not isinstance(clock, VirtualClock):
            raise LabCloudError("only a virtual clock can be told to let time pass")
        clock.let_pass(seconds)

    def shutdown(self) -> None:
        """Stop serving, drop jobs that wait, let the others end, destroy all domains; safe to call twice.

        No fault is armed any more.
        """
        self.faults.clear()
        for server in (self._server, self._integration):
            if server is not None:
                server.close()
        self._server = self._integration = None
        self._end()

    def _end(self) -> None:
        """End the present cloud's jobs, and what runs on the hosts: a dropped job may have left a domain anywhere."""
        self.faults.clear()
        self._cloud.jobs.shut_down()
        self._power.shut_down()
        for agent in self._agents.values():
            try:
                for name in agent.hypervisor.domain_names():
                    agent.destroy(name)
            except HypervisorError as failure:
                _log.warning("what runs on %s is left behind: %s", agent.hypervisor.name, failure)
        with self._cloud.state.lock:
            instances = list(self._cloud.state.instances.values())
        for instance in instances:
            try:
                self._disks.remove(instance.volume_id)
            except DiskError as failure:
                _log.warning("%s", failure)


def _keys(user: User) -> ApiKeys:
    return ApiKeys(user.api_key, user.secret_key)
