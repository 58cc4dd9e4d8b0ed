"""CloudStack's own management server: its schema by its own creator, its files, its process."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import requests

from harness.errors import HarnessError
from harness.lab.cloudstack.build import CloudStackBuild
from harness.lab.cloudstack.daemon import JAVA_OPENS, JAVA_STARTS, free_port, last_words, service
from harness.lab.cloudstack.database import Database
from harness.lab.kvm.gate import GatedProcess
from harness.lab.remains import Remains
from harness.waiting import DeadlineExpired, wait_until

SCHEMA_SECONDS = 600.0
READY_SECONDS = 420.0
HEAP = "-Xmx1800m"
# How a server that is there answers a request without a signature.
_NOBODY_SIGNED = 401
# What packages say of the connection; a wrong SQL mode or time zone shows only later.
_URL = (
    "prepStmtCacheSize=517&cachePrepStmts=true&sessionVariables=sql_mode='STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,"
    "NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'&serverTimezone=UTC"
)

_MODULE_FAILED = re.compile(r"Failed to start module \[(?P<module>[^\]]+)\] due to: \[(?P<reason>.*?)\]?\.?$")


# It goes on all the same, and no agent can come.
_DEAF_TO_AGENTS = re.compile(r"Error when connecting to the NioServer! (?P<reason>.*)")


class ServerError(HarnessError):
    """The schema was not made, or the server did not come up; the text has its log's last words."""


@dataclass
class ManagementServer:
    """`address` is where agents reach it; the API is on the loopback only. `folder` is made here."""

    build: CloudStackBuild
    folder: Path
    database: Database
    address: str
    remains: Remains
    java_agent: str | None = None
    api_port: int = 0
    agent_port: int = 0
    _process: GatedProcess | None = None

    @property
    def log(self) -> Path:
        return self.folder / "management-server.log"

    @property
    def output(self) -> Path:
        """What the program prints by itself, before and beside its log."""
        return self.folder / "server.out"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.api_port}/client/api"

    def write(self) -> None:
        """Choose ports and make the folder with all that the server reads."""
        self.api_port, self.agent_port = free_port(), free_port(self.address)
        conf = self.folder / "conf"
        for folder in (conf, self.folder / "mnt", self.folder / "extensions", self.folder / "home" / ".ssh"):
            folder.mkdir(mode=0o700, parents=True)
        for name in ("engine", "scripts"):
            if (self.build.scripts / name).is_dir():
                (self.folder / name).symlink_to(self.build.scripts / name)
        texts = {
            "db.properties": self._db_properties(),
            "server.properties": self._server_properties(),
            "environment.properties": f"paths.script={self.build.scripts}\nmount.parent={self.folder / 'mnt'}\n"
            "cloud-stack-components-specification=components.xml\n",
            "log4j-cloud.xml": log_configuration(self.log),
        }
        for name, text in texts.items():
            file = conf / name
            file.touch(mode=0o600)
            file.write_text(text, encoding="utf-8")

    def make_schema(self) -> None:
        """Have the build's own creator make the schema and fill it. Raises ServerError."""
        log = self.folder / "schema.log"
        arguments = [
            "com.cloud.upgrade.DatabaseCreator",
            str(self.folder / "conf" / "db.properties"),
            *(str(file) for file in self.build.schema),
            "com.cloud.upgrade.DatabaseUpgradeChecker",
            "--database=cloud,usage",
            f"--rootpassword={self.database.root_password}",
        ]
        process = service(self._java(*arguments), log, self.remains)
        try:
            status = process.wait_for_end(SCHEMA_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerError(f"the schema was not made within {SCHEMA_SECONDS:g} s: {last_words(log)}") from None
        if status or not self.database.sql("SELECT version FROM cloud.version ORDER BY id DESC LIMIT 1"):
            raise ServerError(f"the schema was not made: {last_words(log, self.log)}")

    def settle(self) -> None:
        """Write into the database what the server has to know before it starts."""
        settings = {
            "host": self.address,
            "port": str(self.agent_port),
            "integration.api.port": "0",
            # In developer mode it writes the keys of system VMs into the tree.
            "developer": "false",
            # The lab's agents have no certificates.
            "ca.plugin.root.auth.strictness": "false",
            "expunge.delay": "1",
            "expunge.interval": "5",
            "ping.interval": "10",
            "secstorage.allowed.internal.sites": "0.0.0.0/0",
            "system.vm.use.local.storage": "false",
        }
        # The values are our own, not a person's.
        self.database.sql(
            "".join(
                "INSERT INTO cloud.configuration (category, instance, component, name, value) VALUES "  # noqa: S608
                f"('Advanced', 'DEFAULT', 'management-server', '{name}', '{value}') "
                f"ON DUPLICATE KEY UPDATE value = '{value}';\n"
                for name, value in settings.items()
            )
        )

    def start(self) -> None:
        """Return once it answers. Raises ServerError."""
        self._process = service(
            self._java(HEAP, *self._attached(), "org.apache.cloudstack.ServerDaemon"),
            self.output,
            self.remains,
        )
        process = self._process

        def answers() -> int:
            if process.has_ended:
                raise ServerError(f"the management server ended: {why_not_up(self.log, self.output)}")
            if (thrown := what_main_threw(self.output)) is not None:
                raise ServerError(f"the management server did not start: {thrown}")
            status = requests.get(f"{self.endpoint}?command=listZones", timeout=10).status_code
            if status != _NOBODY_SIGNED and (failed := module_that_failed(self.log)) is not None:
                raise ServerError(f"the management server is of no use: {failed}")
            if status == _NOBODY_SIGNED and (deaf := why_deaf_to_agents(self.log)) is not None:
                at = f"{self.address}:{self.agent_port}"
                raise ServerError(f"the management server does not listen for agents at {at}: {deaf}")
            return status

        waited_for = (requests.ConnectionError, requests.Timeout)
        try:
            # Nothing listens until the modules are loaded, those that can be.
            wait_until(
                "the management server",
                answers,
                lambda status: status == _NOBODY_SIGNED,
                READY_SECONDS,
                transient=waited_for,
            )
        except DeadlineExpired as expired:
            raise ServerError(
                f"the management server does not answer: {why_not_up(self.log, self.output)}"
            ) from expired

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def reap(self) -> None:
        """Collect a process that has been killed."""
        if self._process is not None:
            self._process.reap()
            self._process = None

    def _java(self, *arguments: str) -> list[str]:
        class_path = ":".join((str(self.folder / "conf"), *self.build.server_jars))
        system = (
            f"-Duser.home={self.folder / 'home'}",
            f"-Djava.io.tmpdir={self.folder / 'home'}",
            f"-Dpaths.script={self.build.scripts}",
            f"-Dlog4j2.configurationFile={self.folder / 'conf' / 'log4j-cloud.xml'}",
        )
        # What the server looks for from its working directory is the tree's; what it writes there is not.
        return [
            "env",
            f"--chdir={self.folder}",
            "java",
            *JAVA_STARTS,
            *JAVA_OPENS,
            *system,
            "-cp",
            class_path,
            *arguments,
        ]

    def _attached(self) -> tuple[str, ...]:
        return (self.java_agent,) if self.java_agent is not None else ()

    def _server_properties(self) -> str:
        return (
            "bind.interface=127.0.0.1\n"
            "context.path=/client\n"
            "http.enable=true\n"
            f"http.port={self.api_port}\n"
            "https.enable=false\n"
            "session.timeout=30\n"
            "threads.min=10\nthreads.max=500\n"
            "request.content.size=1048576\nrequest.max.form.keys=5000\n"
            f"access.log={self.folder / 'access.log'}\n"
            "extensions.deployment.mode=developer\n"
        )

    def _db_properties(self) -> str:
        lines = [
            "cluster.node.IP=127.0.0.1",
            f"cluster.servlet.port={free_port()}",
            "region.id=1",
            "db.cloud.encryption.type=none",
            "db.cloud.encrypt.secret=",
            "db.ha.enabled=false",
            f"db.cloud.url.params={_URL}",
            "db.usage.url.params=serverTimezone=UTC",
        ]
        for kind, name in (("cloud", "cloud"), ("usage", "cloud_usage"), ("simulator", "simulator")):
            values = {
                "username": "cloud",
                "password": self.database.password,
                "host": "127.0.0.1",
                "port": self.database.port,
                "driver": "jdbc:mysql",
                "name": name,
                "uri": "",
                "connectionPoolLib": "hikaricp",
                "maxActive": 100,
                "maxIdle": 20,
                "maxWait": 600000,
                "minIdleConnections": 5,
                "connectionTimeout": 30000,
                "keepAliveTime": 600000,
                "validationQuery": "/* ping */ SELECT 1",
                "testOnBorrow": "true",
                "testWhileIdle": "true",
                "timeBetweenEvictionRunsMillis": 40000,
                "minEvictableIdleTimeMillis": 240000,
                "poolPreparedStatements": "false",
                "autoReconnect": "true",
            }
            lines += [f"db.{kind}.{key}={value}" for key, value in values.items()]
        return "\n".join(lines) + "\n"


def why_not_up(log: Path, output: Path) -> str:
    """The first module that did not start; else the last words."""
    return module_that_failed(log) or last_words(log, output)


def module_that_failed(log: Path) -> str | None:
    """The first module that did not start, with the innermost of its nested reasons; None where all did.

    Each module after it fails for want of what it would have brought, so that the log ends in reasons that are none.
    """
    if not log.exists():
        return None
    with log.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            failure = _MODULE_FAILED.search(line)
            if failure is not None:
                reason = failure["reason"].rsplit("nested exception is ", 1)[-1]
                return f"module {failure['module']} did not start: {reason[:300]} ({log})"
    return None


def why_deaf_to_agents(log: Path) -> str | None:
    """Why it does not listen at the agents' port, as where that is taken; None where nothing says so."""
    if not log.exists():
        return None
    with log.open(encoding="utf-8", errors="replace") as lines:
        found = next((match for line in lines if (match := _DEAF_TO_AGENTS.search(line))), None)
    return None if found is None else f"{found['reason'].strip()[:300]} ({log})"


def what_main_threw(output: Path) -> str | None:
    """Why its first thread ended, which leaves others that keep the program alive; a port that is taken does that."""
    text = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
    for line in text.splitlines():
        _, begins, thrown = line.partition('Exception in thread "main" ')
        if begins:
            return f"{thrown[:300]} ({output})"
    return None


def log_configuration(log: Path) -> str:
    """A log4j2 file: one log, with the id by which the lines of one job are found."""
    return dedent(
        f"""\
        <?xml version="1.0" encoding="UTF-8"?>
        <Configuration status="WARN">
          <Appenders>
            <File name="FILE" fileName="{log}">
              <PatternLayout pattern="%d{{ISO8601}} %-5p [%c{{1.}}] (%t:%x) (logid:%X{{logcontextid}}) %m%ex%n"/>
            </File>
          </Appenders>
          <Loggers>
            <Logger name="org.apache.cloudstack" level="DEBUG"/>
            <Logger name="com.cloud" level="DEBUG"/>
            <Root level="INFO"><AppenderRef ref="FILE"/></Root>
          </Loggers>
        </Configuration>
        """
    )
