"""What the lab's Java programs and its database have in common: how they are started, and what their logs said last."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from pathlib import Path

from harness.lab.kvm.gate import GatedProcess
from harness.lab.remains import Remains

# Quick to be there: the slower compiler is not worth its time in a lab's life, and two cores want one collector.
JAVA_STARTS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Djava.awt.headless=true")
JAVA_OPENS = (
    "--add-opens=java.base/java.lang=ALL-UNNAMED",
    "--add-opens=java.base/java.nio=ALL-UNNAMED",
    "--add-exports=java.base/sun.security.x509=ALL-UNNAMED",
)
# Of a log its last so many bytes are read.
_TAIL = 200_000
_WORTH_SAYING = re.compile(r"\b(ERROR|FATAL|Exception|Caused by)\b")


def service(arguments: Sequence[str], log: Path, remains: Remains) -> GatedProcess:
    """Start a program that goes on; its process is on record before it lives."""
    process = GatedProcess(list(arguments), log, remains, {})
    process.let_go()
    return process


def last_words(*logs: Path) -> str:
    """The last line of these logs that tells of an error, or the last line at all; of the first log that has one."""
    for log in logs:
        lines = _tail(log)
        telling = [line for line in lines if _WORTH_SAYING.search(line)]
        if telling or lines:
            return f"{(telling or lines)[-1][-300:]} ({log})"
    return f"nothing in {logs[0]}"


def first_error(log: Path) -> str:
    """The first line that tells of an error, for programs whose last one only says that they end; else the last."""
    telling = next((line for line in _tail(log) if _WORTH_SAYING.search(line)), None)
    return last_words(log) if telling is None else f"{telling[-300:]} ({log})"


def free_port(address: str = "127.0.0.1") -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
        return port


def _tail(log: Path) -> list[str]:
    if not log.exists():
        return []
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _TAIL))
        text = file.read().decode(errors="replace")
    return [line.strip() for line in text.splitlines() if line.strip()]
