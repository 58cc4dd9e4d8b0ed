"""Whether a fault of hosts, agents or libvirt stands behind what a case saw; asked before anything is a finding.

The API hides it: it says Up of a host whose agent is not reached, and one text for whatever an agent could not do. What
tells is the job's lines in the logs, and else whether the same step comes through when it is done again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.cloud.jobs import JobResult

_MOST_LETTERS = 500
# What CloudStack says where a command does not come to an agent, or no answer comes back. Source:
# ResourceUnavailableException, OperationTimedoutException.
_UNREACHED = re.compile(
    r"Resource \[Host:[^\]]*\] is unreachable: Host |AgentUnavailableException|OperationTimedoutException"
    r"|Commands [-\d]+ to Host \d+ timed out"
)
# How libvirt begins what it says of its own, QEMU's and the network's failures. Source: src/util/virerror.c.
_BROKE = re.compile(
    r"internal error: |operation failed: |operation aborted: |Timed out during operation: |Cannot recv data"
    r"|End of file while reading|Failed to connect socket|unable to connect to server|Unable to read from monitor"
    r"|[Oo]ut of memory|[Cc]annot allocate memory|No space left on device|Connection reset by peer"
)
# And of what was asked for wrongly, which is the doing of whoever asked.
_ASKED_WRONGLY = re.compile(
    r"must be|doesn't take|does not take|not supported|[Uu]nsupported|[Ii]nvalid|not valid|exceed|already|XML error"
)
# Source: LibvirtScaleVmCommandWrapper.
_SCALED_TO = re.compile(r"memory to \[(\d+) KiB\], CPU cores to \[(\d+)\]")
_LOG_ID = re.compile(r"logid:([0-9a-f]{8})")


@dataclass(frozen=True)
class Doubt:
    """A job that failed where it had to succeed, or succeeded without having done its work.

    `asked` is what a scale has to ask of libvirt: memory in KiB and vCPUs. `again` does the step once more and gives
    how that ended; None where it would not be the same step any more. `by_agent`: it ended as a command ends that an
    agent could not carry out, or that never came to it. `stops` stops the instance by force and says whether its domain
    is gone.
    """

    what: str
    job: JobResult
    asked: tuple[int, int] | None = None
    again: Callable[[], JobResult] | None = None
    by_agent: bool = True
    stops: Callable[[], bool] | None = None


@dataclass(frozen=True)
class Fault:
    """What broke, in words for a person, and the job in which it showed."""

    job_id: str
    says: str


def fault_in(logs: Mapping[str, Sequence[str]], doubts: Sequence[Doubt]) -> Fault | None:
    """The first fault of which the logs tell, by the name of each log its lines; or the text of a doubted job.

    A job that failed as it had to may have libvirt's words in the logs, so those count for doubted jobs alone. So does
    what only repeats a job's own text, which is the product's.
    """
    doubted = {doubt.job.job_id[:8]: doubt for doubt in doubts}
    for doubt in doubts:
        if _is_fault(doubt.job.text, doubt):
            return Fault(doubt.job.job_id, f"{doubt.what} failed: {_short(doubt.job.text)}")
    for where, line in _lines(logs):
        found = _LOG_ID.search(line)
        doubt_of_it = doubted.get(found[1]) if found else None
        if found and (_is_unreached(line) if doubt_of_it is None else _is_fault(line, doubt_of_it)):
            return Fault(found[1], f"{where}: {_short(line)}")
    return None


def fault_by_repetition(doubts: Sequence[Doubt]) -> Fault | None:
    """The first doubted step that comes through when it is done again, at once and in the same way.

    Raises:
        HarnessError: the cloud does not answer any more.
    """
    for doubt in doubts:
        if doubt.again is not None and doubt.again().succeeded:
            told = f"{doubt.what} failed ({_short(doubt.job.text)}) and came through when it was done again"
            return Fault(doubt.job.job_id, told)
    return None


def fault_by_silence(logs: Mapping[str, Sequence[str]], doubts: Sequence[Doubt]) -> Fault | None:
    """The first doubted job of which no agent's log has a line: its command came to none of them.

    `logs` are those of all agents that the case has to do with. Where they have no line of any of its jobs they keep
    too little to tell.
    """
    told = {found[1] for _, line in _lines(logs) if (found := _LOG_ID.search(line))}
    for doubt in doubts:
        if told and doubt.by_agent and doubt.job.job_id[:8] not in told:
            says = f"{doubt.what} did not come to an agent: no agent's log has a line of its job"
            return Fault(doubt.job.job_id, f"{says} ({_short(doubt.job.text or 'which succeeded')})")
    return None


def fault_by_a_stop(doubts: Sequence[Doubt]) -> Fault | None:
    """The first doubt about an agent by which nothing else is done either, where no log can be read.

    Raises:
        HarnessError: the cloud or the host does not answer any more.
    """
    for doubt in doubts:
        if doubt.by_agent and doubt.stops is not None and not doubt.stops():
            told = f"{doubt.what}, and a forced stop leaves the domain running: its host's agent is not reached"
            return Fault(doubt.job.job_id, told)
    return None


def lines_of(doubts: Sequence[Doubt], logs: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Of the logs' lines those of these jobs."""
    words = [f"logid:{doubt.job.job_id[:8]}" for doubt in doubts]
    return {name: [line for line in lines if any(word in line for word in words)] for name, lines in logs.items()}


def _lines(logs: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for where, lines in logs.items():
        for line in lines:
            yield where, line


def _is_unreached(line: str) -> bool:
    """Not where a job's failure is told: that is the answer that its caller gets."""
    return _UNREACHED.search(line) is not None and " failed: " not in line


def _is_fault(text: str, doubt: Doubt) -> bool:
    if _UNREACHED.search(text):
        return True
    if not _BROKE.search(text) or _ASKED_WRONGLY.search(text):
        return False
    asked = _SCALED_TO.search(text)
    return asked is None or doubt.asked is None or doubt.asked == (int(asked[1]), int(asked[2]))


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_LETTERS else f"{line[:_MOST_LETTERS]}..."
