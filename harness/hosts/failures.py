"""What can go wrong between the harness and a host; every text names the host, its address and the mend."""

from __future__ import annotations

from harness.errors import HarnessError
from harness.hosts.access import HostAccess


class HostFailure(HarnessError):
    """The root of this room's errors; `host` and `address` say where, `reason` is the text without them."""

    def __init__(self, access: HostAccess, reason: str) -> None:
        self.host = access.name
        self.address = f"{access.address}:{access.port}"
        self.reason = reason
        super().__init__(f"host {access.where}: {reason}")


class ConnectionRefused(HostFailure):
    """Nothing listens at the address and port."""


class Unreachable(HostFailure):
    """No answer before the deadline, no route, or a name that does not resolve."""


class HandshakeFailed(HostFailure):
    """Something listens, but the SSH handshake did not come to an end."""


class AuthenticationFailed(HostFailure):
    """The host refused the login, or the key file cannot be used."""


class HostKeyUnknown(HostFailure):
    """The host's key is in no known_hosts file."""


class HostKeyChanged(HostFailure):
    """The host shows another key than the one known for it."""


class ConnectionLost(HostFailure):
    """The connection ended before the command did."""


class CommandTimedOut(HostFailure):
    """The command did not end before the deadline."""


class OutputTooLarge(HostFailure):
    """The command printed more than is taken in."""


class ProbeFailed(HostFailure):
    """The look itself could not be had on this host (no virsh, no sudo, no sh)."""


class ProbeCut(ProbeFailed):
    """The look began and its answer has no end."""


class LibvirtFailed(HostFailure):
    """libvirt could not be reached or did not answer."""


class LibvirtPythonMissing(HarnessError):
    """The libvirt transport was asked for, and the Python package is not there."""

    def __init__(self) -> None:
        super().__init__(
            "the libvirt transport needs libvirt-python: install cloudstack-scaling-harness[kvm], or use transport ssh"
        )


class UnknownHost(HarnessError):
    """An instance runs on a host for which no access is configured."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        self.name = name
        self.known = known
        super().__init__(
            f"host {name}: no access is configured for it, only for {', '.join(known) or 'none'}; add it under hosts"
        )


class BadInstanceName(HarnessError):
    """A domain name that is not sent to a host's shell."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"instance name {name!r}: only letters, digits and ._:+@- are taken, first a letter or digit")
