"""What a host's agent writes of its commands, at the place and in the form of CloudStack's agent."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path

from harness.lab.log import logid

# Where the agent's package has it put. Source: agent/conf/log4j-cloud.xml.in.
PLACE = Path("var/log/cloudstack/agent/agent.log")


class AgentLog:
    """Lines of what comes to the agent, and of what failed there; a job's have its logid. No file, no lines."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._guard = threading.Lock()

    def came(self, command: str) -> None:
        """Source: Agent.processRequest."""
        self._write("DEBUG", "c.c.a.Agent", f"Processing command: {command}")

    def failed(self, text: str) -> None:
        self._write("ERROR", "c.c.h.k.r.w.LibvirtCommandWrapper", text)

    def _write(self, level: str, by: str, text: str) -> None:
        if self._file is None:
            return
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="milliseconds")
        line = f"{now} {level:5} [{by}] (agentRequest-Handler-1:[]) (logid:{logid()}) {text}\n"
        with self._guard:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(line)
