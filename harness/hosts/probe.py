"""The probe script on its way to a host and back: the command that carries it, and its parts cut out of the answer."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from enum import Enum
from importlib import resources

from harness.hosts.access import HostAccess
from harness.hosts.failures import BadInstanceName, ProbeCut, ProbeFailed
from harness.hosts.observation import NotSeen
from harness.hosts.ssh import CommandResult, SshConnection

# Names go through two parsers, the shell's and virsh's own: nothing that either could read otherwise is let through.
_INSTANCE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+@-]{0,254}")

_SCRIPT = resources.files("harness.hosts").joinpath("probe.sh").read_text(encoding="utf-8")


class Look(Enum):
    """What the script is asked for."""

    INSTANCE = "look"
    GUEST = "guest"
    AGENT = "agent"
    CPU = "cpu"
    FACTS = "facts"
    NAMES = "names"
    FLEET = "fleet"


@dataclass(frozen=True)
class Parts:
    """The script's answer by part name; each text is stripped."""

    texts: dict[str, str]

    def text(self, name: str) -> str | NotSeen:
        """The part's text, or why there is none. An empty or failed part is never taken for an answer.

        virsh begins the output of a command that failed with `error:` (tools/vsh.c vshReportError, locale C).
        """
        text = self.texts.get(name)
        if text is None:
            return NotSeen(f"the probe did not come to {name}")
        if text.startswith("error:"):
            reason = " ".join(text.replace("error:", " ").split())
            return NotSeen(reason or f"virsh gave no reason for {name}")
        if not text:
            return NotSeen(f"virsh printed nothing for {name}")
        return text


def checked_name(instance_name: str) -> str:
    """Return the name when it can be sent to a host.

    Raises:
        BadInstanceName: it could be taken for more than a name.
    """
    if not _INSTANCE_NAME.fullmatch(instance_name):
        raise BadInstanceName(instance_name)
    return instance_name


def look(
    connection: SshConnection,
    access: HostAccess,
    what: Look,
    instance_name: str = "none",
    request: str = "",
    *more: str,
    most_bytes: int | None = None,
    wait_s: int = 0,
) -> Parts:
    """Run the script once on the host: one exec on one connection.

    `request` is for the guest agent, where it is asked; for FLEET it is the domains' names, and `more` is whether the
    guests are asked too. For INSTANCE and GUEST, `wait_s` is how long the host may wait for an agent
    that is not there.

    Raises:
        HostFailure: the host could not be reached, or the script could not do its work there (ProbeFailed).
    """
    mark = secrets.token_hex(8)
    arguments = ["sh", "-c", _SCRIPT, "harness-probe", what.value, mark, checked_name(instance_name)]
    patience_s = access.program_patience_s if what is Look.AGENT else access.look_patience_s
    arguments += [str(patience_s), request or str(wait_s or ""), *more]
    if access.sudo:
        arguments = ["sudo", "-n", *arguments]
    seconds = access.command_timeout_s + wait_s
    return cut(access, connection.run(arguments, seconds=seconds, most_bytes=most_bytes), mark)


def cut(access: HostAccess, result: CommandResult, mark: str) -> Parts:
    """Split the answer at the lines that carry this look's random mark.

    Raises:
        ProbeFailed: virsh is missing, sudo asks for a password, or the answer has no end.
    """
    pieces = re.split(rf"^@{mark} (\w+)$", result.stdout, flags=re.MULTILINE)
    texts = {name: text.strip() for name, text in zip(pieces[1::2], pieces[2::2], strict=True)}
    if "no_virsh" in texts:
        raise ProbeFailed(access, "virsh is not on the PATH there; install libvirt-clients (libvirt-client on EL)")
    if "end" not in texts:
        said = " ".join((result.stderr or result.stdout[-300:]).split())[:300] or "nothing"
        mend = _sudo_mend(access, said)
        kind = ProbeCut if texts else ProbeFailed
        raise kind(access, f"the probe ended with status {result.status} and said: {said}{mend}")
    return Parts(texts)


def _sudo_mend(access: HostAccess, said: str) -> str:
    if access.sudo and "sudo" in said:
        return f"; let {access.user!r} run sh by sudo without a password, or log in as root"
    return ""
