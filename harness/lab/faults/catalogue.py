"""The kinds of faults, each with a sentence, its layer, and what an order for it may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum


class Fault(StrEnum):
    """The kinds by their ids, as an order names them."""

    CONNECTION_REFUSED = "connection-refused"
    CONNECTION_RESET = "connection-reset"
    SERVER_ERROR = "server-error"
    SLOW_ANSWER = "slow-answer"
    GARBAGE_BODY = "garbage-body"
    HTML_BODY = "html-body"
    DUPLICATED_ANSWER = "duplicated-answer"
    REPLAYED_ANSWER = "replayed-answer"
    JOB_LOST = "job-lost"
    JOB_WITHOUT_RESULT = "job-without-result"
    AGENT_DISCONNECTED = "agent-disconnected"
    MIGRATION_FAILED = "migration-failed"
    VCPU_REFUSED = "vcpu-refused"
    LIBVIRTD_RESTARTED = "libvirtd-restarted"
    SSH_REFUSED = "ssh-refused"
    SSH_HOST_KEY_CHANGED = "ssh-host-key-changed"
    SSH_CUT = "ssh-cut"
    SSH_HANGING = "ssh-hanging"
    HOST_DOWN = "host-down"


class Layer(StrEnum):
    API = "API"
    JOBS = "jobs"
    AGENT = "agent"
    LIBVIRT = "libvirt"
    SSH = "SSH"
    HOST = "host"


class Point(Enum):
    """Where the lab asks whether a fault strikes."""

    CALL = "a call of the API has been read"
    JOB = "a client asks for a job"
    AGENT = "the management server sends a command to an agent"
    MIGRATION = "an agent is about to migrate a domain"
    VCPU = "an agent is about to plug in vCPUs, memory has been plugged in"
    SSH = "a command came in by SSH"
    HOST = "nowhere: in force from arming to clearing"


@dataclass(frozen=True)
class FaultKind:
    """`filters` and `options` are those that an order may have besides how often; an option's value is its default.

    A condition needs a host and strikes no call: it is in force from arming to clearing.
    """

    id: Fault
    says: str
    layer: Layer
    points: frozenset[Point]
    filters: frozenset[str]
    options: Mapping[str, float]

    @property
    def is_condition(self) -> bool:
        return Point.HOST in self.points


def _kind(kind: Fault, layer: Layer, point: Point, filters: str, says: str, **options: float) -> FaultKind:
    points = frozenset({point, Point.AGENT}) if kind is Fault.HOST_DOWN else frozenset({point})
    return FaultKind(kind, says, layer, points, frozenset(filters.split()), options)


_CALL = "command instance"
_ALL = (
    _kind(
        Fault.CONNECTION_REFUSED,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is answered, then the API's port closes for `seconds` and comes back as it was; connections end.",
        seconds=2.0,
    ),
    _kind(
        Fault.CONNECTION_RESET,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is carried out; its answer is cut in the middle by a TCP reset.",
    ),
    _kind(
        Fault.SERVER_ERROR,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is not carried out; something before the server answers HTTP `status` without CloudStack's envelope.",
        status=503,
    ),
    _kind(
        Fault.SLOW_ANSWER,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is carried out; its answer comes `seconds` later.",
        seconds=5.0,
    ),
    _kind(
        Fault.GARBAGE_BODY,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is carried out; its answer's body is `size` bytes drawn from the seed, labelled as before.",
        size=256,
    ),
    _kind(
        Fault.HTML_BODY,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is not carried out; the answer is HTTP 200 with a page in HTML, as of a proxy that wants a login.",
    ),
    _kind(
        Fault.DUPLICATED_ANSWER,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is carried out once; the answer's body holds the document twice.",
    ),
    _kind(
        Fault.REPLAYED_ANSWER,
        Layer.API,
        Point.CALL,
        _CALL,
        "The call is not carried out; it gets the last answer to the same command since the fault was armed, as from a "
        "cache. A call with no answer before it cannot be struck.",
    ),
    _kind(
        Fault.JOB_LOST,
        Layer.JOBS,
        Point.JOB,
        _CALL,
        "The job goes on, but whoever asks for it hears what is said of a job that there never was, from then on.",
    ),
    _kind(
        Fault.JOB_WITHOUT_RESULT,
        Layer.JOBS,
        Point.JOB,
        _CALL,
        "Whoever asks for the job reads, from then on, that it failed (jobstatus 2), without a jobresult.",
    ),
    _kind(
        Fault.AGENT_DISCONNECTED,
        Layer.AGENT,
        Point.AGENT,
        "command host instance",
        "The command does not reach the host's agent and fails; the host still says Up.",
    ),
    _kind(
        Fault.MIGRATION_FAILED,
        Layer.LIBVIRT,
        Point.MIGRATION,
        "host instance",
        "The migration breaks off half-way; the domain goes on where it ran.",
    ),
    _kind(
        Fault.VCPU_REFUSED,
        Layer.LIBVIRT,
        Point.VCPU,
        "host instance",
        "A scale plugs the DIMM in, then QEMU refuses the vCPUs; nothing is taken back.",
    ),
    _kind(
        Fault.LIBVIRTD_RESTARTED,
        Layer.LIBVIRT,
        Point.HOST,
        "host",
        "The host's libvirtd ends; a new one is there when this is cleared, by itself after a second. Domains run on.",
        lasts=1.0,
    ),
    _kind(
        Fault.SSH_REFUSED,
        Layer.SSH,
        Point.HOST,
        "host",
        "The host's SSH port is closed and its connections end.",
    ),
    _kind(
        Fault.SSH_HOST_KEY_CHANGED,
        Layer.SSH,
        Point.HOST,
        "host",
        "The host shows another host key, as one that was installed anew; connections end.",
    ),
    _kind(
        Fault.SSH_CUT,
        Layer.SSH,
        Point.SSH,
        "host",
        "The connection ends after the first `size` bytes of a command's output.",
        size=200,
    ),
    _kind(
        Fault.SSH_HANGING,
        Layer.SSH,
        Point.SSH,
        "host",
        "A command, or the whole server, says nothing until the fault is cleared.",
    ),
    _kind(
        Fault.HOST_DOWN,
        Layer.HOST,
        Point.HOST,
        "host",
        "The host has no power: its domains are gone, SSH is refused, its agent is not reached, the API says Down.",
    ),
)

KINDS: Mapping[Fault, FaultKind] = {kind.id: kind for kind in _ALL}
