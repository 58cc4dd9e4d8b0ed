"""The lab of a real CloudStack: brings hosts, database, server, agents and zone up in order, and takes all down."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.lab.cache import cache_dir
from harness.lab.cloudstack.agent import AgentFiles, begin
from harness.lab.cloudstack.build import CloudStackBuild
from harness.lab.cloudstack.daemon import free_port, last_words
from harness.lab.cloudstack.database import Database
from harness.lab.cloudstack.jacoco import AGENT_PORT, Jacoco
from harness.lab.cloudstack.management_server import ManagementServer
from harness.lab.cloudstack.templates import SCALABLE, TemplateServer
from harness.lab.cloudstack.zone import Admin, ZoneMaker, first_admin
from harness.lab.fleet import LabHost
from harness.lab.kvm.fleet import KvmFleet
from harness.lab.remains import Remains
from harness.lab.topology import LabSpec


@dataclass(frozen=True)
class CloudStackUp:
    """What there is once the zone is complete."""

    endpoint: str
    admin: Admin
    version: str
    hosts: Sequence[LabHost]
    server_pid: int
    templates: str


class CloudStackLab:
    """Everything lies in `folder`; `said` hears what is being done."""

    def __init__(
        self,
        build: CloudStackBuild,
        folder: Path,
        lab_id: str,
        spec: LabSpec,
        said: Callable[[str], None],
        jacoco: Jacoco | None = None,
    ) -> None:
        self.build = build
        self.jacoco = jacoco
        # By program, where its JaCoCo answers.
        self.coverage_servers: dict[str, str] = {}
        self.folder = folder.resolve()
        self.spec = spec
        # CloudStack's agents migrate by libvirt's TCP port.
        self.fleet = KvmFleet(spec.hosts, self.folder, lab_id, cache_dir(), libvirt_tcp=True, uplink_bridged=True)
        self._said = said
        self._remains = Remains(self.fleet.record)
        self._database: Database | None = None
        self._server: ManagementServer | None = None
        self._templates: TemplateServer | None = None

    @property
    def logs(self) -> dict[str, Path]:
        """By what writes them."""
        own = self.folder / "cloudstack"
        return {
            "management server": own / "server" / "management-server.log",
            "management server, output": own / "server" / "server.out",
            "schema": own / "server" / "schema.log",
            "database": own / "mariadb.log",
            **{f"agent of {host.name}": self._agent(host.name).log for host in self.spec.hosts},
            **{f"agent of {host.name}, output": self._agent(host.name).output for host in self.spec.hosts},
        }

    @property
    def deviations(self) -> tuple[str, ...]:
        """In what the lab's hosts make a domain other than CloudStack wrote it."""
        emulated = self.fleet.guest_boot.domain_type
        return (
            *(
                (f"domain type {emulated} in place of kvm, no CPU mode: no hardware virtualization here",)
                if emulated != "kvm"
                else ()
            ),
            "no <bandwidth>: its queue discipline is not in every kernel",
            "disks read-only, since libvirt migrates no others from a folder that hosts share",
            "kernel and initramfs given directly in place of a boot disk",
        )

    def up(self) -> CloudStackUp:
        """Raises HarnessError with what failed and the last words of its log; `down` is to be called then too."""
        self._said("starting three KVM hosts")
        hosts = self.fleet.up()
        own = self.folder / "cloudstack"
        own.mkdir(mode=0o700)
        self._database = Database(own / "mariadb", free_port(), self._remains)
        address = str(self.fleet.network.own_address)
        attached = self._attach("management", "127.0.0.1", free_port()) if self.jacoco is not None else None
        self._server = ManagementServer(
            self.build, own / "server", self._database, address, self._remains, java_agent=attached
        )
        self._server.write()
        self._begin_database(self._database, self._server)
        self._said("starting the management server")
        self._server.settle()
        self._server.start()
        self._said("making the zone")
        admin = first_admin(self._server.endpoint)
        maker = ZoneMaker(self._server.endpoint, admin, self.spec, self.fleet.network)
        version = maker.version()
        maker.make()
        self._said(f"starting three agents of CloudStack {version}")
        self._begin_agents(self._database, self._server)
        maker.wait_for_hosts(self._agent_words, self._ended_agents)
        self._said("making storage, network and templates")
        self._templates = TemplateServer(own / "templates", address)
        maker.fill(self.folder / "primary", self._templates)
        assert self._server.pid is not None
        served = self._templates.url(SCALABLE)
        return CloudStackUp(self._server.endpoint, admin, version, hosts, self._server.pid, served)

    def down(self) -> None:
        """Safe to call twice and after a failed `up`."""
        if self._templates is not None:
            self._templates.close()
            self._templates = None
        self.fleet.down()
        if self._server is not None:
            self._server.reap()
        if self._database is not None:
            self._database.reap()

    def keep_logs(self, folder: Path, failure: str) -> str:
        """Copy what logs there are, to be read when the lab is gone; gives `failure` with the copies' names in it."""
        folder.mkdir(mode=0o700, exist_ok=True)
        for writer, log in self.logs.items():
            if log.exists():
                kept = folder.resolve() / f"{writer.replace(' ', '-')}.log"
                shutil.copy(log, kept)
                failure = failure.replace(f"({log})", f"({kept})")
        return failure

    def _begin_database(self, database: Database, server: ManagementServer) -> None:
        copies = cache_dir() / "cloudstack"
        tree = f"{Path(self.build.origin).name}-"
        copy = copies / f"{tree}{self.build.key}"
        if copy.is_dir():
            self._said("taking the database from a saved copy")
            database.restore(copy)
            database.start()
            return
        self._said("making the database")
        database.install()
        database.start()
        self._said("making CloudStack's schema")
        server.make_schema()
        database.stop()
        for old in copies.glob(f"{tree}*") if copies.is_dir() else ():
            # Of a build that is no more.
            shutil.rmtree(old)
        database.save(copy)
        database.start()

    def _begin_agents(self, database: Database, server: ManagementServer) -> None:
        rows = database.sql("SELECT name, id FROM cloud.cluster WHERE removed IS NULL").splitlines()
        numbers = dict(row.split("	") for row in rows)
        for index, (host, running) in enumerate(zip(self.spec.hosts, self.fleet.hosts, strict=True)):
            place = (self.spec.zone, self.spec.pod, int(numbers[host.cluster]))
            attached = (
                self._attach(host.name, str(self.fleet.network.host_address(index)), AGENT_PORT)
                if self.jacoco is not None
                else None
            )
            self._agent(host.name).write(
                self.build, (server.address, server.agent_port), place, self.fleet.guest_boot, attached
            )
            begin(running)

    def _attach(self, program: str, address: str, port: int) -> str:
        assert self.jacoco is not None
        self.coverage_servers[program] = f"{address}:{port}"
        return self.jacoco.attached(address, port)

    def _agent(self, host: str) -> AgentFiles:
        spec = next(spec for spec in self.spec.hosts if spec.name == host)
        return AgentFiles(self.folder / "hosts" / host / "agent", spec)

    def _ended_agents(self) -> tuple[str, ...]:
        return tuple(host.name for host in self.spec.hosts if self._agent(host.name).ended)

    def _agent_words(self, hosts: tuple[str, ...]) -> str:
        if not hosts:
            raise HarnessError("every host is there")
        agent = self._agent(hosts[0])
        return last_words(agent.log, agent.output)
