"""JaCoCo, its owner's copy, attached to a CloudStack's Java programs so that somebody can ask them which code ran."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError

# Of the agents: each has a network namespace of its own.
AGENT_PORT = 6300
# What is CloudStack's own; the rest of some hundred jars would only cost time.
_INCLUDES = "com.cloud.*:org.apache.cloudstack.*"
_CLI_NAMES = ("jacococli.jar", "org.jacoco.cli-*-nodeps.jar")


class JacocoError(HarnessError):
    """What `--jacoco` names cannot be used; the text says why."""


@dataclass(frozen=True)
class Jacoco:
    """Two jars of one release: the agent, and the command line by which it is asked."""

    agent: Path
    cli: Path

    def attached(self, address: str, port: int) -> str:
        """The option of a Java program that is to tell, at this address, which of CloudStack's code ran in it."""
        settings = {
            "output": "tcpserver",
            "address": address,
            "port": port,
            "includes": _INCLUDES,
            "dumponexit": "false",
        }
        return f"-javaagent:{self.agent}=" + ",".join(f"{name}={value}" for name, value in settings.items())


def find_jacoco(agent: Path) -> Jacoco:
    """The agent's jar with the command line beside it, as in JaCoCo's own zip, or in the same Maven repository.

    Raises:
        JacocoError: it is not there or is something else, or nothing by which it could be asked is beside it.
    """
    jar = agent.expanduser().resolve()
    try:
        with zipfile.ZipFile(jar) as archive:
            manifest = archive.read("META-INF/MANIFEST.MF").decode("utf-8", errors="replace")
    except OSError as failure:
        raise JacocoError(f"--jacoco {agent}: cannot be read: {failure.strerror}") from None
    except (zipfile.BadZipFile, KeyError):
        raise JacocoError(f"--jacoco {agent}: no jar; name JaCoCo's jacocoagent.jar") from None
    if not re.search(r"^Premain-Class: org\.jacoco\.agent\.", manifest, re.MULTILINE):
        raise JacocoError(f"--jacoco {agent}: a jar, but not JaCoCo's agent; name its jacocoagent.jar")
    if "=" in str(jar):
        raise JacocoError(f"--jacoco {agent}: Java takes no agent whose path has a '='")
    # In a Maven repository: org.jacoco.agent/0.8.12/ and org.jacoco.cli/0.8.12/.
    folders = (jar.parent, jar.parents[1].with_name("org.jacoco.cli") / jar.parent.name)
    for folder in folders:
        for name in _CLI_NAMES:
            for cli in sorted(folder.glob(name)):
                return Jacoco(jar, cli)
    raise JacocoError(f"--jacoco {agent}: there is no {' and no '.join(_CLI_NAMES)} beside it, by which it is asked")
