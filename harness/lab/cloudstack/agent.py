"""CloudStack's own KVM agent inside one of the lab's hosts: its files, and the script by which the host starts it."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.lab.cloudstack.build import CloudStackBuild
from harness.lab.cloudstack.daemon import JAVA_OPENS, JAVA_STARTS
from harness.lab.cloudstack.management_server import log_configuration
from harness.lab.fleet import GuestBoot
from harness.lab.kvm.host import GUEST_BRIDGE, KvmHost
from harness.lab.topology import HostSpec

HOOK = Path(__file__).with_name("xml_hook.groovy")
HEAP = "-Xmx256m"


@dataclass(frozen=True)
class AgentFiles:
    """What one agent reads and writes, in a folder of its host's."""

    folder: Path
    spec: HostSpec

    @property
    def log(self) -> Path:
        return self.folder / "agent.log"

    @property
    def output(self) -> Path:
        """What the program prints by itself."""
        return self.folder / "agent.out"

    @property
    def ended(self) -> bool:
        """Whether it was started and has ended, by itself or otherwise."""
        return self._end.exists()

    @property
    def _end(self) -> Path:
        return self.folder / "ended"

    @property
    def written_domains(self) -> Path:
        """By name, each domain's XML as CloudStack wrote it, before the hook."""
        return self.folder / "domains"

    @property
    def downloads(self) -> Path:
        """Where templates lie until they are in the primary storage."""
        return self.folder / "downloads"

    def write(
        self,
        build: CloudStackBuild,
        server: tuple[str, int],
        place: tuple[str, str, int],
        boot: GuestBoot,
        java_agent: str | None = None,
    ) -> None:
        """`server` is address and port; `place` is zone, pod and the cluster's number in the database."""
        hooks = self.folder / "hooks"
        for folder in (
            self.folder,
            self.folder / "conf",
            hooks,
            self.written_domains,
            self.downloads,
            self.folder / "home",
        ):
            folder.mkdir(mode=0o700)
        (self.folder / "scripts").symlink_to(build.scripts / "scripts")
        (hooks / HOOK.name).write_text(HOOK.read_text(encoding="utf-8"), encoding="utf-8")
        (hooks / "xml_hook.properties").write_text(
            _properties(
                {
                    "domain.type": boot.domain_type,
                    "kernel": boot.kernel,
                    "initrd": boot.initrd,
                    "cmdline": boot.command_line,
                    "written": self.written_domains,
                }
            ),
            encoding="utf-8",
        )
        conf = self.folder / "conf"
        (conf / "agent.properties").write_text(_properties(self._settings(server, place)), encoding="utf-8")
        (conf / "environment.properties").write_text(f"paths.script={self.folder}\npaths.pid=/run\n", encoding="utf-8")
        (conf / "log4j-cloud.xml").write_text(log_configuration(self.log), encoding="utf-8")
        arguments = [
            *("java", HEAP, *JAVA_STARTS, *JAVA_OPENS),
            f"-Duser.home={self.folder / 'home'}",
            f"-Dlab.hooks={hooks}",
            f"-Dpaths.script={self.folder}",
            *([java_agent] if java_agent is not None else []),
            *("-cp", ":".join((str(conf), *build.agent_jars)), "com.cloud.agent.AgentShell"),
        ]
        (self.folder.parent / "service.sh").write_text(self._script(arguments), encoding="utf-8")

    def _script(self, arguments: Sequence[str]) -> str:
        place, output, end = (shlex.quote(str(path)) for path in (self.folder, self.output, self._end))
        return f"cd {place} && {shlex.join(arguments)} >>{output} 2>&1\ntouch {end}\n"

    def _settings(self, server: tuple[str, int], place: tuple[str, str, int]) -> dict[str, object]:
        zone, pod, cluster = place
        address, port = server
        return {
            "guid": uuid.uuid5(uuid.NAMESPACE_OID, str(self.folder)),
            "local.storage.uuid": uuid.uuid5(uuid.NAMESPACE_OID, f"{self.folder}/local"),
            "resource": "com.cloud.hypervisor.kvm.resource.LibvirtComputingResource",
            "workers": 5,
            "host": address,
            "port": port,
            "zone": zone,
            "pod": pod,
            "cluster": cluster,
            "hypervisor.type": "kvm",
            "private.network.device": GUEST_BRIDGE,
            "public.network.device": GUEST_BRIDGE,
            "guest.network.device": GUEST_BRIDGE,
            # Else the real processor's speed is told, and less memory than is declared.
            "host.cpu.manual.speed.mhz": self.spec.speed_mhz,
            "host.reserved.mem.mb": 0,
            # A heartbeat that is late on a busy machine would have the "host" reboot.
            "reboot.host.and.alert.management.on.heartbeat.timeout": "false",
            # Its usual place is libvirt's, which an unused machine does not have.
            "direct.download.temporary.download.location": self.downloads,
            "domr.scripts.dir": "scripts/network/domr/kvm",
            "agent.hooks.basedir": self.folder / "hooks",
            "agent.hooks.libvirt_vm_xml_transformer.script": HOOK.name,
            "agent.hooks.libvirt_vm_xml_transformer.method": "transform",
        }


def begin(host: KvmHost) -> None:
    """Start the agent whose files are there; it ends with its host."""
    host.order("start-service")


def _properties(values: dict[str, object]) -> str:
    """A Java properties file, in which a backslash would begin an escape."""
    return "".join(f"{key}={str(value).replace(chr(92), chr(92) * 2)}\n" for key, value in values.items())
